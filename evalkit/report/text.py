"""Numbers and their words as a reader sees them: figures with honest digits. Text is `core.text`'s."""

from __future__ import annotations

import math
from collections.abc import Iterable

MISSING = "n/a"
_MOST = 6
"""Decimals."""


def number(value: object) -> float | None:
    """A finite float, or None for anything that is not a finite number (NaN, text, a list, true)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(value: object) -> int | None:
    """A count, or None for anything that is not a whole number of sensible size."""
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) < 2**53 else None


def decimals(half_widths: Iterable[float], values: Iterable[float]) -> int:
    """How many decimals a column deserves: two significant digits of its smallest interval half-width.

    Without any interval, four significant digits of the largest value. Between 0 and 6.
    """
    widths = [width for width in half_widths if width > 0]
    sizes = [abs(value) for value in values if value]
    if widths:
        return _clamp(1 - math.floor(math.log10(min(widths))))
    return _clamp(3 - math.floor(math.log10(max(sizes)))) if sizes else 2


def _clamp(places: int) -> int:
    return min(_MOST, max(0, places))


def fixed(value: float | None, places: int) -> str:
    """A number with `places` decimals and a real minus sign; "n/a" for None. Too large, or too small for the most
    decimals that there are, it has its power of ten."""
    if value is None:
        return MISSING
    if abs(value) >= 1e9 or (places == _MOST and 0 < abs(value) < 0.5 * 10**-_MOST):
        return f"{value:.{3 if abs(value) > 1 else 1}e}".replace("-", "\u2212")
    return f"{value:.{places}f}".replace("-", "\u2212")


def plainly(value: float) -> str:
    """A number as its source wrote it, as far as a float keeps that, with a real minus sign."""
    return f"{value:.6g}".replace("-", "\u2212")


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: "0.8 s", "12 s", "3 min 05 s", "2 h 10 min"."""
    if seconds is None or seconds < 0:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"


def estimate(value: float | None, low: float | None, high: float | None, level: float | None) -> tuple[str, str]:
    """A number and its interval with as many digits as the interval's width allows: ("0.156", "[0.103, 0.209] 95%")."""
    if value is None or low is None or high is None or level is None:
        return figure(value), MISSING
    places = decimals([(high - low) / 2], [value])
    return fixed(value, places), f"[{fixed(low, places)}, {fixed(high, places)}] {level:.0%}"


def figure(value: float | None, digits: int = 4) -> str:
    """A number for a table, with a real minus sign; `n/a` for none."""
    return MISSING if value is None else f"{value:.{digits}g}".replace("-", "\u2212")
