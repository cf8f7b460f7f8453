"""Quantiles and tails of the normal distribution and of Student's t.

They are those of scipy.special, which scipy.stats itself calls: the same numbers to the last bit, without the half
second that importing scipy.stats costs every command that holds an interval.
"""

from __future__ import annotations

from typing import Any

import scipy.special


def quantile(p: float, freedom: Any = None) -> Any:
    """Where a share `p` of Student's t with `freedom` degrees lies below, of the normal distribution where None.

    `freedom` may be an array, and so is the answer then.
    """
    return scipy.special.ndtri(p) if freedom is None else scipy.special.stdtrit(freedom, p)


def tail(value: Any, freedom: Any = None) -> Any:
    """The share of Student's t with `freedom` degrees above `value`; of the normal distribution where None."""
    return scipy.special.ndtr(-value) if freedom is None else scipy.special.stdtr(freedom, -value)
