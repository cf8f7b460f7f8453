"""Windows in batches: none lost, none under another clip's name."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evalkit.embed.batching import in_batches


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), max_size=12), st.integers(1, 5))
def test_every_window_comes_back_in_order_under_its_owner(owners: list[tuple[int, int]], size: int) -> None:
    """Owners of several lengths and counts, any batch size; a batch never mixes lengths or grows too large."""
    windows = [
        (owner, np.full(length, 100 * owner + turn, np.float32))
        for owner, (count, length) in enumerate(owners)
        for turn in range(count)
    ]

    def forward(batch: np.ndarray) -> np.ndarray:
        assert 1 <= len(batch) <= size
        return batch[:, :1] + 0.5

    found = in_batches(iter(windows), size, forward)
    wanted = {owner: count for owner, (count, _) in enumerate(owners) if count}
    assert {owner: len(rows) for owner, rows in found.items()} == wanted
    for owner, rows in found.items():
        assert rows[:, 0].tolist() == [100 * owner + turn + 0.5 for turn in range(len(rows))]
