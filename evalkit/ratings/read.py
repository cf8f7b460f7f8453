"""Any file of ratings: which of the known forms it has, told by its first line, and its reader called."""

from __future__ import annotations

from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.jsonio import parse_json
from evalkit.core.paths import is_folder, is_there
from evalkit.ratings import aes_pam, audiomos, long_csv, music_arena, webmushra
from evalkit.ratings.base import Ratings
from evalkit.ratings.delimited import first_line, header, separator
from evalkit.ratings.music_arena import Leaderboard

FORMS = (
    "a table with the columns clip, system, rater, scale, score; webMUSHRA's mushra.csv; JSON lines of AES-PAM or "
    "AudioMOS; a leaderboard of Music Arena; the .json of evalkit listen --collect"
)


def read_ratings(path: Path) -> Ratings | Leaderboard:
    """What a file holds. Raises UserError where it has none of the known forms, and whatever its reader finds wrong."""
    if is_folder(path):
        raise UserError(f"{path}: is a folder, and no file of ratings", "name a file in it")
    if not is_there(path):
        raise UserError(f"{path}: no such file of ratings", f"name a file, or one of {', '.join(_names())}")
    first = first_line(path)
    if path.suffix.lower() == ".json":
        from evalkit.ratings.collected import as_ratings, read_collected

        return as_ratings(read_collected(path), path.stem)
    if first.lstrip().startswith("{"):
        record = parse_json(first.encode("utf-8", "replace"), f"{path}, line 1", finite=True)
        for lined in (audiomos, aes_pam):
            if isinstance(record, dict) and lined.fits(record):
                return lined.read(path)
        raise UserError(f"{path}, line 1: is no line of AES-PAM or AudioMOS", f"known forms: {FORMS}")
    columns = header(path, separator(path))
    if music_arena.fits(path, columns):
        return music_arena.read(path)
    for table in (webmushra, long_csv):
        if table.fits(path, columns):
            return table.read(path)
    raise UserError(f"{path}, line 1: is no header of a known form", f"known forms: {FORMS}")


def _names() -> list[str]:
    from evalkit.ratings.shipped import names

    return names()
