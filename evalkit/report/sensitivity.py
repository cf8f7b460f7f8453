"""A sensitivity card for readers: its rows for a terminal, and its picture, one panel a ladder."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evalkit.audio.ladders import LADDERS
from evalkit.core.text import count
from evalkit.metrics.sensitivity import HEARD, NOT_HEARD, UNEVEN, WRONG_WAY, Rungs, Sensitivity, Step
from evalkit.report.charts import axis_ticks, axis_told
from evalkit.report.text import decimals, fixed

HEADS = ("ladder", "values, none to strong", "rho", "verdict", "from", "claim")
LEGEND = (
    "*: the change from the undamaged sounds is clear (95 % interval, same clips). heard: clear, at least 5 % of the "
    "largest change of this card, and in the ladder's order (|rho| of 0.9 or more); uneven: not in its order. "
    "from: the weakest step from which on all are clear."
)

_WIDTH, _HEIGHT, _ACROSS = 250, 170, 4
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 40, 30
_HEAD = 60
_COLOURS = {HEARD: "#1b7f4b", WRONG_WAY: "#b3261e", UNEVEN: "#a86400", NOT_HEARD: "#5f6368", "": "#5f6368"}


def rows(card: Sensitivity) -> list[tuple[str, ...]]:
    """Cells under `HEADS`: a row for each ladder, with its values in the order of its steps."""
    return [_row(each, _places(each.steps)) for each in card.ladders]


def _row(found: Rungs, places: int) -> tuple[str, ...]:
    ladder = LADDERS[found.ladder]
    name = f"{found.ladder}: {' '.join(f'{each:g}' for each in ladder.steps)} {ladder.unit}"
    if not found.steps:
        return name, f"not measured: {found.told}", "", "", "", ""
    values = " ".join(f"{fixed(step.value, places)}{'*' if step.clear else ''}" for step in found.steps)
    rho = "" if found.rho is None else fixed(found.rho, 2)
    claim = "" if not found.claim else found.claim if found.borne_out else f"{found.claim}: FALSE"
    heard = found.verdict in (HEARD, WRONG_WAY)
    verdict = f"{found.verdict}, {'up' if found.change > 0 else 'down'}" if heard else found.verdict
    since = f"{found.first_clear:g}" if heard and found.first_clear is not None else ""
    return name, values, rho, verdict, since, claim


def brief_told(card: Sensitivity) -> list[str]:
    """The card in a few lines: which ladders are heard, and which not."""
    lines = [made_of(card)]
    for verdict in (HEARD, WRONG_WAY, UNEVEN, NOT_HEARD):
        names = [_short(each) for each in card.ladders if each.verdict == verdict]
        if names:
            lines.append(f"{verdict}: {', '.join(names)}")
    without = [f"{each.ladder} ({each.told})" for each in card.ladders if not each.verdict]
    return [*lines, *([f"not measured: {'; '.join(without)}"] if without else [])]


def _short(found: Rungs) -> str:
    if found.verdict == NOT_HEARD or found.first_clear is None:
        return found.ladder
    return f"{found.ladder} from {found.first_clear:g} {LADDERS[found.ladder].unit}"


def made_of(card: Sensitivity) -> str:
    """By which judge a card was measured, on what."""
    return f"{_measured(card)}: {_of(card)}"


def _measured(card: Sensitivity) -> str:
    taught = f"; taught by {card.taught}" if card.taught else ""
    by = card.judge if card.size == "none" else f"{card.judge} ({card.size}, weights {card.weights[:12]}{taught})"
    against = "" if card.against == "nothing" else f", against {card.against} ({card.n_reference})"
    return f"by {by}, on {count(card.n, 'recording')}{against}"


def _of(card: Sensitivity) -> str:
    return f"{card.data} ({card.digest[:12]}); evalkit {card.evalkit}"


def picture(card: Sensitivity) -> bytes:
    """An SVG file that stands by itself: a panel for each ladder, values with their intervals from none to strong."""
    panels = [each for each in card.ladders if each.steps]
    lines = -(-len(panels) // _ACROSS)
    width, height = _WIDTH * _ACROSS, _HEAD + _HEIGHT * max(1, lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="11" fill="#202124">',
        f"<title>{escape(card.title)}: what it hears</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="18" font-size="15" font-weight="600">{escape(card.title)} ({escape(card.metric)})'
        f"{_better(card)}</text>",
        f'<text x="12" y="34" fill="#5f6368">{escape(_measured(card))}</text>',
        f'<text x="12" y="48" fill="#5f6368">{escape(_of(card))}</text>',
    ]
    for place, each in enumerate(panels):
        x, y = _WIDTH * (place % _ACROSS), _HEAD + _HEIGHT * (place // _ACROSS)
        parts += [f'<g transform="translate({x} {y})">', *_panel(each), "</g>"]
    return ("".join((*parts, "</svg>")) + "\n").encode("utf-8")


def _better(card: Sensitivity) -> str:
    return {"lower": ", lower is better", "higher": ", higher is better"}.get(card.direction, "")


def _panel(found: Rungs) -> list[str]:
    ladder, colour = LADDERS[found.ladder], _COLOURS[found.verdict]
    low, high = _range(found.steps)
    last = len(found.steps) - 1

    def x(place: int) -> str:
        return f"{_LEFT + 10 + place / last * (_WIDTH - _LEFT - _RIGHT - 20):.1f}"

    def y(value: float) -> str:
        return f"{_HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP):.1f}"

    rho = "" if found.rho is None else f", ρ {fixed(found.rho, 2)}"
    parts = [
        f'<text x="8" y="14" font-weight="600">{escape(ladder.title)}</text>',
        f'<text x="8" y="28" fill="{colour}">{escape(found.verdict)}{rho}</text>',
    ]
    for tick in axis_ticks(low, high)[:4]:
        parts.append(f'<path d="M{_LEFT} {y(tick)}H{_WIDTH - _RIGHT}" stroke="#e3e5e8"/>')
        at = f'x="{_LEFT - 6}" y="{float(y(tick)) + 4:.1f}" text-anchor="end"'
        parts.append(f'<text {at} fill="#5f6368">{axis_told(tick)}</text>')
    course = " ".join(f"{x(place)},{y(step.value or 0.0)}" for place, step in enumerate(found.steps))
    parts.append(f'<polyline points="{course}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    for place, step in enumerate(found.steps):
        if step.low is not None and step.high is not None:
            parts.append(
                f'<path d="M{x(place)} {y(step.low)}V{y(step.high)}" stroke="{colour}" stroke-opacity="0.55"/>'
            )
        fill = colour if step.clear else "#ffffff"
        parts.append(f'<circle cx="{x(place)}" cy="{y(step.value or 0.0)}" r="3.2" fill="{fill}" stroke="{colour}"/>')
        name = "none" if step.at is None else f"{step.at:g}"
        parts.append(f'<text x="{x(place)}" y="{_HEIGHT - 16}" text-anchor="middle" fill="#5f6368">{name}</text>')
    unit = (
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end" fill="#5f6368">{escape(ladder.unit)}</text>'
    )
    return [*parts, unit]


def _range(steps: Sequence[Step]) -> tuple[float, float]:
    numbers = [each for step in steps for each in (step.value, step.low, step.high) if each is not None]
    low, high = min(numbers), max(numbers)
    if high - low <= 1e-6 * max(abs(low), abs(high), 1e-12):  # round-off is no course
        return low - abs(low) / 2 - 1, high + abs(high) / 2 + 1
    return low, high


def _places(steps: Sequence[Step]) -> int:
    """Two digits of the smallest interval, as tables have them, and no more than four digits of a value."""
    values = [step.value for step in steps if step.value is not None]
    widths = [(step.high - step.low) / 2 for step in steps if step.low is not None and step.high is not None]
    return min(decimals(widths, values), decimals([], values)) if values else 2
