"""The prompts that are shown with sound are a fair spread, and always the same."""

from __future__ import annotations

from dataclasses import replace

from evalkit.report.records import Item
from evalkit.report.sampling import ALL_UP_TO, SAMPLE, sampled

RANKING = {"m": "higher"}
BLANK = Item("", "", None, (), "", False, "", (), "", "", None, None, None, None, None, {})


def run(n: int, failed: int = 0) -> dict[str, Item]:
    return {f"p{k}": replace(BLANK, id=f"p{k}", failed=k < failed, scores={"m": float(k)}) for k in range(n)}


def test_a_small_report_shows_every_prompt() -> None:
    prompts = list(run(ALL_UP_TO))
    assert sampled(prompts, [run(ALL_UP_TO)], "sample", RANKING) == frozenset(prompts)


def test_a_large_report_shows_best_worst_and_failures() -> None:
    one = run(1000, failed=50)
    chosen = sampled(list(one), [one], "sample", RANKING)
    assert len(chosen) == SAMPLE
    assert "p999" in chosen
    assert sum(one[key].failed for key in chosen) >= SAMPLE // 4
    assert chosen == sampled(list(one), [one], "sample", RANKING)


def test_many_runs_share_the_room() -> None:
    runs = [run(90) for _ in range(50)]
    assert len(sampled(list(runs[0]), runs, "sample", RANKING)) == 8


def test_all_means_all() -> None:
    one = run(1000)
    assert len(sampled(list(one), [one], "all", RANKING)) == 1000


def test_a_measure_that_ranks_nothing_has_no_say() -> None:
    """Else the loudest and the quietest prompts would stand for the best and the worst."""
    one = {
        key: replace(item, scores={**item.scores, "loudness_lufs": -item.scores["m"]}) for key, item in run(999).items()
    }
    assert sampled(list(one), [one], "sample", RANKING) == sampled(list(one), [run(999)], "sample", RANKING)


def test_lower_is_better_counts_the_other_way() -> None:
    """Two metrics that agree on the worst prompt must not cancel each other out."""
    both = {
        key: replace(item, scores={"up": item.scores["m"], "down": -item.scores["m"]}) for key, item in run(999).items()
    }
    found = sampled(list(both), [both], "sample", {"up": "higher", "down": "lower"})
    assert {"p0", "p998"} <= found
