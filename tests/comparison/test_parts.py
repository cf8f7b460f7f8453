"""Runs compared in parts of the prompts: as paired as on the whole, and one family for Holm."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scipy.stats
from evalkit_gate import IDS, changed, record
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.comparison.pairs import pairs
from evalkit.comparison.parts import can_be_parted, difference_in_part, mean_of_part, pairs_by_part
from evalkit.stats.paired import holm

ALL = (-float("inf"), float("inf"))
HALVES = {"first": frozenset(IDS[:30]), "second": frozenset(IDS[30:])}


def test_one_part_of_all_prompts_is_the_whole_comparison() -> None:
    sides = [record(noise=0.3, seed=1), record(shift=0.4, noise=0.3, seed=2)]
    (whole,) = pairs(sides, ["kl_passt"])
    (part,) = pairs_by_part(sides, ["kl_passt"], {"all": frozenset(IDS)})
    assert part.pair == whole and part.n == len(IDS)


def test_a_part_is_a_paired_t_test_of_its_prompts() -> None:
    """The foreign oracle is scipy's."""
    sides = [record(noise=0.3, seed=1), record(shift=0.1, noise=0.3, seed=2)]
    found = pairs_by_part(sides, ["kl_passt"], HALVES)
    raw = []
    for each, ids in zip(found, HALVES.values(), strict=True):
        new, old = ([side.metrics["kl_passt"]["per_prompt"][key] for key in sorted(ids)] for side in sides[::-1])
        told = scipy.stats.ttest_rel(new, old)
        assert each.pair.found.p == pytest.approx(told.pvalue)
        assert (each.pair.found.low, each.pair.found.high) == pytest.approx(tuple(told.confidence_interval(0.95)))
        raw.append(each.pair.found.p)
    assert [each.pair.adjusted for each in found] == pytest.approx(holm(raw))


def test_a_part_with_an_effect_is_separated_and_the_other_is_not() -> None:
    one, other = record(noise=0.05, seed=1), record(noise=0.05, seed=2)
    values = other.metrics["kl_passt"]["per_prompt"]
    worse = {key: value + (1.0 if key in HALVES["second"] else 0.0) for key, value in values.items()}
    other = changed(other, "kl_passt", per_prompt=worse, value=sum(worse.values()) / len(worse))
    found = {each.part: each.pair.better for each in pairs_by_part([one, other], ["kl_passt"], HALVES)}
    assert found == {"first": None, "second": 0}


@settings(max_examples=25)
@given(st.sets(st.sampled_from(IDS)), st.sets(st.sampled_from(IDS)))
def test_differences_are_over_the_prompts_that_both_have(mine: set[str], theirs: set[str]) -> None:
    def only(seed: int, kept: set[str]):
        side = record(noise=0.3, seed=seed)
        values = {key: value for key, value in side.metrics["kl_passt"]["per_prompt"].items() if key in kept}
        return changed(side, "kl_passt", per_prompt=values), values

    (one, here), (other, there) = only(1, mine), only(2, theirs)
    found, n = difference_in_part("kl_passt", one, other, frozenset(IDS))
    common = mine & theirs
    assert n == len(common)
    if found is None:
        assert not common
    else:
        assert found.value == pytest.approx(sum(here[key] - there[key] for key in common) / n)
    mean = mean_of_part(one, "kl_passt", frozenset(IDS), ALL)
    assert mean.n == len(mine) and (mean.value is None) == (not mine) and (mean.low is None) == (len(mine) < 5)


def test_what_is_no_mean_or_was_scored_otherwise_is_not_compared() -> None:
    one, other = record(), record(shift=0.1)
    for odd in ({"value": None}, {"value": float("nan")}, {"n": None}):
        assert not can_be_parted(changed(one, "kl_passt", **odd), "kl_passt"), "a score without a number"
    assert not can_be_parted(one, "fd_openl3") and not pairs_by_part([one, other], ["fd_openl3"], HALVES)
    found = pairs_by_part([one, changed(other, "kl_passt", weights="v" * 64)], ["kl_passt"], HALVES)
    assert all(each.pair.found is None and "another weights" in each.pair.reason for each in found)
    found = pairs_by_part([one, replace(other, suite={**other.suite, "digest": "x"})], ["kl_passt"], HALVES)
    assert all(each.pair.found is None and "another suite content" in each.pair.reason for each in found)
