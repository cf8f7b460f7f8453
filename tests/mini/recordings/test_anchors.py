"""The marks that ship with suite mini are those that its recordings make: a change of a judge, a metric or a scene that
left them as they were would put old marks beside new numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.measures import bandwidth
from evalkit.mini.recordings.anchors import material, measured
from evalkit.run.anchors import low_passed
from evalkit.run.progress import Silent
from evalkit.suites.anchors import Anchor, known_anchors
from evalkit.suites.load import load_suite


def table(anchors: Iterable[Anchor]) -> dict[tuple[str, str], tuple[float | None, int, int]]:
    return {(each.metric, each.anchor): (each.value, each.n, each.n_reference) for each in anchors}


def same(found: Iterable[Anchor], shipped: Iterable[Anchor]) -> None:
    one, other = table(found), table(shipped)
    assert one.keys() == other.keys()
    for place, (value, *sizes) in one.items():
        assert sizes == list(other[place][1:]), place
        assert value == pytest.approx(other[place][0], rel=2e-3, abs=2e-3), place


def test_a_part_is_as_shipped(esc10: Path) -> None:
    """The bandwidth of the scenes themselves and low-passed, straight from the sound."""
    made_of = material(esc10)
    assert len(made_of.takes) == len(made_of.first) == 64 and len(made_of.second) == 256
    shipped = table(known_anchors(load_suite("mini").digest))
    clips = [take.clip() for take in made_of.takes]
    for kind, heard in (("recordings", clips), ("low_pass", map(low_passed, clips))):
        widths = [bandwidth(clip.samples, clip.rate) for clip in heard]
        assert shipped["bandwidth", kind] == (pytest.approx(np.mean(widths), rel=1e-4), 64, 0)


@pytest.mark.slow
def test_all_marks_are_as_shipped(esc10: Path) -> None:
    """By every judge: some three minutes of CPU."""
    suite, found = measured(esc10, Silent())
    assert suite.digest == load_suite("mini").digest
    same(found, known_anchors(suite.digest))
