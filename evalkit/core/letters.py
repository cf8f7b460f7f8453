"""The names of things in a row: A, B, ... Z, AA, AB, ..."""

from __future__ import annotations


def letters(place: int) -> str:
    """The letters of the thing at a place, from 0."""
    head, last = divmod(place, 26)
    return (letters(head - 1) if head else "") + chr(ord("A") + last)
