"""Where evalkit's folder is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.fetch.home import evalkit_home, writable_home


def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "here"))
    assert evalkit_home() == tmp_path / "here"


@pytest.mark.parametrize(
    ("platform", "variable", "value", "wanted"),
    [
        ("linux", "XDG_CACHE_HOME", "/cache", "/cache/evalkit"),
        ("linux", "XDG_CACHE_HOME", "relative", "/home/a/.cache/evalkit"),
        ("darwin", "XDG_CACHE_HOME", "/cache", "/home/a/Library/Caches/evalkit"),
        ("win32", "LOCALAPPDATA", "/local", "/local/evalkit/Cache"),
    ],
)
def test_each_platform_has_its_cache_folder(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, value: str, wanted: str
) -> None:
    monkeypatch.delenv("EVALKIT_HOME")
    monkeypatch.setenv("HOME", "/home/a")
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert evalkit_home().as_posix() == wanted


def test_a_folder_that_cannot_be_written_is_told_by_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for place in (str(tmp_path / "file" / "home"), "/proc/evalkit"):
        monkeypatch.setenv("EVALKIT_HOME", place)
        with pytest.raises(UserError, match=f"EVALKIT_HOME cannot be written: {place}/cache.*say EVALKIT_HOME=FOLDER"):
            writable_home("cache")
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    assert writable_home("cache") == tmp_path / "home" / "cache" and not list((tmp_path / "home" / "cache").iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_elses_is_told_too(tmp_path: Path) -> None:
    """Permission bits hold no root, so the look is made by another user, in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # nothing is imported here: this user may not read where the modules lie
        try:
            os.setuid(65534)
            os.environ["EVALKIT_HOME"] = "/root-of-evalkit"
            writable_home("cache", "features")
        except UserError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, encoding="utf-8") as file:
        assert "EVALKIT_HOME cannot be written: /root-of-evalkit/cache/features: Permission denied" in file.read()
