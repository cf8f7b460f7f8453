"""Switches in the environment, as people write them."""

from __future__ import annotations

import os

_OFF = ("", "0", "false", "no", "off", "n", "f", "none")


def is_on(name: str) -> bool:
    """Is the variable set, to something that does not say no (0, false, no, off, in any case)? So is what nobody can
    read: these switches forbid something, and a slip of the keyboard must not allow it."""
    return os.environ.get(name, "").strip().lower() not in _OFF
