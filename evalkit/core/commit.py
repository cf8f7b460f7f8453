"""Which commit the working folder is at, and whether its files are changed: asked of git, where there is one.

A folder may be a stranger's, and git runs what a repository's own configuration names (filters of its files, watchers,
helpers of a remote that lacks objects). So the commit is asked by a command that runs nothing, and whether files are
changed only where the repository configures nothing but what is known to be harmless.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evalkit.core import processes

_SECONDS = 10.0
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HARMLESS = re.compile(
    r"core\.(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol"
    r"|safecrlf|abbrev|quotepath|sparsecheckout|sparsecheckoutcone|longpaths)"
    r"|extensions\.objectformat"
    r"|remote\..*\.(?:url|pushurl|fetch|push|tagopt|prune|gh-resolved)"
    r"|(?:branch|user|gc|http|https|url|advice|color|init|pull|push|merge|rebase|fetch|tag|submodule|safe)\..*"
)
"""Keys of a repository's own configuration beside which `git status` runs no program of the repository's choice."""


@dataclass(frozen=True)
class Commit:
    """`id` as hexadecimal digits; `dirty`: do tracked files differ from it? None where that was not asked."""

    id: str
    dirty: bool | None


def commit_here(folder: Path) -> Commit | None:
    """The commit that a folder's repository is at; None where it is in none, has no commit, or git is not here."""
    head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    found = "" if head is None else head.strip()
    return Commit(found, _dirty(folder)) if _ID.fullmatch(found) else None


def _dirty(folder: Path) -> bool | None:
    keys = _git(folder, "config", "--local", "--no-includes", "--name-only", "--null", "--list")
    if keys is None or not all(_HARMLESS.fullmatch(key.lower()) for key in keys.split("\0") if key):
        return None
    options = ("-c", "core.fsmonitor=false", "-c", "core.untrackedcache=false")
    status = _git(folder, *options, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    return None if status is None else bool(status.strip())


def _git(folder: Path, *words: str) -> str | None:
    """What git printed; None where there is no git, or it says that this cannot be told."""
    git = processes.program("git")
    if git is None:
        return None
    environment = processes.chosen_environment(GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0", GIT_NO_LAZY_FETCH="1")
    with suppress(OSError):  # a TimeoutError is one
        done = processes.run([git, *words], folder, environment, timeout=_SECONDS)
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
    return None
