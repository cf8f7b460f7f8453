"""Intervals hold and gates see as much as they say, on worlds whose truth is known (`simulations.py` beside this)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulations", Path(__file__).with_name("simulations.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


simulations = _load()
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
@pytest.mark.parametrize(("sources", "clips"), [(200, 1), (12, 5)])
def test_the_gate_sees_the_loss_that_it_says_it_sees_in_a_mean_of_prompts(sources: int, clips: int) -> None:
    """Twelve sources are where a normal quantile instead of a t one would be 12 % out."""
    found = simulations.prompt_power("prompts", sources, clips)
    print(found)
    assert found.method == "paired"
    assert 0.8 <= found.ratio <= 1.2
    assert 0.7 <= found.at_stated <= 0.9
    assert found.false <= 0.06


def test_the_report_is_of_these_worlds() -> None:
    """The committed table must be about the code that is here: `python tests/stats/simulations.py` remakes it."""
    text = simulations.REPORT.read_text(encoding="utf-8")
    for world in (*simulations.WORLDS, SAME):
        assert world.name in text
