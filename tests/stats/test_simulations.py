"""Intervals hold and gates see as much as they say, on worlds whose truth is known (`simulations.py` beside this)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


listeners = _load("listeners")
looks = _load("looks")  # these first, as the last imports them
sounds = _load("sounds_of_a_prompt")
differences = _load("differences")
shares = _load("shares")
simulations = _load("simulations")
SONGS, SAME = simulations.SONGS, simulations.SAME


def test_a_world_is_as_it_says() -> None:
    """Else the figures are about something else: shapes, groups, unit variance, frames that follow each other."""
    world, rng = simulations.CAPTIONS, np.random.default_rng(0)
    rows = world.around(world.centres(rng), rng)
    assert rows.shape == (100, 5, 6, 96)
    assert len(world.ids) == len(set(world.ids)) == len(world.groups) == 500
    assert rows.var() == pytest.approx(1.0, rel=0.03)
    next_frame, far_frame = (float((rows[:, :, 0] * rows[:, :, k]).mean()) for k in (1, 5))
    assert 0.7 < far_frame < next_frame < 1.0


def test_the_interval_of_the_distance_holds_at_small_size() -> None:
    """The quick look: 40 draws of a small world."""
    small = simulations.World("quick", 12, 60, 2, 4)
    assert simulations.coverage(small, simulations.FD, 40).share >= 0.85


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("world", simulations.WORLDS, ids=lambda world: world.name)
def test_the_interval_of_the_distance_holds(world: object) -> None:
    """95 % intervals that held 80 % of the time would make noise look like progress."""
    found = simulations.coverage(world, simulations.FD)
    print(found)
    assert 0.90 <= found.share <= 0.98 + 1e-9


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_without_any_distance_it_errs_to_the_wide_side() -> None:
    found = simulations.coverage(SAME, simulations.FD)
    print(found)
    assert found.share >= 0.95


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("metric", [*simulations.FURTHER, simulations.FD_INF], ids=lambda metric: metric.card.name)
def test_the_intervals_of_the_further_metrics_hold(metric: object) -> None:
    found = simulations.coverage(SONGS, metric)
    print(found)
    assert found.share >= 0.90


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("world", simulations.GATED, ids=lambda world: world.name)
def test_the_gate_sees_the_loss_that_it_says_it_sees(world: object) -> None:
    """Within 20 %; and at that loss it says `worse` about four times of five, without one hardly ever."""
    found = simulations.gate_power(world)
    print(found)
    assert found.method == "paired jackknife"
    assert 0.8 <= found.ratio <= 1.2
    assert 0.7 <= found.at_stated <= 0.92
    assert found.false <= 0.06


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("world", [SONGS, simulations.SMALL], ids=lambda world: world.name)
def test_the_gate_sees_the_loss_that_it_says_it_sees_in_a_kernel_distance(world: object) -> None:
    found = simulations.gate_power(world, metric=simulations.KAD)
    print(found)
    assert found.method == "paired U-statistic"
    assert 0.8 <= found.ratio <= 1.2
    assert 0.7 <= found.at_stated <= 0.92
    assert found.false <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize(("sources", "clips"), [(200, 1), (12, 5)])
def test_the_gate_sees_the_loss_that_it_says_it_sees_in_a_mean_of_prompts(sources: int, clips: int) -> None:
    """Twelve sources are where a normal quantile instead of a t one would be 12 % out."""
    found = simulations.prompt_power("prompts", sources, clips)
    print(found)
    assert found.method == "paired"
    assert 0.8 <= found.ratio <= 1.2
    assert 0.7 <= found.at_stated <= 0.9
    assert found.false <= 0.06


def near(pair: tuple[float, float], part: float) -> bool:
    said, true = pair
    return abs(said - true) <= part * true


def test_the_parts_of_the_variance_and_what_more_buys_are_as_said() -> None:
    """The quick look: 100 draws of 100 prompts of 3 sounds, most of the variance between them."""
    found = sounds.told(sounds.WORLDS[0], 100)
    assert near(found.between, 0.1) and near(found.within, 0.05)
    assert near(found.now, 0.05) and near(found.twice_prompts, 0.05) and near(found.twice_samples, 0.05)
    assert found.share >= 0.88 > 0.80 > found.alone, "an interval that takes sounds as sources is far too narrow"


@pytest.mark.slow
@pytest.mark.parametrize("world", sounds.WORLDS, ids=lambda world: world.name)
def test_the_intervals_hold_and_the_errors_are_as_said_with_several_sounds_a_prompt(world: object) -> None:
    found = sounds.told(world, 1000)
    print(found)
    assert 0.92 <= found.share <= 0.98
    assert near(found.within, 0.03)
    assert near(found.between, 0.08) or (found.between[1] == 0 and found.between[0] < 0.06)
    part = 0.08 if getattr(world, "lost", 0) else 0.05
    assert all(near(pair, part) for pair in (found.now, found.twice_prompts, found.twice_samples))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("metric", [simulations.FD, simulations.KAD], ids=lambda metric: metric.card.name)
def test_the_interval_of_a_difference_holds(metric: object) -> None:
    """400 pairs: where nothing changed no more than 5 % are called apart, by what 400 draws can tell."""
    found = differences.of_sets(SONGS, metric, 0.3)
    print(found)
    assert found.share >= 0.93 and found.still >= 0.93
    assert found.false <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
    assert found.alone > 1.2, "paired sees more than two independent errors"


def test_the_interval_of_a_difference_of_means_holds() -> None:
    """The quick look, 100 pairs."""
    found = differences.of_means("quick", simulations.World("quick", 1, 60, 2, 1), 100)
    assert found.method == "paired" and min(found.share, found.still) >= 0.88 and found.alone > 1.5


@pytest.mark.slow
@pytest.mark.parametrize(("sources", "clips"), [(200, 1), (12, 5)])
def test_no_change_of_a_mean_is_called_apart_in_one_of_twenty(sources: int, clips: int) -> None:
    """4,000 pairs, as 400 cannot tell 5 % from 7."""
    found = differences.of_means("means", simulations.World("means", 1, sources, clips, 1), 4000)
    print(found)
    assert found.false <= 0.05 + 2 * (0.05 * 0.95 / 4000) ** 0.5
    assert min(found.share, found.still) >= 0.94


def test_the_report_is_of_these_worlds() -> None:
    """The committed table must be about the code that is here: `python tests/stats/simulations.py` remakes it."""
    text = simulations.REPORT.read_text(encoding="utf-8")
    for world in (*simulations.WORLDS, SAME, *sounds.WORLDS):
        assert world.name in text


def test_looking_after_every_prompt_raises_no_more_false_alarms() -> None:
    """The quick look; all kinds and sizes are the slow one's."""
    found = looks.looks("normal", 200, 0.0, 200)
    assert found.sequence <= 0.05
    assert found.naive >= 0.15, "else there is nothing to be careful of"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_early_ends_hold_in_all_kinds() -> None:
    rows = looks.all_looks()
    print("\n".join(looks.table(rows)))
    assert all(each.sequence <= 0.05 for each in rows if each.effect == 0)
    for each in rows:
        if each.effect >= 0.3:
            assert each.median < each.n / 3


