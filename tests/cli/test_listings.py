"""models, suites, metrics, doctor: what is at hand, for people and for machines, and one line for a wrong name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from evalkit.core import versions
from evalkit.fetch.weights import MINIS

Answer = tuple[int, str, str]


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("models", {"mock", "stable-audio", "stable-audio-mini"}),
        ("suites", {"mini"}),
        ("metrics", {"fd_openl3", "kl_passt", "clap_score"}),
    ],
)
def test_lists_name_everything(evalkit: Callable[..., Answer], verb: str, expected: set[str]) -> None:
    code, out, _ = evalkit(verb, "--json")
    assert code == 0
    assert expected <= {each["name"] for each in json.loads(out)}
    _, table, _ = evalkit(verb)
    assert all(name in table for name in expected)


@pytest.mark.parametrize(("verb", "typo", "meant"), [("models", "mok", "mock"), ("metrics", "kl_past", "kl_passt")])
def test_a_wrong_name_is_one_line_with_the_nearest(
    evalkit: Callable[..., Answer], verb: str, typo: str, meant: str
) -> None:
    code, out, err = evalkit(verb, typo)
    assert code == 2
    assert not out
    assert err.count("\n") == 1
    assert f"did you mean {meant}" in err
    assert "Traceback" not in err


def test_one_suite_in_full(evalkit: Callable[..., Answer]) -> None:
    _, out, _ = evalkit("suites", "mini", "--json")
    suite = json.loads(out)
    assert len(suite["items"]) == suite["prompts"] == 64
    assert suite["metrics"]["kl_passt"]["weights"] == "passt-mini"
    _, table, _ = evalkit("suites", "mini")
    assert suite["digest"] in table
    assert "A dog barks three times" in table


def test_one_metric_is_its_manual(evalkit: Callable[..., Answer]) -> None:
    _, out, _ = evalkit("metrics", "fd_openl3")
    assert "lower" in out
    assert "What it cannot" in out


def test_a_model_says_whether_its_weights_are_here(evalkit: Callable[..., Answer]) -> None:
    by_name = {each["name"]: each for each in json.loads(evalkit("models", "--json")[1])}
    assert by_name["mock"]["weights_here"] == "none needed"
    assert by_name["stable-audio"]["weights_here"] == "missing"
    assert "licence" in by_name["stable-audio"]["how"]
    assert by_name["stable-audio-mini"]["size"] == "mini"
    assert by_name["stable-audio-mini"]["parameters"] > 1e6
    assert by_name["stable-audio"]["gated"] and by_name["stable-audio"]["parameters"] == 1_213_337_602
    assert by_name["stable-audio-2"]["weights_here"] == "unpublished"
    assert "never published" in by_name["stable-audio-2"]["how"]
    assert by_name["stable-audio-2"]["window_seconds"] == pytest.approx(285.3, abs=0.1)
    _, out, _ = evalkit("models", "stable-audio-mini")
    assert "preset" in out
    assert "evalkit models NAME" in evalkit("models")[1]


def test_a_model_whose_tower_is_missing_is_partly_here(
    evalkit: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Half of the files are no model; which half is missing, and where it goes, is what one needs to know."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path))
    (tmp_path / "weights" / "stable-audio-open-1.0").mkdir(parents=True)
    found = json.loads(evalkit("models", "stable-audio", "--json")[1])
    assert found["weights_here"] == "partly"
    assert "t5-base" in found["how"] and "stable-audio-open-1.0" in found["how"]


def test_the_doctor_finds_this_machine_ready(evalkit: Callable[..., Answer]) -> None:
    code, out, _ = evalkit("doctor", "--json")
    found = {each["name"]: each for each in json.loads(out)["findings"]}
    assert code == 0, [each for each in found.values() if each["state"] == "fail"]
    assert {"python", "torch", "EVALKIT_HOME", "free disk", "chromium", *MINIS} <= found.keys()


def test_the_doctor_names_what_is_another_version_than_was_tested(
    evalkit: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the first thing to rule out where a number differs from ours; it stops nothing."""
    monkeypatch.setattr(
        versions, "pinned", lambda: {"numpy": "0.1.2", "torch": "0.3", "urllib3": "0.2", "not-here": "1"}
    )
    code, out, _ = evalkit("doctor", "--json")
    found = [each for each in json.loads(out)["findings"] if "tested with" in each["detail"]]
    assert code == 0
    assert {each["name"]: each["state"] for each in found} == dict.fromkeys(("numpy", "torch", "urllib3"), "warn")
    assert found[0]["detail"] == f"tested with 0.1.2, here {version('numpy')}"


def test_the_doctor_says_the_digest_of_weights_in_several_files(evalkit: Callable[..., Answer]) -> None:
    """Half a sentence stood where audioldm-mini's digest should have been: its tensors lie in folders of its parts."""
    _, out, _ = evalkit("doctor", "--json")
    found = {each["name"]: each["detail"] for each in json.loads(out)["findings"]}
    assert all(re.match(r"[0-9a-f]{12} at /", found[name]) for name in MINIS), found


def test_the_doctor_says_where_a_folder_has_no_weights(evalkit: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "home" / "weights" / "t5-base").mkdir(parents=True)
    _, out, _ = evalkit("doctor", "--json")
    (found,) = [each["detail"] for each in json.loads(out)["findings"] if each["name"] == "t5-base"]
    assert found == f"no tensors at {tmp_path}/home/weights/t5-base"


def test_the_doctor_names_a_folder_that_cannot_be_written(
    evalkit: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALKIT_HOME", "/proc/evalkit")
    code, out, _ = evalkit("doctor", "--json")
    found = {each["name"]: each for each in json.loads(out)["findings"]}
    assert code == 1
    assert found["EVALKIT_HOME"]["state"] == "fail"
    assert "/proc/evalkit" in found["EVALKIT_HOME"]["detail"]
