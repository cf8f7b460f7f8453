"""Who hears what: every clip as often as any other, every listener as much as any other; and what that can see."""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.listening.design import MODELS_BY_PROMPT, RATERS, SEEN, ratings_needed, seats, sight
from evalkit.listening.scales import MUSHRA_QUALITY, SCALES


@given(
    units=st.integers(1, 30),
    size=st.integers(1, 4),
    listeners=st.integers(1, 20),
    data=st.data(),
    seed=st.integers(0, 99),
)
def test_every_clip_is_heard_equally_often_and_every_listener_hears_equally_much(
    units: int, size: int, listeners: int, data: st.DataObject, seed: int
) -> None:
    each = data.draw(st.integers(1, listeners))
    named = [tuple(f"{unit}-{part}" for part in range(size)) for unit in range(units)]
    own = seats(named, listeners, each, random.Random(seed))
    assert len(own) == listeners
    assert Counter(code for seat in own for code in seat) == dict.fromkeys([c for unit in named for c in unit], each)
    loads = [len(seat) // size for seat in own]
    assert max(loads) - min(loads) <= 1
    for seat in own:
        assert len(set(seat)) == len(seat), "nobody hears a clip twice"
        assert all(set(unit) <= set(seat) or not set(unit) & set(seat) for unit in named), "a unit stays together"


def test_two_prompts_share_nearly_equally_many_listeners() -> None:
    """What makes the block design balanced: no pair of prompts is judged by other people than any other pair."""
    own = seats([(str(unit),) for unit in range(12)], 24, 12, random.Random(0))
    shared = [sum(a in seat and b in seat for seat in map(set, own)) for a, b in combinations(map(str, range(12)), 2)]
    assert 12 * 11 / 23 - 3 <= min(shared) <= max(shared) <= 12 * 11 / 23 + 3


@pytest.mark.parametrize("kind", ["mos", "ab"])
@pytest.mark.parametrize("scale", [SCALES["quality"], SCALES["stereo"], MUSHRA_QUALITY])
@given(prompts=st.integers(2, 100), each=st.integers(1, 60))
def test_the_listeners_for_what_a_study_sees_are_its_own(kind: str, scale: object, prompts: int, each: int) -> None:
    assert isinstance(scale, type(MUSHRA_QUALITY))
    seen = sight(kind, scale, prompts, each).difference
    assert ratings_needed(kind, scale, prompts, seen * (1 + 1e-9)) == each


def test_where_a_balanced_block_design_exists_it_is_found() -> None:
    """Seven prompts for seven listeners of three each: every two prompts share one listener (the Fano plane)."""
    own = [set(seat) for seat in seats([(str(unit),) for unit in range(7)], 7, 3, random.Random(0))]
    assert {sum({a, b} <= seat for seat in own) for a, b in combinations("0123456", 2)} == {1}


def test_no_number_of_listeners_makes_up_for_prompts() -> None:
    assert ratings_needed("mos", SCALES["quality"], 4, 0.3) is None


def test_what_a_study_sees_is_found_four_times_of_five() -> None:
    """By simulation, from the stated variances: two models, 24 prompts, 10 ratings a clip."""
    scale, rng = SCALES["quality"], np.random.default_rng(0)
    prompts, each = 24, 10
    seen = sight("mos", scale, prompts, each).difference
    worlds = 4000
    true = seen + 4 * np.sqrt(MODELS_BY_PROMPT) * rng.standard_normal((worlds, prompts))
    heard = true + 4 * np.sqrt(2 * RATERS / each) * rng.standard_normal((worlds, prompts))
    error = heard.std(axis=1, ddof=1) / np.sqrt(prompts)
    assert np.mean(heard.mean(axis=1) / error > SEEN - 0.84) == pytest.approx(0.8, abs=0.03)


def test_the_stated_variances_are_those_of_aes_pam() -> None:
    data = Path(os.environ.get("EVALKIT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data" / "esc10")).parent
    file = data / "ratings" / "aes_pam.jsonl"
    if not file.is_file():
        pytest.skip(f"no AES-PAM at {file}")
    by_system: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        system, clip = row["data_path"].split("/")[-2:]
        by_system[system][clip] = [score / 10 for score in row["Production_Quality"]]
    clips = [scores for system in by_system.values() for scores in system.values()]
    within = float(np.mean([np.var(scores, ddof=1) for scores in clips]))
    assert within == pytest.approx(RATERS, abs=0.001)
    between = []
    for other in ("musicgen_melody", "musicldm"):
        one, two = by_system["musicgen_large"], by_system[other]
        differences = [np.mean(one[clip]) - np.mean(two[clip]) for clip in sorted(set(one) & set(two))]
        between.append(np.var(differences, ddof=1) - 2 * within / 10)
    assert float(np.mean(between)) == pytest.approx(MODELS_BY_PROMPT, abs=0.0005)
