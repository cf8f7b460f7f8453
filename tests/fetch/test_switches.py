"""Switches in the environment as people write them: what forbids the network is on, unless it says no."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from evalkit.core.errors import UserError
from evalkit.fetch.environment import Environment, install
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.hub import forbidden_by
from evalkit.fetch.switches import is_on

ON = ("1", "true", "True", "YES", "on", " 1 ", "2", "please")
OFF = ("", "0", "false", "False", "no", "OFF", " ", " 0 ")


@pytest.mark.parametrize("value", [*ON, *OFF])
def test_each_way_to_write_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SWITCH", value)
    assert is_on("A_SWITCH") == (value in ON)
    for name in ("EVALKIT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        for other in ("EVALKIT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            monkeypatch.delenv(other, raising=False)
        monkeypatch.setenv(name, value)
        assert forbidden_by() == (name if value in ON else "")


def test_whatever_the_hubs_library_takes_for_on_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes for off and is no word for it stays on here: no line is opened by a slip of the keyboard."""
    for value in (*ON, *OFF):
        monkeypatch.setenv("A_SWITCH", value)
        assert is_on("A_SWITCH") or not constants._is_true(value)


@pytest.mark.parametrize("value", ["false", "off", "No"])
def test_an_environment_is_made_where_the_switch_says_no(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EVALKIT_OFFLINE=false forbade the network."""
    called: list[str] = []
    (tmp_path / "requirements.txt").write_text("a==1\n")
    for step in ("_make", "_fill", "_unpack", "_tell_ready"):
        monkeypatch.setattr(f"evalkit.fetch.environment.{step}", lambda *words, step=step: called.append(step))
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVALKIT_OFFLINE", value)
    assert install(Environment("mine", tmp_path / "requirements.txt"), None, print) and len(called) == 4
    monkeypatch.setenv("EVALKIT_OFFLINE", "true")
    with pytest.raises(UserError, match="EVALKIT_OFFLINE forbids the network"):
        install(Environment("mine", tmp_path / "requirements.txt"), None, print)


def test_a_blank_home_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", " ")
    assert evalkit_home().is_absolute() and evalkit_home().name == "evalkit"
