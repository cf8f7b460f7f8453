"""Verdicts: what is called equal, near and wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.verify.verdict import Tolerance, compare, exact

NUMBERS = st.lists(st.floats(-10, 10), min_size=1, max_size=20)


@given(NUMBERS, st.floats(1e-6, 1), st.floats(0, 0.1), st.randoms(use_true_random=False))
def test_near_and_wrong_are_those_of_numpy(
    expected: list[float], absolute: float, relative: float, random: object
) -> None:
    shift = np.array([random.uniform(-2, 2) for _ in expected]) * absolute  # type: ignore[attr-defined]
    found = np.array(expected) + shift
    close = np.allclose(found, expected, rtol=relative, atol=absolute)
    verdict = compare("a", "b", found, expected, Tolerance(absolute, relative))
    assert (verdict.result != "wrong") == close
    assert verdict.difference is not None and verdict.tolerance is not None
    assert (verdict.difference <= verdict.tolerance) == close


def test_equal_is_within_the_rounding_of_what_is_stated() -> None:
    tolerance = Tolerance(absolute=1e-3, rounding=0.5e-4)
    assert compare("a", "b", [0.12344], [0.1234], tolerance).result == "equal"
    assert compare("a", "b", [0.1236], [0.1234], tolerance).result == "near"
    assert compare("a", "b", [0.1254], [0.1234], tolerance).result == "wrong"


def test_a_row_is_judged_by_its_own_length() -> None:
    expected = np.array([[3.0, 4.0], [30.0, 40.0]])
    assert (
        compare("a", "b", expected + np.array([[0.04, 0.0], [0.4, 0.0]]), expected, Tolerance(rows=0.01)).result
        == "near"
    )
    assert (
        compare("a", "b", expected + np.array([[0.06, 0.0], [0.0, 0.0]]), expected, Tolerance(rows=0.01)).result
        == "wrong"
    )


@pytest.mark.parametrize("found", [[1.0], [[1.0, 2.0]], [1.0, math.nan], [math.inf, 2.0]])
def test_another_shape_and_no_number_are_wrong(found: list[float]) -> None:
    verdict = compare("a", "b", found, [1.0, 2.0], Tolerance(absolute=1e9))
    assert verdict.result == "wrong" and verdict.reason


def test_ids_are_equal_or_wrong() -> None:
    assert exact("a", "b", [1, 2], [1, 2]).result == "equal"
    assert exact("a", "b", [1, 2], [1, 3], "the third").reason == "the third"
