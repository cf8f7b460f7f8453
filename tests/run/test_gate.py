"""The gate fails when a metric is worse or cannot be compared, and only then."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalkit_gate import IDS, SUITE, N, changed, record, score

from evalkit.comparison.record import Record
from evalkit.core.errors import UserError
from evalkit.run.baseline import read_baseline, save_baseline
from evalkit.run.gate import Comparison, check, passes, unjudged


def verdicts(comparisons: list[Comparison]) -> dict[str, str]:
    return {each.metric: each.verdict for each in comparisons}


def test_a_run_passes_against_itself() -> None:
    comparisons = check(record(), record())
    assert set(verdicts(comparisons).values()) == {"pass"}
    assert [each.difference for each in comparisons] == [0, 0, 0]
    assert passes(comparisons, strict=True)


def test_a_worse_run_fails_on_every_metric_in_its_own_direction() -> None:
    comparisons = check(record(shift=0.2, noise=0.1), record())
    assert set(verdicts(comparisons).values()) == {"worse"}
    assert not passes(comparisons)


def test_a_better_run_passes() -> None:
    comparisons = check(record(shift=-0.2, noise=0.1), record())
    assert set(verdicts(comparisons).values()) == {"pass"}


def test_pairing_sees_what_the_metrics_own_intervals_cannot() -> None:
    """The prompts' spread (1.0) hides a shift of 0.1; their differences (0.05) do not."""
    by_name = {each.metric: each for each in check(record(shift=0.1, noise=0.05), record())}
    assert by_name["kl_passt"].method == "paired"
    assert by_name["kl_passt"].verdict == "worse"
    assert by_name["kl_passt"].p is not None
    assert by_name["kl_passt"].p < 0.01
    assert by_name["fd_openl3"].method == "independent intervals"


def test_an_error_that_a_file_states_is_taken_and_not_read_off_an_interval_that_is_cut() -> None:
    """Near the end of its range a measure's interval is narrower than its error; the gate would be too sure."""
    near = {"value": 0.1, "low": 0.0, "high": 0.3, "se": 0.1, "freedom": 20}
    base, run = (changed(record(), "fd_openl3", **{**near, "value": value}) for value in (0.1, 0.35))
    (each,) = check(run, base, ["fd_openl3"])
    assert (each.method, each.verdict) == ("independent errors", "inconclusive")
    assert each.high is not None
    assert each.high - 0.25 == pytest.approx(2.0211 * math.sqrt(2) * 0.1, rel=1e-4), "t at Welch's 40 degrees"
    older = changed(base, "fd_openl3", se=None)
    assert check(run, older, ["fd_openl3"])[0].method == "independent intervals"
    for wrong, words in ((-0.1, "below zero"), (math.nan, "not a number"), ("0.1", "not a number")):
        (each,) = check(changed(run, "fd_openl3", se=wrong), base, ["fd_openl3"])
        assert each.verdict == "invalid"
        assert words in each.reason


@pytest.mark.parametrize(("sources", "verdict"), [(60, "worse"), (5, "inconclusive")])
def test_differences_that_are_all_the_same_are_judged_by_their_signs(sources: int, verdict: str) -> None:
    """They have no spread: an error of nothing would make the gate infinitely sure, of five prompts as of sixty."""
    groups = {key: str(place % sources) for place, key in enumerate(IDS)}
    base, run = (replace(record(shift), groups=groups) for shift in (0.0, 0.125))
    (each,) = check(run, base, ["kl_passt"])
    assert (each.verdict, each.low, each.detectable) == (verdict, None, None)
    assert "same" in each.reason
    (better,) = check(base, run, ["kl_passt"])
    assert better.verdict != "worse"
    (accepted,) = check(run, base, ["kl_passt"], {"kl_passt": 0.5})
    assert accepted.verdict != "worse"