def test_intervals_of_ratings_hold_at_small_size() -> None:
    """The quick look: 60 draws."""
    assert listeners.panel_coverage(listeners.PANELS[0], 60).told >= 0.85
    assert listeners.ballot_coverage(listeners.BALLOTS[0], 30).told >= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("panel", listeners.PANELS, ids=lambda panel: panel.name)
def test_intervals_by_listener_and_clip_hold(panel: object) -> None:
    """And where listeners or clips differ, those that do not know of them fail."""
    found = listeners.panel_coverage(panel, 2000)
    print(found)
    assert 0.93 <= found.told <= 0.97
    assert found.others[0] < (0.8 if panel.mild > 0.1 else 1)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("ballot", listeners.BALLOTS, ids=lambda ballot: ballot.name)
def test_intervals_of_votes_hold(ballot: object) -> None:
    found = listeners.ballot_coverage(ballot, 2000)
    print(found)
    assert 0.93 <= found.told <= 0.97
    assert found.others[0] < (0.95 if ballot.taste else 1)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("world", listeners.COMBINED, ids=lambda world: world.name)
def test_intervals_of_combined_estimates_hold(world: object) -> None:
    found = listeners.combined_coverage(world, 2000)
    print(found)
    assert 0.93 <= found.told <= 0.97
