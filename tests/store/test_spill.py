"""Features that wait in a file come back as they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalkit.store.spill import Pile, Spill

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


@pytest.mark.parametrize("writable", [True, False])
def test_a_pile_keeps_what_it_was_given_wherever_that_lies(writable: bool, tmp_path: Path) -> None:
    """Beyond its bytes in a file, and in memory after all where no file can be made."""
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "new" if writable else tmp_path / "file" / "new"
    pile, rng = Pile(folder, most_bytes=100), np.random.default_rng(0)
    given = {str(number): rng.normal(size=(number, 3)).astype(np.float32) for number in range(8)}
    for key, features in given.items():
        pile.put(key, features)
    assert "7" in pile and "8" not in pile
    found = pile.arrays()
    assert found.keys() == given.keys() and folder.exists() == writable
    assert all(found[key].tobytes() == features.tobytes() for key, features in given.items())
    assert found["7"].flags.writeable != writable