def test_leave_outs_without_spread_are_no_certainty() -> None:
    flat = {"value": 0.0, "low": None, "high": None, "se": None, "leave_outs": [0.0] * 25}
    base = changed(record(), "fd_openl3", **flat)
    run = changed(record(), "fd_openl3", **{**flat, "value": 0.1, "leave_outs": [0.1] * 25})
    (each,) = check(run, base, ["fd_openl3"])
    assert each.verdict == "inconclusive"
    assert check(base, base, ["fd_openl3"])[0].verdict == "pass"


def test_an_accepted_loss_passes_until_it_is_surely_exceeded() -> None:
    run = record(shift=0.2, noise=0.1)
    tolerances = {"kl_passt": 0.3, "clap_score": 0.3, "fd_openl3": 30.0}
    assert passes(check(run, record(), tolerances=tolerances), strict=True)
    tight = dict.fromkeys(("kl_passt", "clap_score"), 0.1)
    assert verdicts(check(run, record(), tolerances=tight))["kl_passt"] == "worse"


def test_a_blind_gate_says_so_and_passes_only_if_not_strict() -> None:
    comparisons = check(record(shift=0.02, noise=5.0), record(), ["kl_passt"])
    assert verdicts(comparisons) == {"kl_passt": "inconclusive"}
    assert "only a loss above" in comparisons[0].reason
    assert passes(comparisons)
    assert not passes(comparisons, strict=True)


def test_the_detectable_change_is_that_of_the_interval() -> None:
    """1.96 + 0.84 standard errors: the interval's half width is 1.96 of them (here by t, a little more)."""
    (each,) = check(record(shift=0.02, noise=0.5), record(), ["kl_passt"])
    assert each.low is not None
    assert each.high is not None
    assert each.detectable == pytest.approx((each.high - each.low) / 2 * 2.8 / 1.96, rel=0.05)


def test_no_interval_is_inconclusive_unless_nothing_changed() -> None:
    none = {"low": None, "high": None}
    base = changed(record(), "fd_openl3", **none)
    assert verdicts(check(changed(base, "fd_openl3", value=101.0), base, ["fd_openl3"])) == {
        "fd_openl3": "inconclusive"
    }
    assert verdicts(check(base, base, ["fd_openl3"])) == {"fd_openl3": "pass"}


def without(run: Record, metric: str) -> Record:
    return replace(run, metrics={name: each for name, each in run.metrics.items() if name != metric})


INVALID: list[tuple[str, Callable[[Record], Record], str]] = [
    ("nan", lambda r: changed(r, "kl_passt", value=math.nan), r"no value \(nan\)"),
    ("null", lambda r: changed(r, "kl_passt", value=None), r"no value \(None\)"),
    ("infinite", lambda r: changed(r, "kl_passt", value=math.inf), "no value"),
    ("text", lambda r: changed(r, "kl_passt", value="3.0"), "no value"),
    ("true", lambda r: changed(r, "kl_passt", value=True), "no value"),
    ("huge", lambda r: changed(r, "kl_passt", value=10**400), "no value"),
    ("nan interval", lambda r: changed(r, "kl_passt", low=math.nan), "interval that is not a number"),
    ("missing", lambda r: without(r, "kl_passt"), "does not have this metric"),
    ("protocol", lambda r: changed(r, "kl_passt", protocol="other"), "another protocol"),
    ("weights", lambda r: changed(r, "kl_passt", weights="x" * 64), "another weights"),
    ("settings", lambda r: changed(r, "kl_passt", embedder="x" * 64), "another embedder settings"),
    ("direction", lambda r: changed(r, "kl_passt", direction="higher"), "another direction"),
    ("no direction", lambda r: changed(r, "kl_passt", direction=None), "which direction"),
    ("n", lambda r: changed(r, "kl_passt", n=N - 1), "another n"),
    ("no n", lambda r: changed(r, "kl_passt", n=0), "has no n"),
    ("failures", lambda r: changed(r, "kl_passt", n_failed=3), "another n_failed"),
    ("reference", lambda r: changed(r, "kl_passt", n_reference=3), "another n_reference"),
    ("suite", lambda r: replace(r, suite={**SUITE, "name": "other"}), "another suite"),
    ("version", lambda r: replace(r, suite={**SUITE, "version": "2"}), "another suite version"),
    ("content", lambda r: replace(r, suite={**SUITE, "digest": "0" * 64}), "another suite content"),
    ("prompts", lambda r: replace(r, groups={i: i for i in IDS[1:]}), "other prompts were scored"),
]


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
@pytest.mark.parametrize("side", ["run", "baseline"])
def test_what_cannot_be_compared_never_passes(side: str, change: Callable[[Record], Record], words: str) -> None:
    run, baseline = record(), record()
    run, baseline = (change(run), baseline) if side == "run" else (run, change(baseline))
    (each,) = check(run, baseline, ["kl_passt"])
    assert each.verdict == "invalid"
    assert not passes([each])
    assert re.search(words, each.reason)


