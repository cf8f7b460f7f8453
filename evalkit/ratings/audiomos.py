"""AudioMOS Challenge 2025, track 2: 3,060 clips of 36 systems under blind codes, ten raters, the four axes of Audiobox
Aesthetics (facebookresearch/audiobox-aesthetics, audiomos2025_track2/, CC-BY 4.0).

`data_path` is `audiomos2025-track2-sysCODE-uttCODE`. Which clips share a prompt is not published, so each stands alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from evalkit.ratings.axes import AXES, Placed, read_axes
from evalkit.ratings.base import Ratings

_PATH = re.compile(r"(?:.*/)?(?:audiomos2025-track2-)?(sys[0-9A-Za-z_]{1,40})-(utt[0-9A-Za-z_]{1,40})(?:\.wav)?")


def fits(first: dict[str, object]) -> bool:
    """Is this the first line of such a file?"""
    return isinstance(path := first.get("data_path"), str) and _place(path) is not None


def read(path: Path) -> Ratings:
    """Read such a file. Raises UserError, naming line and field, for all that does not fit."""
    rows = read_axes(path, _place, "audiomos2025-track2-sysCODE-uttCODE")
    return Ratings(path.stem, rows, tuple(AXES.values()), place=_place)


def _place(said: str) -> Placed | None:
    found = _PATH.fullmatch(said)
    return None if found is None else (f"{found[1]}-{found[2]}", f"{found[1]}-{found[2]}", found[1])
