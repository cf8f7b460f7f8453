"""Figures keep honest digits."""

from __future__ import annotations

from evalkit.core.text import count
from evalkit.report.text import decimals, duration, fixed, number, whole


def test_only_finite_numbers_are_numbers() -> None:
    assert [number(value) for value in (1, 2.5, True, "3", None, float("nan"), float("inf"), 10**400)] == [
        1.0, 2.5, None, None, None, None, None, None,
    ]  # fmt: skip
    assert whole(3.0) == 3
    assert whole(3.5) is None


def test_decimals_follow_the_interval() -> None:
    """Two significant digits of the half-width: 118.4 ± 7.3, 0.312 ± 0.021."""
    assert decimals([7.3], [118.4]) == 1
    assert decimals([0.021], [0.312]) == 3
    assert decimals([250.0], [4000.0]) == 0
    assert decimals([], [118.4]) == 1
    assert decimals([], []) == 2


def test_numbers_and_times_read_well() -> None:
    assert fixed(-21.46, 1) == "−21.5"
    assert fixed(None, 3) == "n/a"
    assert fixed(-2.2e-13, 6) == "−2.2e−13" and fixed(2e-13, 2) == "0.00" and fixed(0.0, 6) == "0.000000"
    assert [duration(value) for value in (0.7, 41.2, 185, 7800, None)] == [
        "0.7 s", "41 s", "3 min 05 s", "2 h 10 min", "n/a",
    ]  # fmt: skip
    assert count(1, "run") == "1 run"
    assert count(4875, "prompt") == "4,875 prompts"
