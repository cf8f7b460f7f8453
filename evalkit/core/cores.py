"""How many cores there are for this process: fewer than the machine has, where it is held to some, or to a share."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_OWN = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def visible() -> int:
    """How many of the machine's cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores() -> int:
    """How many of these it has the time of: a container's share of 1.5 cores is one, and never none."""
    return max(1, math.floor(min([visible(), *_shares()])))


def _shares() -> Iterator[float]:
    """What this process's control groups (Linux; of either version) allow it, in cores."""
    with suppress(OSError, UnicodeDecodeError):
        for line in _text(_OWN).splitlines():
            _, _, rest = line.partition(":")
            kinds, _, place = rest.partition(":")
            if not kinds:
                yield from _along(_GROUPS, place, _share_2)
            elif "cpu" in kinds.split(","):
                yield from _along(_GROUPS / kinds, place, _share_1)


def _along(root: Path, place: str, share: Callable[[Path], float]) -> Iterator[float]:
    """Of a group and those above it; inside a container the whole path may not be there, and the root is its own."""
    parts = [part for part in place.split("/") if part not in ("", ".", "..")]
    for count in range(len(parts), -1, -1):
        with suppress(OSError, ValueError, ZeroDivisionError, UnicodeDecodeError):
            yield share(root.joinpath(*parts[:count]))


def _share_2(group: Path) -> float:
    quota, period = _text(group / "cpu.max").split()
    return math.inf if quota == "max" else int(quota) / int(period)


def _share_1(group: Path) -> float:
    quota, period = (int(_text(group / f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    return math.inf if quota < 0 else quota / period


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
