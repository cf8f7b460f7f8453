"""What is foreseen is what is then found: else a team makes a thousand sounds in vain, or ships on too few."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.comparison.foresight import foresee
from evalkit.comparison.record import Record
from evalkit.core.errors import UserError
from evalkit.stats.intervals import clustered_mean
from evalkit.stats.variance import components

PROMPTS, WITHIN = 120, 0.6
IDS = [f"p{place}" for place in range(PROMPTS)]


def sounds(prompts: np.ndarray, rng: np.random.Generator, samples: int) -> np.ndarray:
    """(prompts, samples) values of one model: what the prompt decides, and what the seed does."""
    return prompts[:, None] + WITHIN * rng.standard_normal((len(prompts), samples))


def record(values: np.ndarray, with_split: bool = True, each: int = 1) -> Record:
    """A run's record with one mean of prompts, as its files would say."""
    means = values.mean(axis=1)
    per_prompt = dict(zip(IDS, means.tolist(), strict=True))
    score: dict[str, object] = {"value": math.fsum(per_prompt.values()) / PROMPTS, "n": values.size, "n_failed": 0}
    score |= {"direction": "lower", "protocol": "p", "weights": "w", "per_prompt": per_prompt, "leave_outs": []}
    split = components(values.ravel().tolist(), [i for i in IDS for _ in range(values.shape[1])])
    if split is not None and with_split:
        score["variance"] = {"within_prompts": split.within}
    groups = {i: f"s{place // each}" for place, i in enumerate(IDS)}
    suite = dict.fromkeys(("name", "version", "digest", "protocol", "size"), "s")
    return Record("here", "success", suite, {}, "r", groups, {"kl": score}, values.shape[1])


def power(loss: float, samples: int, draws: int = 400) -> float:
    """How often the gate's interval lies above 0 where a run is worse by `loss`."""
    rng, seen = np.random.default_rng(11), 0
    for _ in range(draws):
        prompts = rng.normal(0, 2, PROMPTS)
        here, there = (sounds(prompts, rng, samples).mean(axis=1) for _ in range(2))
        ends = clustered_mean((here + loss - there).tolist(), IDS)
        seen += ends is not None and ends.low > 0
    return seen / draws


@pytest.mark.parametrize("samples", [1, 3])
def test_the_stated_change_is_found_four_times_of_five(samples: int) -> None:
    """The change that is really found 80 % of the time lies within 20 % of the one that is stated, on average."""
    rng = np.random.default_rng(3)
    sees = np.mean(
        [foresee("kl", 0.1, record(sounds(rng.normal(0, 2, PROMPTS), rng, 2)), samples).sees for _ in range(20)]
    )
    losses = sees * np.array([0.7, 0.85, 1.0, 1.15, 1.3])
    found = float(np.interp(0.8, [power(float(loss), samples) for loss in losses], losses))
    assert sees / found == pytest.approx(1.0, abs=0.2)


def test_a_second_run_measures_what_one_has_to_assume() -> None:
    rng = np.random.default_rng(4)
    prompts = rng.normal(0, 2, PROMPTS)
    base, twin = record(sounds(prompts, rng, 1)), record(sounds(prompts, rng, 1))
    measured, assumed = foresee("kl", 0.1, base, twin=twin), foresee("kl", 0.1, base)
    assert measured.ground == "measured: a second run"
    assert measured.error == pytest.approx(math.sqrt(2 / PROMPTS) * WITHIN, rel=0.2)
    assert assumed.ground == "assumed"
    assert assumed.sees > 2 * measured.sees, "nothing of the prompts cancels where nothing is known"
    right = foresee("kl", 0.1, base, correlation=4 / (4 + WITHIN**2))
    assert right.error == pytest.approx(measured.error, rel=0.3)


def test_several_sounds_a_prompt_measure_it_too() -> None:
    rng = np.random.default_rng(5)
    values = sounds(rng.normal(0, 2, PROMPTS), rng, 4)
    measured = foresee("kl", 0.1, record(values), 1)
    assert measured.ground == "measured: sounds of one prompt"
    assert measured.error == pytest.approx(math.sqrt(2 / PROMPTS) * WITHIN, rel=0.15)
    from_means = foresee("kl", 0.1, record(values, with_split=False), 1, correlation=4 / (4 + WITHIN**2))
    assert from_means.error == pytest.approx(measured.error, rel=0.3)


@pytest.mark.parametrize("each", [1, 4])
def test_the_needed_prompts_see_the_change_and_fewer_do_not(each: int) -> None:
    rng = np.random.default_rng(6)
    base = record(sounds(rng.normal(0, 2, PROMPTS), rng, 2), each=each)
    now = foresee("kl", 0.05, base)
    assert now.sources == PROMPTS // each
    assert now.needed is not None
    assert now.needed > PROMPTS
    same = foresee("kl", now.sees, base)
    assert same.needed == pytest.approx(PROMPTS, abs=each)
    fine = foresee("kl", 0.025, base).needed
    assert fine == pytest.approx(4 * now.needed, rel=0.03), "half the change takes four times as many"
    twice = foresee("kl", 0.05, base, 4).needed
    assert twice == pytest.approx(now.needed / 2, rel=0.06), "all of it lies within a prompt"


def test_a_distance_of_sets_is_foreseen_from_its_jackknife() -> None:
    base = record(sounds(np.zeros(PROMPTS), np.random.default_rng(7), 1))
    score = {**base.metrics["kl"], "value": 50.0, "se": 2.0, "per_prompt": {}}
    found = foresee("fd", 5.0, Record(**{**vars(base), "metrics": {"fd": score}}), correlation=0.5)
    assert (found.kind, found.ground) == ("distance of sets", "assumed")
    assert found.error == pytest.approx(2.0)
    assert found.sees == pytest.approx(2.92 * 2.0, rel=0.01), "t with the 24 degrees of 25 folds"


def test_what_tells_nothing_is_refused() -> None:
    rng = np.random.default_rng(8)
    base = record(sounds(rng.normal(0, 2, PROMPTS), rng, 1))
    with pytest.raises(UserError, match="did you mean"):
        foresee("kI", 0.1, base)
    other = Record(**{**vars(base), "suite": {**base.suite, "digest": "other"}})
    with pytest.raises(UserError, match="cannot stand beside"):
        foresee("kl", 0.1, base, twin=other)
    with pytest.raises(UserError, match="no standard error"):
        foresee("kl", 0.1, Record(**{**vars(base), "metrics": {"kl": {**base.metrics["kl"], "per_prompt": {}}}}))
    few = Record(**{**vars(base), "groups": dict.fromkeys(IDS, "one")})
    with pytest.raises(UserError, match="1 sources"):
        foresee("kl", 0.1, few)


def test_no_number_of_prompts_sees_nothing_at_all() -> None:
    rng = np.random.default_rng(9)
    assert foresee("kl", 1e-9, record(sounds(rng.normal(0, 2, PROMPTS), rng, 1))).needed is None
