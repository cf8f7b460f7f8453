"""What is installed beside evalkit: versions of packages, and the entry points by which they add names.

Reading either costs a walk through every package's metadata, 10 to 140 ms, and a run asks some thirty times. So an
answer is kept for as long as the folders on the search path are as they were: installing a package, also from within
a notebook, changes the time of its folder.
"""

from __future__ import annotations

import importlib.metadata
import sys
from functools import lru_cache
from pathlib import Path

_Place = tuple[tuple[str, int], ...]


def version(package: str) -> str:
    """The installed version of a package, or ""."""
    return _version(package, _place())


def entry_points(group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    """What the installed packages add to a group, in the order of the search path."""
    return _entry_points(group, _place())


@lru_cache(maxsize=1024)
def _version(package: str, _: _Place) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@lru_cache(maxsize=64)
def _entry_points(group: str, _: _Place) -> tuple[importlib.metadata.EntryPoint, ...]:
    return tuple(importlib.metadata.entry_points(group=group))


def _place() -> _Place:
    """The search path, and when each of its folders was last changed (-1: it is not there)."""
    return tuple((entry, _changed(entry)) for entry in sys.path)


def _changed(entry: str) -> int:
    try:
        return Path(entry).stat().st_mtime_ns
    except (OSError, ValueError):
        return -1
