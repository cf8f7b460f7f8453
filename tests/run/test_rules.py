"""`evalkit models check` says of each broken rule that it is broken, and of a good adapter that none is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from evalkit_broken import Adapter

from evalkit.core.errors import UserError
from evalkit.generators.base import GenBatch, rounded_down
from evalkit.generators.mock import Mock
from evalkit.generators.worker.generator import from_folder
from evalkit.run.config import RunConfig
from evalkit.run.rules import RULES, Finding, check_model, check_rules

DRILL = Path(__file__).resolve().parent.parent / "fakes" / "drill_worker"


def test_seconds_are_rounded_down_and_whole_milliseconds_stay() -> None:
    assert [rounded_down(each) for each in (440320 / 44100, 9.985, 5.12, 1.001, 0.29, 47.55446)] == [
        9.984, 9.985, 5.12, 1.001, 0.29, 47.554
    ]  # fmt: skip


def findings(flaw: str) -> dict[str, Finding]:
    return {each.rule: each for each in check_rules(Adapter(flaw), {}, "cpu", "float32")}


def broken(found: dict[str, Finding]) -> set[str]:
    return {rule for rule, each in found.items() if each.ok is False}


def test_a_good_adapter_breaks_no_rule() -> None:
    found = findings("none at all")
    assert list(found) == list(RULES) and not broken(found)
    mock = check_rules(Mock(), {"kind": "mixed", "bursts": 2}, "cpu", "float32")
    assert all(each.ok for each in mock)


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_an_adapter_that_breaks_it_alone(rule: str) -> None:
    """An adapter with one flaw is told of that one: a person looks for one mistake, not for six."""
    found = findings(rule)
    assert broken(found) == {rule}, found


@pytest.mark.parametrize(
    ("flaw", "rules"),
    [
        ("seeds-of-one", {"seeds", "neighbours"}),
        ("first-seed-for-all", {"seeds", "neighbours"}),
    ],
)
def test_one_seed_for_a_batch_is_found_out(flaw: str, rules: set[str]) -> None:
    """The commonest mistake: `torch.manual_seed(seeds[0])`."""
    assert broken(findings(flaw)) == rules


def test_a_model_that_reads_lyrics_is_told_some() -> None:
    """A run would tell it them: one that takes none fails there, item by item, and one that ignores them never says."""
    sings = findings("sings")
    assert not broken(sings) and "its own sound alone" in sings["lyrics"].detail
    assert "gave the same sound" in findings("lyrics")["lyrics"].detail
    assert "changed other sounds" in findings("lyrics-of-one")["lyrics"].detail
    assert "number of arguments" in findings("lyrics-untold")["runs"].detail
    assert findings("none at all")["lyrics"].detail == "reads none, and is told none"


def test_what_was_found_is_told_in_numbers() -> None:
    assert "16001 samples instead of 16000" in findings("length")["length"].detail
    assert "16000 Hz instead of 8000 Hz" in findings("rate")["rate"].detail
    assert "float64 (2, 16000), not float32 (2, samples)" in findings("form")["form"].detail
    assert "prompt 1" in findings("finite")["finite"].detail
    assert findings("runs")["runs"].detail == "ValueError: takes one prompt at a time"
    assert findings("runs")["memory"].ok is None and findings("repeats")["neighbours"].ok is None


def test_a_leak_in_a_worker_is_the_workers() -> None:
    """Its memory is that of another process, which says how much it is."""
    found = {each.rule: each for each in check_rules(from_folder(DRILL, "drill"), {"level": 0.3}, "cpu", "float32")}
    assert found["memory"].ok and found["neighbours"].ok and found["runs"].ok


def test_a_model_is_named_as_for_a_run() -> None:
    assert all(each.ok for each in check_model(RunConfig(model="mock", changes={"bursts": 1})))
    with pytest.raises(UserError, match="no option of mock"):
        check_model(RunConfig(model="mock", changes={"burst": 1}))
    with pytest.raises(UserError, match="made already"):
        check_model(RunConfig(model="folder:somewhere"))


@pytest.mark.parametrize("frames", [15999, 7991, 8003, 101, 16001])
def test_a_window_of_no_whole_milliseconds_is_not_asked_beyond_its_end(frames: int) -> None:
    """9.98458 s was asked for as 9.985 s, which a good model of that window cannot make."""

    class Windowed(Adapter):
        def generate(
            self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Mapping[str, object]
        ) -> GenBatch:
            made = super().generate(prompts, seconds, seeds, options)
            return replace(made, audio=[sound[:, :frames] for sound in made.audio])

    windowed = Windowed("none at all")
    windowed.spec = replace(windowed.spec, max_seconds=frames / windowed.spec.sample_rate)
    found = check_rules(windowed, {}, "cpu", "float32")
    assert all(each.ok is not False for each in found), found