def test_a_run_that_has_not_ended_never_passes() -> None:
    comparisons = check(replace(record(), status="started"), record())
    assert set(verdicts(comparisons).values()) == {"invalid"}
    assert "status is started" in comparisons[0].reason


def test_a_metric_that_the_baseline_lacks_does_not_fail_the_rest() -> None:
    assert set(verdicts(check(record(), without(record(), "kl_passt")))) == {"fd_openl3", "clap_score"}


def test_an_empty_baseline_passes_nobody() -> None:
    with pytest.raises(UserError, match="nothing can pass it"):
        check(record(), replace(record(), metrics={}))
    assert not passes([])


def test_an_unknown_metric_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean kl_passt"):
        check(record(), record(), ["kl_past"])
    with pytest.raises(UserError, match="clap_score"):
        check(record(), record(), tolerances={"clap": 1.0})


def test_values_that_are_no_mean_of_prompts_are_not_paired() -> None:
    """A metric may report per-prompt values that do not add up to it; pairing those would judge another number."""
    run = changed(record(), "kl_passt", value=9.0, low=8.9, high=9.1)
    (each,) = check(run, record(), ["kl_passt"])
    assert each.method == "independent intervals"
    assert each.verdict == "worse"


def folded(value: float, shared: np.ndarray, seed: int) -> dict[str, Any]:
    """A distance whose leave-outs move mostly with what the prompts share."""
    own = np.random.default_rng(seed).normal(0, 0.01, len(shared))
    return {"value": value, "low": value - 20, "high": value + 20, "leave_outs": (value + shared + own).tolist()}


def test_a_distance_is_paired_by_the_folds_that_both_sides_leave_out() -> None:
    """Runs of the same prompts move together; two intervals taken as independent are blind to a loss of 2."""
    shared = np.random.default_rng(7).normal(0, 0.5, 25)
    base = changed(record(), "fd_openl3", **folded(100.0, shared, 1))
    run = changed(record(), "fd_openl3", **folded(102.0, shared, 2))
    (each,) = check(run, base, ["fd_openl3"])
    assert (each.method, each.verdict) == ("paired jackknife", "worse") and each.p is not None and each.p < 1e-9
    differences = np.array(run.metrics["fd_openl3"]["leave_outs"]) - base.metrics["fd_openl3"]["leave_outs"]
    error = np.sqrt(24 / 25 * np.square(differences - differences.mean()).sum())
    assert each.high is not None
    assert each.detectable is not None
    assert each.high - 2.0 == pytest.approx(2.0639 * error, rel=1e-4)
    assert each.detectable == pytest.approx(2.9201 * error, rel=1e-4)
    (apart,) = check(changed(run, "fd_openl3", leave_outs=[]), base, ["fd_openl3"])
    assert (apart.method, apart.verdict) == ("independent intervals", "inconclusive")


@pytest.mark.parametrize(
    "changes",
    [
        {"leave_outs": [1.0] * 24},
        {"leave_outs": [1.0, None] * 12},
        {"leave_outs": "x"},
        {"leave_outs": [math.nan] * 25},
    ],
)
def test_leave_outs_that_cannot_be_paired_are_left_alone(changes: dict[str, Any]) -> None:
    """Another number of folds, a hole, or a file that someone has edited: the wider interval stands."""
    shared = np.random.default_rng(8).normal(0, 0.5, 25)
    base = changed(record(), "fd_openl3", **folded(100.0, shared, 1))
    run = changed(record(), "fd_openl3", **{**folded(102.0, shared, 2), **changes})
    assert check(run, base, ["fd_openl3"])[0].method == "independent intervals"


