"""Windows of many clips in full batches: a clip's features must not depend on who shares its batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def in_batches(windows: Iterable[tuple[int, Array]], size: int, forward: Callable[[Array], Array]) -> dict[int, Array]:
    """owner -> (windows of that owner, d), in the order they came.

    `windows` are (owner, (samples,)) pairs, read lazily; `forward` takes (batch, samples) of one length, at
    most `size` of them, and gives (batch, d). All windows of an owner have one length.
    """
    waiting: dict[int, list[tuple[int, Array]]] = {}
    rows: dict[int, list[Array]] = {}

    def flush(batch: list[tuple[int, Array]]) -> None:
        found = forward(np.stack([window for _, window in batch]))
        for (owner, _), row in zip(batch, found, strict=True):
            rows.setdefault(owner, []).append(row)
        batch.clear()

    for owner, window in windows:
        batch = waiting.setdefault(len(window), [])
        batch.append((owner, window))
        if len(batch) == size:
            flush(batch)
    for batch in waiting.values():
        if batch:
            flush(batch)
    return {owner: np.stack(found) for owner, found in rows.items()}
