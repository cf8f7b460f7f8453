"""When two runs' difference could have been decided, prompt after prompt, and what the decision is.

For means of prompts alone: a distance of sets depends on how many there are, so it is judged at the end, on all of
them. Sources are looked at in an order drawn from their names (`drawn`): the first of a list may all be of one kind,
and what is true of dogs need not be true of the suite. The intervals are those of `stats.sequence`, which hold
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.comparison.difference import LEVEL
from evalkit.core.ids import digest_json

Way = Literal["worse", "not worse", ""]


@dataclass(frozen=True)
class Decision:
    """`way` is "" where it is still open; then the rest is of the last look. `prompts` in `sources` had been looked at,
    of `planned` sources; `difference` is current - baseline with its ends (None where there is no interval yet)."""

    way: Way
    prompts: int
    sources: int
    planned: int
    difference: float
    low: float | None
    high: float | None


def drawn(sources: Iterable[str]) -> list[str]:
    """The distinct sources in an order that is the same every time and has nothing to do with the suite's."""
    return sorted(set(sources), key=lambda source: (digest_json(["order of looks", source]), source))


def decided(
    differences: Mapping[str, float],
    groups: Mapping[str, str],
    direction: str,
    tolerance: float = 0.0,
    planned: int | None = None,
    order: Sequence[str] | None = None,
) -> Decision:
    """The first look at which the loss lies wholly above or wholly under `tolerance`, else the last one.

    `differences` {id: current - baseline}, `groups` {id: its source}, `direction` "lower" or "higher" (which is
    better), `planned` the sources that there are to be, default those of `differences`, `order` the sources as they are
    looked at (default: as `drawn`). Raises ValueError where there are none.
    """
    import numpy as np

    from evalkit.stats.sequence import confidence_sequence

    looked = drawn(groups[each] for each in differences) if order is None else order
    places = {source: place for place, source in enumerate(dict.fromkeys(looked))}
    ids = sorted(differences, key=lambda each: (places[groups[each]], each))
    planned = planned or len(places)
    found = confidence_sequence([differences[i] for i in ids], [groups[i] for i in ids], planned, LEVEL)
    loss = (found.low, found.high) if direction == "lower" else (-found.high, -found.low)
    worse, fine = loss[0] > tolerance, loss[1] < tolerance
    settled = np.flatnonzero(worse | fine)
    at = int(settled[0]) if len(settled) else len(places) - 1
    way: Way = "" if not len(settled) else "worse" if worse[at] else "not worse"
    low, high = float(found.low[at]), float(found.high[at])
    ends = (low, high) if np.isfinite(low) else (None, None)
    return Decision(way, int(found.counts[at]), at + 1, planned, float(found.mean[at]), *ends)
