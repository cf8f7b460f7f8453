"""The gate that may stop early: it decides what is clear, leaves open what is not, and never judges a set early."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evalkit_gate import changed, record, write_run

from evalkit.api.check import against
from evalkit.comparison.early import decided, drawn
from evalkit.comparison.record import Record
from evalkit.core.faults import Gathering
from evalkit.run.baseline import save_baseline
from evalkit.run.early import AT_THE_END, early
from evalkit.run.gate import Comparison, check, passes


def looked(run: Record, baseline: Record, **words: object) -> dict[str, Comparison]:
    return {each.metric: each for each in early(run, baseline, check(run, baseline, **words))}  # type: ignore[arg-type]


def thousand(effect: float, seed: int) -> tuple[Record, Record]:
    """A baseline of 1,000 prompts, and a run whose CLAP scores are lower by `effect` sd of the differences."""
    rng = np.random.default_rng(seed)
    ids, prompts = [f"p{place}" for place in range(1000)], rng.normal(0, 3, 1000)

    def side(values: np.ndarray) -> Record:
        per_prompt = dict(zip(ids, values.tolist(), strict=True))
        made = changed(record(), "clap_score", per_prompt=per_prompt, value=float(values.mean()), n=1000)
        return replace(made, groups={i: i for i in ids}, metrics={"clap_score": made.metrics["clap_score"]})

    return side(prompts + rng.standard_normal(1000) - effect), side(prompts)


def test_an_effect_of_a_third_of_a_deviation_needs_less_than_a_third_of_the_prompts() -> None:
    after = []
    for seed in range(30):
        found = looked(*thousand(0.3, seed))["clap_score"]
        assert found.verdict == "worse"
        after.append(found.decided_after or 1000)
    assert np.median(after) < 333


def test_a_better_run_is_decided_early_too_and_passes() -> None:
    found = looked(*thousand(-0.3, 1))["clap_score"]
    assert (found.verdict, found.direction) == ("pass", "higher")
    assert found.decided_after is not None
    assert found.decided_after < 500
    assert f"decided after {found.decided_after} of 1000 prompts" in found.reason


def test_an_unchanged_run_goes_to_the_end_and_says_so() -> None:
    """Whoever looks after every prompt would call one in four of them worse or better."""
    found = [looked(*thousand(0.0, seed))["clap_score"] for seed in range(60)]
    assert sum(each.verdict == "worse" or each.decided_after is not None for each in found) <= 5
    assert any("not decided after all 1000 prompts" in each.reason for each in found)


def test_a_tolerance_decides_what_is_within_it() -> None:
    run, base = thousand(0.0, 3)
    (found,) = early(run, base, check(run, base, tolerances={"clap_score": 0.5}))
    assert found.verdict == "pass"
    assert found.decided_after is not None
    assert found.decided_after < 500


def test_a_distance_of_sets_is_never_judged_early() -> None:
    """Half a set has another distance: its verdict, its numbers and its prompts are those of the whole."""
    run, base = record(shift=0.4, noise=0.1), record()
    plain = {each.metric: each for each in check(run, base)}["fd_openl3"]
    found = looked(run, base)
    assert found["fd_openl3"].decided_after is None
    assert AT_THE_END in found["fd_openl3"].reason
    assert replace(found["fd_openl3"], reason="") == replace(plain, reason="")
    assert found["kl_passt"].decided_after is not None


def test_what_cannot_be_compared_stays_invalid() -> None:
    run = changed(record(), "kl_passt", protocol="another")
    found = looked(run, record())["kl_passt"]
    assert found.verdict == "invalid"
    assert found.decided_after is None


def test_runs_that_are_the_same_are_not_decided_by_having_no_spread() -> None:
    found = looked(record(), record())
    assert {each.decided_after for each in found.values()} == {None}
    assert passes(list(found.values()), strict=True)


def test_prompts_that_are_listed_by_kind_are_not_looked_at_by_kind() -> None:
    """The first hundred of a list may all be dogs, of which something is true that is not true of the suite."""
    ids = [f"p{place}" for place in range(600)]
    rng = np.random.default_rng(5)
    values = np.where(np.arange(600) < 300, 1.0, -1.0) + 0.5 * rng.standard_normal(600)
    groups = {i: i for i in ids}
    found = decided(dict(zip(ids, (values - values.mean()).tolist(), strict=True)), groups, "lower")
    assert found.way == ""
    first = drawn(ids)[:100]
    assert 30 < sum(int(each[1:]) < 300 for each in first) < 70
    assert drawn(reversed(ids)) == drawn(ids), "the order is the sources' own"


def test_from_the_files(tmp_path: Path) -> None:
    save_baseline(record(), tmp_path / "base.json")
    run = write_run(tmp_path / "run", record(shift=0.4, noise=0.2))
    found = against(run, tmp_path / "base.json", [], {}, False, Gathering(), stop_early=True)
    assert not found.passed
    assert found["clap_score"].decided_after is not None
    with pytest.raises(KeyError):
        found["nothing"]
