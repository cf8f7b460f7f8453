"""What is installed is asked for once, and again when something was installed: a notebook installs while it runs."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from evalkit.core import installed


def put(folder: Path, version: str) -> None:
    for old in folder.glob("thing-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = folder / f"thing-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[evalkit.metrics]\nthing = thing:V{version.replace('.', '')}\n")


def values() -> list[str]:
    return [point.value for point in installed.entry_points("evalkit.metrics") if point.name == "thing"]


def test_a_package_that_comes_goes_or_changes_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    assert (installed.version("thing"), values()) == ("", [])
    put(tmp_path, "1.0")
    assert (installed.version("thing"), values()) == ("1.0", ["thing:V10"])
    put(tmp_path, "1.1")
    assert (installed.version("thing"), values()) == ("1.1", ["thing:V11"])
    monkeypatch.undo()
    assert (installed.version("thing"), values()) == ("", [])


def test_the_metadata_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run asks thirty times; each reading of them all is a tenth of a second."""
    first = installed.version("numpy"), installed.entry_points("evalkit.models")
    monkeypatch.setattr(importlib.metadata, "version", None)
    monkeypatch.setattr(importlib.metadata, "entry_points", None)
    assert (installed.version("numpy"), installed.entry_points("evalkit.models")) == first
