"""Shipped prompts must be found from a checkout and from a wheel."""

from pathlib import Path

import pytest

from evalkit.core import resources
from evalkit.core.errors import UserError


def test_the_embedded_suite_is_found() -> None:
    assert (resources.resource("prompts") / "mini.toml").is_file()
    assert resources.resource("baselines").is_dir()
    assert (resources.resource("reports") / "published").is_dir()


def test_a_wheel_finds_its_own_copy_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evalkit" / "_data" / "prompts").mkdir(parents=True)
    (tmp_path / "prompts").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "evalkit")
    assert resources.resource("prompts") == tmp_path / "evalkit" / "_data" / "prompts"


def test_a_broken_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "evalkit")
    with pytest.raises(UserError, match="own prompts is not installed"):
        resources.resource("prompts")
