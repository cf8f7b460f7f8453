"""A metric's sensitivity card: what it did on ladders of damage (`audio.ladders`), by which judge, on which sounds.

What counts as heard is decided here, of numbers alone. A step is *clear* where the 95 % interval of its difference to
the undamaged sounds, taken on the same clips, leaves out zero. A value that moves is not yet a metric that hears: a
change is *small* below a twentieth of the largest that any ladder of the card makes.

Cards that ship lie in `metrics/cards/`, one file a metric; `nox -s cards` makes them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.audio.ladders import LADDERS
from evalkit.core.errors import UserError
from evalkit.core.jsonio import read_json, write_json
from evalkit.metrics.base import MetricCard

SCHEMA = 1
CARDS = Path(__file__).resolve().parent / "cards"

SMALL = 0.05
"""Of the largest change on the card."""

IN_ORDER = 0.9
"""Spearman's rho from which on a ladder's values are in its order: of five values one pair of neighbours may be not."""

HEARD, WRONG_WAY, UNEVEN, NOT_HEARD = "heard", "wrong way", "uneven", "not heard"


@dataclass(frozen=True)
class Step:
    """One step of a ladder: the value with its interval, and its `change` from the undamaged sounds with an interval of
    its own (None where none can be had). `at` is None for the undamaged ones; `clear`: no change can be excluded."""

    at: float | None
    value: float | None
    low: float | None
    high: float | None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    clear: bool = False


@dataclass(frozen=True)
class Rungs:
    """One ladder under one metric: its `steps` from none to strong, Spearman's `rho` of values and steps (None where
    all values are the same), the `verdict` ("" where it could not be measured; `told` says why), what the metric's own
    card claims ("up", "down", "still", "" nothing) and whether that is `borne_out`."""

    ladder: str
    steps: tuple[Step, ...]
    rho: float | None = None
    verdict: str = ""
    claim: str = ""
    borne_out: bool = True
    told: str = ""

    @property
    def first_clear(self) -> float | None:
        """The weakest step from which on all are clear."""
        found = None
        for step in reversed(self.steps):
            if not step.clear:
                break
            found = step.at
        return found

    @property
    def change(self) -> float:
        """Of the strongest step."""
        return (self.steps[-1].change or 0.0) if self.steps else 0.0


@dataclass(frozen=True)
class Sensitivity:
    """One metric's card. `judge`, `weights` (digest) and `size` say by what it was measured, `data`, `digest`, `n` and
    `n_reference` on what, `against` what was compared with; `code` is the digest of a metric of somebody's own,
    `taught` what the judge learnt from where that is not what the published one did."""

    metric: str
    title: str
    direction: str
    unit: str
    judge: str
    weights: str
    size: str
    data: str
    digest: str
    against: str
    n: int
    n_reference: int
    evalkit: str
    ladders: tuple[Rungs, ...]
    code: str = ""
    notes: tuple[str, ...] = ()
    taught: str = ""

    @property
    def broken(self) -> tuple[str, ...]:
        """The ladders under which the metric does not do what its card claims."""
        return tuple(each.ladder for each in self.ladders if not each.borne_out)


def judged(card: MetricCard, ladders: Sequence[Rungs]) -> tuple[Rungs, ...]:
    """The ladders with their verdicts, and with the card's claims held to them."""
    span = max((abs(step.change or 0.0) for each in ladders for step in each.steps), default=0.0)
    return tuple(_held(card, _judged(card, each, span)) for each in ladders)


def _judged(card: MetricCard, found: Rungs, span: float) -> Rungs:
    values = [step.value for step in found.steps]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return found
    rho = spearman(known)
    large = [step for step in found.steps if step.clear and abs(step.change or 0.0) >= SMALL * span > 0]
    if not large:
        return replace(found, rho=rho, verdict=NOT_HEARD)
    if rho is None or abs(rho) < IN_ORDER - 1e-9 or found.steps[-1] not in large:
        return replace(found, rho=rho, verdict=UNEVEN)
    better = {"lower": found.change < 0, "higher": found.change > 0}.get(card.direction, False)
    return replace(found, rho=rho, verdict=WRONG_WAY if better else HEARD)


def _held(card: MetricCard, found: Rungs) -> Rungs:
    claim = "still" if found.ladder in card.deaf_to else card.hears.get(found.ladder, "")
    if not claim or not found.verdict:
        return replace(found, claim=claim)
    if claim == "still":
        return replace(found, claim=claim, borne_out=found.verdict == NOT_HEARD)
    way = "up" if found.change > 0 else "down"
    return replace(found, claim=claim, borne_out=found.verdict in (HEARD, WRONG_WAY) and way == claim)


def spearman(values: Sequence[float]) -> float | None:
    """Spearman's rank correlation of values with their places; None where all are the same, to a millionth of them."""
    from scipy.stats import rankdata

    size = max(map(abs, values), default=0.0)
    ranks = rankdata([round(value / size, 6) if size else 0.0 for value in values])
    places = range(1, len(values) + 1)
    middle = (len(values) + 1) / 2
    across = math.fsum((rank - middle) ** 2 for rank in ranks)
    along = math.fsum((place - middle) ** 2 for place in places)
    if across == 0:
        return None
    both = math.fsum((rank - middle) * (place - middle) for rank, place in zip(ranks, places, strict=True))
    return float(both / math.sqrt(across * along))


def keep(path: Path, found: Sensitivity) -> Path:
    """Write a card, whole or not at all."""
    write_json(path, as_json(found))
    return path


def as_json(found: Sensitivity) -> dict[str, Any]:
    """The card as plain JSON, with the ladders' own facts."""
    ladders = [
        {**asdict(each), "title": LADDERS[each.ladder].title, "unit": LADDERS[each.ladder].unit}
        for each in found.ladders
    ]
    return {"schema": SCHEMA, **asdict(found), "ladders": ladders, "broken": list(found.broken)}


def shipped(metric: str) -> Sensitivity | None:
    """The card that ships for one of evalkit's own metrics, None where there is none that can be read."""
    with suppress(UserError, LookupError, TypeError, ValueError):
        if metric.isidentifier():
            return _read(read_json(CARDS / f"{metric}.json"))
    return None


def _read(said: Mapping[str, Any]) -> Sensitivity:
    """Raises what a damaged file raises."""
    if said["schema"] != SCHEMA:
        raise ValueError("another schema")
    ladders = [
        Rungs(**{**_without(each, "title", "unit"), "steps": tuple(Step(**step) for step in each["steps"])})
        for each in said["ladders"]
    ]
    facts = _without(said, "schema", "broken")
    return Sensitivity(**{**facts, "ladders": tuple(ladders), "notes": tuple(said["notes"])})


def _without(said: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in keys}


def broken_told(cards: Iterable[Sensitivity]) -> list[str]:
    """A sentence for each claim that a measurement does not bear out."""
    told = []
    for card in cards:
        for each in card.ladders:
            if not each.borne_out:
                claims = "stays as it is" if each.claim == "still" else f"goes {each.claim}"
                rho = "" if each.rho is None else f", rho {each.rho:.2f}"
                told.append(f"{card.metric} claims that it {claims} under {each.ladder}, and is: {each.verdict}{rho}")
    return told
