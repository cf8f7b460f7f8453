"""The prompts that are shown with sound are a fair spread, and always the same."""

from __future__ import annotations

from dataclasses import replace

from evalkit.report.records import Item
from evalkit.report.sampling import ALL_UP_TO, SAMPLE, sampled

BLANK = Item("", "", None, (), "", False, "", (), "", "", None, None, None, None, None, {})


def run(n: int, failed: int = 0) -> dict[str, Item]:
    return {f"p{k}": replace(BLANK, id=f"p{k}", failed=k < failed, scores={"m": float(k)}) for k in range(n)}


def test_a_small_report_shows_every_prompt() -> None:
    prompts = list(run(ALL_UP_TO))
    assert sampled(prompts, [run(ALL_UP_TO)], "sample") == frozenset(prompts)


def test_a_large_report_shows_best_worst_and_failures() -> None:
    one = run(1000, failed=50)
    chosen = sampled(list(one), [one], "sample")
    assert len(chosen) == SAMPLE
    assert "p999" in chosen
    assert sum(one[key].failed for key in chosen) >= SAMPLE // 4
    assert chosen == sampled(list(one), [one], "sample")


def test_many_runs_share_the_room() -> None:
    runs = [run(90) for _ in range(50)]
    assert len(sampled(list(runs[0]), runs, "sample")) == 8


def test_all_means_all() -> None:
    one = run(1000)
    assert len(sampled(list(one), [one], "all")) == 1000
