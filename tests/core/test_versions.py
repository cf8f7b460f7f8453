"""The version stamp beside every number."""

from __future__ import annotations

from evalkit.core.versions import stamp


def test_the_stamp_names_what_numbers_depend_on() -> None:
    found = stamp()
    assert {"evalkit", "python", "torch", "numpy", "soxr"} <= set(found) and all(found.values())
