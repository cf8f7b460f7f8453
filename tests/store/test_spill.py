"""Features that wait in a file come back as they were."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalkit.store.spill import Spill

ROWS = st.tuples(st.integers(0, 5), st.integers(1, 4)).flatmap(lambda shape: arrays(np.float32, shape))


@given(st.lists(ROWS, max_size=6), ROWS)
def test_what_was_put_comes_back_to_the_bit(kept: list[np.ndarray], later: np.ndarray) -> None:
    """NaN, nothing at all, and more after a look; what was looked at before stays as it was."""
    spill = Spill()
    for number, features in enumerate(kept):
        spill.put(str(number), features)
    before = spill.arrays()
    spill.put("0", later)
    assert len(spill.arrays()) == max(1, len(kept))
    assert spill.arrays()["0"].tobytes() == later.tobytes() and spill.arrays()["0"].shape == later.shape
    for number, features in enumerate(kept):
        assert before[str(number)].tobytes() == features.tobytes() and before[str(number)].shape == features.shape
