"""What a reader must know of each metric on the page: its title, direction, and what it cannot see.

The words come from the metric's own card. Only a registered name is ever looked up: a name in a
scores.json that reads `package.module:thing` must not import anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from evalkit.core.errors import UserError
from evalkit.core.text import clean, one_line
from evalkit.metrics.base import METRICS, MetricCard
from evalkit.protocols.base import Protocol

_COMPARES = {
    ("set", False): "compares all clips together with a reference set",
    ("pair", False): "compares each clip with the reference clip of its prompt",
    ("", True): "compares each clip with the text of its prompt",
    ("set", True): "compares all clips together with a reference set, and each with the text of its prompt",
    ("pair", True): "compares each clip with the reference clip and the text of its prompt",
    ("", False): "looks at each clip alone",
}


@dataclass(frozen=True)
class Meaning:
    """`direction` is "lower", "higher", "none" (neither side is better) or "" (unknown); `known` says whether a
    card was found; `biased_by_n` that values at unequal n must not be ranked; `bounds` are the ends of its range."""

    metric: str
    title: str
    direction: str
    unit: str
    compares: str
    blind_to: str
    citation: str
    headline: bool
    biased_by_n: bool
    known: bool
    bounds: tuple[float, float] = (-math.inf, math.inf)


def meaning(metric: str, like: str = "") -> Meaning:
    """The meaning of a metric by name; a metric that is not installed here keeps its bare name. `like` is the metric
    whose formula it is on other features: those are told by its own name, and not by the other's title and citation."""
    card = _card(metric)
    if card is None and (as_other := _card(like)) is not None:
        card = replace(as_other, title=f"{metric} (as {like})", citation="")
    if card is None:
        return Meaning(metric, metric, "", "", "", "", "", headline=True, biased_by_n=False, known=False)
    return Meaning(
        metric=metric,
        title=one_line(card.title, 80),
        direction=card.direction if card.direction in ("lower", "higher", "none") else "",
        unit=one_line(card.unit, 40),
        compares=_COMPARES.get((card.reference, bool(card.text)), ""),
        blind_to=clean(card.blind_to, 600),
        citation=clean(card.citation, 400),
        headline=bool(card.headline),
        biased_by_n=bool(card.biased_by_n),
        known=True,
        bounds=card.bounds,
    )


def _card(metric: str) -> MetricCard | None:
    if metric not in METRICS:
        return None
    try:
        card = METRICS.load(metric).card
    except (UserError, AttributeError):
        return None
    return card if isinstance(card, MetricCard) else None


def left_out_told(metrics: Mapping[str, str], table: Protocol | None = None) -> Iterator[str]:
    """A sentence for each reason why a suite goes without some metrics, which a paper's table calls by its headings."""
    titles = {} if table is None else {each.metric: each.title for each in table.columns}
    for reason in dict.fromkeys(metrics.values()):
        named = (titles.get(name) or meaning(name).title for name in metrics if metrics[name] == reason)
        yield f"left out: {', '.join(named)}: {reason}"