def test_folds_are_not_paired_where_items_failed_or_groups_differ() -> None:
    shared = np.random.default_rng(9).normal(0, 0.5, 25)
    base = changed(record(), "fd_openl3", **folded(100.0, shared, 1), n_failed=1)
    run = changed(record(), "fd_openl3", **folded(102.0, shared, 2), n_failed=1)
    assert check(run, base, ["fd_openl3"])[0].method == "independent intervals"
    whole = changed(base, "fd_openl3", n_failed=0)
    other = replace(changed(run, "fd_openl3", n_failed=0), groups=dict.fromkeys(IDS, "one"))
    assert check(other, whole, ["fd_openl3"])[0].method == "independent intervals"


def test_leave_outs_survive_in_a_baseline_file(tmp_path: Path) -> None:
    shared = np.random.default_rng(10).normal(0, 0.5, 25)
    run = changed(record(), "fd_openl3", **folded(100.0, shared, 1))
    save_baseline(run, tmp_path / "b.json")
    kept = read_baseline(tmp_path / "b.json")
    assert kept.metrics["fd_openl3"]["leave_outs"] == run.metrics["fd_openl3"]["leave_outs"]
    assert check(run, kept, ["fd_openl3"])[0].method == "paired jackknife"
    assert kept.metrics["kl_passt"]["leave_outs"] == []


def further(run: Record, shift: float = 0.0) -> Record:
    """The run with a further measure and one without a better side beside its headline metrics."""
    values = {i: 1.0 + 0.01 * place + shift for place, i in enumerate(IDS)}
    value = math.fsum(values.values()) / N
    more = {
        "clipping_share": {**score(value, "lower", values), "headline": False},
        "loudness_lufs": {**score(value, "none", values), "headline": False},
    }
    return replace(run, metrics={**run.metrics, **more})


def test_further_measures_are_judged_only_where_they_are_named() -> None:
    """A dozen of them, each with its false alarms, would fail an unchanged model every few runs."""
    run, baseline = further(record(), shift=0.5), further(record())
    assert set(verdicts(check(run, baseline))) == {"fd_openl3", "kl_passt", "clap_score"}
    assert verdicts(check(run, baseline, ["clipping_share"])) == {"clipping_share": "worse"}
    assert verdicts(check(run, baseline, tolerances={"clipping_share": 1.0}))["clipping_share"] == "pass"
    assert unjudged(baseline) == ["clipping_share", "loudness_lufs"]


def test_what_has_no_better_side_cannot_be_worse() -> None:
    run, baseline = further(record(), shift=0.5), further(record())
    for asked in ({"metrics": ["loudness_lufs"]}, {"tolerances": {"loudness_lufs": 1.0}}):
        with pytest.raises(UserError, match="neither side of it is better"):
            check(run, baseline, **asked)
    bare = replace(baseline, metrics={"loudness_lufs": baseline.metrics["loudness_lufs"]})
    with pytest.raises(UserError, match="no metrics to judge"):
        check(run, bare)


def test_a_baseline_keeps_which_metrics_are_headlines(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    save_baseline(further(record()), path)
    assert unjudged(read_baseline(path)) == ["clipping_share", "loudness_lufs"]


def test_another_code_of_the_same_metric_is_not_comparable() -> None:
    """A corrected metric is another one; where a side does not say (evalkit's own, old files) nothing is refused."""

    def coded(code: str | None) -> Record:
        found = record()
        return replace(found, metrics={name: {**each, "code": code} for name, each in found.metrics.items()})

    assert set(verdicts(check(coded("a"), coded("a"))).values()) == {"pass"}
    assert set(verdicts(check(coded("a"), record())).values()) == {"pass"}
    (first, *_) = check(coded("a"), coded("b"))
    assert first.verdict == "invalid" and "another code of the metric" in first.reason
