"""How far apart two sides are, and that the bounds are those of reports/parity.md."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.originals.quantities import QUANTITIES, Difference, Quantity, difference, largest

RESULTS = Path(__file__).parent.parent / "parity" / "results"


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(1e-6, 10))
def test_measures_are_those_of_numpy(rows: int, width: int, seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    theirs = rng.normal(size=(rows, width))
    ours = theirs + shift * rng.uniform(-1, 1, (rows, width))
    apart = np.abs(ours - theirs)
    plain = difference(Quantity("a", "a", "relative", 1.0), ours, theirs)
    assert plain.absolute == pytest.approx(apart.max())
    assert plain.bounded == plain.relative == pytest.approx(apart.max() / np.abs(theirs).max())
    by_row = difference(Quantity("a", "a", "relative", 1.0, by_row=True), ours, theirs)
    assert by_row.bounded == pytest.approx(
        max((apart[i] / np.sqrt((theirs[i] ** 2).mean())).max() for i in range(rows))
    )
    cosine = difference(Quantity("a", "a", "cosine", 1.0), ours, theirs)
    flat = ours.ravel() @ theirs.ravel() / np.linalg.norm(ours) / np.linalg.norm(theirs)
    assert cosine.bounded == pytest.approx(abs(1 - flat), abs=1e-12)


def test_one_that_cannot_be_compared_outweighs_all() -> None:
    strange = Difference(None, None, None, "shape")
    assert largest([Difference(1.0, 1.0, 1.0), strange]) is strange
    assert not strange.within(1e9)
    assert largest([Difference(1.0, 5.0, 1.0), Difference(3.0, 2.0, 2.0)]) == Difference(3.0, 5.0, 2.0)


MEASURED = {
    ("openl3", "frames"): ("openl3", "OpenL3 512-d frames from the waveform", "max_rel"),
    ("openl3", "distance"): ("openl3", "FD-OpenL3", "max_rel"),
    ("passt", "logits"): ("passt", "PaSST logits", "max_abs"),
    ("passt", "classes"): ("passt", "PaSST class probabilities", "max_abs"),
    ("passt", "kl"): ("passt", "KL-PaSST of a pair", "max_abs"),
    ("passt", "mean"): ("passt", "KL-PaSST, mean", "max_abs"),
    ("clap", "audio"): ("clap", "CLAP HTSAT-tiny with fusion: 1 - cosine of audio", "max_abs"),
    ("clap", "text"): ("clap", "CLAP HTSAT-tiny with fusion: 1 - cosine of text", "max_abs"),
    ("clap", "score"): ("clap", "CLAP HTSAT-tiny with fusion: CLAP score of a clip", "max_abs"),
    ("clap", "mean"): ("clap", "CLAP HTSAT-tiny with fusion: CLAP score, mean", "max_abs"),
}


@pytest.mark.parametrize(("place", "row"), MEASURED.items(), ids=[f"{one}-{other}" for one, other in MEASURED])
def test_what_was_measured_is_within_the_bounds(place: tuple[str, str], row: tuple[str, str, str]) -> None:
    """A bound that the committed measurement breaks would cry wolf on every machine."""
    file, quantity, measure = row
    rows = json.loads((RESULTS / f"{file}.json").read_text())
    found = [each[measure] for each in rows if each["quantity"].startswith(quantity)]
    (bound,) = [each.bound for each in QUANTITIES[place[0]] if each.name == place[1]]
    assert found and max(found) <= bound
