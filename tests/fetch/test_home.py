"""Where evalkit's folder is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalkit.fetch.home import evalkit_home


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
