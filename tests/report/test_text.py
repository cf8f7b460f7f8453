"""Figures keep honest digits, and no text can disturb the line it stands in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.text import clean, count, decimals, duration, fixed, number, one_line, whole


@given(st.text())
def test_any_text_becomes_text_that_can_be_written(text: str) -> None:
    """A lone surrogate or a NUL in a prompt must not stop the report."""
    shown = clean(text)
    shown.encode("utf-8")
    assert not any(char < " " and char not in "\n\t" for char in shown)


def test_lone_surrogates_controls_and_overrides_are_made_visible() -> None:
    assert clean("a\ud800b") == "a?b"
    assert clean("a\0b\x1b[31m") == "a␀b␛[31m"
    assert clean("good\u202elive") == "good[U+202E]live"


def test_a_huge_text_is_cut_and_says_so() -> None:
    assert clean("x" * 1_000_000) == "x" * 2000 + "… (1,000,000 characters)"


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
    assert [duration(value) for value in (0.7, 41.2, 185, 7800, None)] == [
        "0.7 s", "41 s", "3 min 05 s", "2 h 10 min", "n/a",
    ]  # fmt: skip
    assert count(1, "run") == "1 run"
    assert count(4875, "prompt") == "4,875 prompts"
    assert one_line(" a\n b ") == "a b"
