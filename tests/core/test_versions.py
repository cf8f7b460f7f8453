"""The version stamp beside every number, and how it differs from what was tested."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from evalkit.core import versions
from evalkit.core.versions import UNTESTED, deviations, stamp


def _tested_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    (tmp_path / "constraints.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(versions, "resource", lambda kind: tmp_path / kind)


def test_the_stamp_names_what_numbers_depend_on() -> None:
    found = stamp()
    assert {"evalkit", "python", "torch", "numpy", "soxr", "diffusers"} <= set(found) and all(found.values())


def test_what_is_another_version_than_was_tested_is_on_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also of a package that numbers don't depend on as far as we know: that is what a reader would have to guess."""
    torch = version("torch").partition("+")[0]
    _tested_with(monkeypatch, tmp_path, f"# a comment\nnumpy==0.1.2\ntorch=={torch}\npluggy==0.3\nnot-here==1.0\n")
    assert deviations() == {"numpy": ("0.1.2", version("numpy")), "pluggy": ("0.3", version("pluggy"))}
    told = stamp()[UNTESTED]
    assert told == f"numpy {version('numpy')} (tested with 0.1.2), pluggy {version('pluggy')} (tested with 0.3)"


def test_the_tested_versions_deviate_in_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A build's own suffix is the same release: `torch==2.13.0` is what installs 2.13.0+cpu."""
    _tested_with(monkeypatch, tmp_path, f"torch=={version('torch').partition('+')[0]}\nnumpy=={version('numpy')}\n")
    assert stamp()[UNTESTED] == "none"
