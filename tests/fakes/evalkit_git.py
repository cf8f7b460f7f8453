"""A git repository with one commit, made without the person's configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def git(folder: Path, *words: str) -> str:
    """What git prints, in a folder. Skips the test where there is no git."""
    found = shutil.which("git")
    if found is None:
        pytest.skip("no git on this machine")
    person = {f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    variables = {**os.environ, **person, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run([found, *words], cwd=folder, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path) -> str:
    """Make a folder one, with `code.py` in it; returns its commit."""
    git(folder, "init", "--quiet")
    (folder / "code.py").write_text("1\n")
    git(folder, "add", "code.py")
    git(folder, "commit", "--quiet", "-m", "one")
    return git(folder, "rev-parse", "HEAD")
