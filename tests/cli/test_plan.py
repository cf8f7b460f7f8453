"""`evalkit plan`: it says what is needed, what was measured and what is assumed, and refuses what it cannot read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from evalkit.cli.main import main

Answer = tuple[int, str, str]
BASELINE = Path(__file__).resolve().parents[2] / "reports" / "baselines" / "mini" / "stable-audio-mini.json"


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`plan(*arguments)` -> (exit code, stdout, stderr)."""

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["evalkit", "plan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_it_says_what_is_needed_and_what_is_assumed(plan: Callable[..., Answer]) -> None:
    code, out, _ = plan("--detect", "fd_openl3=5%", "--detect", "clap_score=0.01", "--baseline", BASELINE)
    assert code == 0
    assert "fd_openl3: 64 prompts of one sound each see" in out
    assert "too few for" in out
    assert "assumed: two sounds of one prompt correlate by 0" in out


def test_a_part_is_of_the_baselines_value(plan: Callable[..., Answer]) -> None:
    value = json.loads(BASELINE.read_text())["metrics"]["fd_openl3"]["value"]
    code, out, _ = plan("--detect", "fd_openl3=5%", "--baseline", BASELINE, "--json")
    (found,) = json.loads(out)["metrics"]
    assert code == 0
    assert found["change"] == pytest.approx(0.05 * value)
    assert found["needed"] > 64
    assert found["ground"] == "assumed"


def test_more_sounds_ask_for_another_baseline(plan: Callable[..., Answer]) -> None:
    _, out, _ = plan("--detect", "clap_score=5%", "--baseline", BASELINE, "--samples", "2")
    assert "has 1 sound a prompt: it has to be made again with 2" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--detect", "fd_openl=5%"), "did you mean fd_openl3"),
        (("--detect", "fd_openl3"), "is not METRIC=CHANGE"),
        (("--detect", "fd_openl3=-1"), "is not METRIC=CHANGE"),
        (("--detect", "fd_openl3=nan%"), "is not METRIC=CHANGE"),
        (("--detect", "fd_openl3=inf"), "is not METRIC=CHANGE"),
        (("--detect", "fd_openl3=5%", "--correlation", "1"), "--correlation 1"),
        (("--detect", "fd_openl3=5%", "--twin", "nowhere"), "nowhere"),
    ],
)
def test_what_is_mistyped_is_told(plan: Callable[..., Answer], words: tuple[str, ...], told: str) -> None:
    code, _, err = plan(*words, "--baseline", BASELINE)
    assert code == 2
    assert told in err


def test_all_that_is_mistyped_is_told_at_once(plan: Callable[..., Answer]) -> None:
    _, _, err = plan("--detect", "fd_openl=5%", "--detect", "clap_score=x", "--baseline", BASELINE)
    assert "did you mean fd_openl3" in err
    assert "'clap_score=x'" in err


def test_python_foresees_the_same(plan: Callable[..., Answer]) -> None:
    import evalkit

    _, out, _ = plan("--detect", "fd_openl3=5%", "--detect", "clap_score=0.01", "--baseline", BASELINE, "--json")
    found = evalkit.plan(BASELINE, {"fd_openl3": "5%", "clap_score": 0.01})
    assert [asdict(each) for each in found.values()] == json.loads(out)["metrics"]
    assert list(found.table().index) == list(found) == ["fd_openl3", "clap_score"]
    assert found["fd_openl3"].sees > found["fd_openl3"].change and "<table>" in found._repr_html_()
    with pytest.raises(evalkit.UserError, match=r"correlation 1: a value.*did you mean fd_openl3"):
        evalkit.plan(BASELINE, {"fd_openl": "5%"}, correlation=1)
    with pytest.raises(KeyError, match="did you mean clap_score"):
        found["clap_scor"]
