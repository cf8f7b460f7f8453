"""AES-PAM: 1,000 clips of text-to-audio and text-to-music systems, ten raters, four axes (facebookresearch/
audiobox-aesthetics, evaluation_data/AES_PAM.jsonl, CC-BY 4.0; the clips are PAM's, Deshmukh et al., arXiv 2402.00282).

The two last folders of `data_path` name domain and system, the file's name the prompt that the systems of a domain
share."""

from __future__ import annotations

import re
from pathlib import Path

from evalkit.ratings.axes import AXES, Placed, read_axes
from evalkit.ratings.base import Ratings, name_of

_PATH = re.compile(r"(?:.*/)?(audio|music)/([^/]+)/(?:generated_audio/)?([^/]+?)(?:\.wav)?", re.DOTALL)


def fits(first: dict[str, object]) -> bool:
    """Is this the first line of such a file?"""
    return isinstance(path := first.get("data_path"), str) and _place(path) is not None


def read(path: Path) -> Ratings:
    """Read such a file. Raises UserError, naming line and field, for all that does not fit."""
    rows = read_axes(path, _place, "a path that ends in audio/SYSTEM/FILE or music/SYSTEM/FILE")
    return Ratings(path.stem, rows, tuple(AXES.values()), place=_place)


def _place(said: str) -> Placed | None:
    found = _PATH.fullmatch(said)
    names = [name_of(each) for each in found.groups()] if found else [None]
    if not all(names):
        return None
    domain, system, prompt = (str(each) for each in names)
    return f"{domain}/{system}/{prompt}", f"{domain}/{prompt}", f"{domain}/{system}"
