"""The public ratings that come with evalkit: all of them, with their facts, and the figures that others measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.core.resources import resource
from evalkit.ratings.base import Ratings
from evalkit.ratings.describe import describe, smallest_differences
from evalkit.ratings.shipped import names, shipped, sources

ROOT = Path(__file__).resolve().parents[2]


def pam() -> Ratings:
    found = shipped("aes-pam")
    assert isinstance(found, Ratings)
    return found


def test_every_file_has_its_source_licence_and_what_was_dropped() -> None:
    folder = resource("reports") / "ratings"
    told = {each.path.relative_to(folder) for each in sources().values()}
    data = [path for path in folder.rglob("*") if path.suffix in (".jsonl", ".tsv")]
    assert {path.relative_to(folder) for path in data} == told
    assert sum(path.stat().st_size for path in data) < 2e6
    for each in sources().values():
        assert each.source and each.licence in ("CC-BY 4.0", "MIT") and each.dropped
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert all(word in notice for word in ("audiobox-aesthetics", "music-arena", "CC-BY 4.0"))


def test_all_names_are_read_and_another_is_refused() -> None:
    assert names() == ["aes-pam", "audiomos2025-track2", "music-arena", "music-arena-vocal"]
    assert len(shipped("audiomos2025-track2").rows) == 3060 * 10 * 4
    assert len(shipped("music-arena").rows) == 9
    with pytest.raises(UserError, match="aes-pam"):
        shipped("aespam")


def test_aes_pams_reliability_is_what_was_measured_independently() -> None:
    """Issue 16: production quality of ten raters 0.81, ceiling about 0.90."""
    found = {each.scale.name: each for each in describe(pam())}
    own = found["PQ"].reliability
    assert own is not None and own.interval is not None and own.raters == pytest.approx(10)
    assert round(own.value, 2) == 0.81 and round(own.ceiling, 2) == 0.90
    assert own.interval.low < 0.81 < own.interval.high and own.interval.high - own.interval.low < 0.06
    values = {name: round(each.reliability.value, 2) for name, each in found.items() if each.reliability}
    assert values == {"PQ": 0.81, "PC": 0.85, "CE": 0.89, "CU": 0.81}
    assert len(found["PQ"].systems) == 10 and all(system.interval for system in found["PQ"].systems)
    # Systems differ so much that clips within one are much harder to tell apart.
    within, clips = found["CE"].ceilings.within, found["CE"].ceilings.clips
    assert within is not None and clips is not None and within < clips - 0.05


def test_the_smallest_difference_is_that_of_studies_drawn_from_it() -> None:
    """Of 50 prompts and 3 raters: the stated difference over 2.8 is the spread of such studies' differences."""
    ratings = pam()
    detectable, shared = smallest_differences(ratings.of("PQ"))
    assert shared
    scores: dict[str, dict[str, list[float]]] = {}
    for row in ratings.of("PQ"):
        scores.setdefault(row.system, {}).setdefault(row.prompt, []).append(row.score)
    rng, spreads = np.random.default_rng(0), []
    music = [system for system in scores if system.startswith("music")]
    for one, other in zip(music, music[1:], strict=False):
        both = np.array([[scores[one][p], scores[other][p]] for p in scores[one]])  # (prompts, 2, raters)
        drawn = []
        for _ in range(300):
            prompts = rng.integers(0, len(both), 50)
            raters = rng.integers(0, 10, (50, 2, 3))
            picked = np.take_along_axis(both[prompts], raters, axis=2).mean(axis=2)
            drawn.append((picked[:, 0] - picked[:, 1]).mean())
        spreads.append(np.var(drawn))
    audio = detectable[50, 3]
    assert audio == pytest.approx(2.86 * np.mean(spreads) ** 0.5, rel=0.15)
