"""Which column of a stranger's table is which, by the names that people give them.

Names are compared without case, and without what stands between their words. The stated order decides where several
are there: of those that may be the id, the column by which the sounds are named, where there are sounds; else the first
whose values all differ. Of several that may be the text none is taken, unless they say the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evalkit.audio.names import match
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.suites.base import Columns
from evalkit.suites.prompts import columns_told
from evalkit.suites.rows import TEXTS, Table

ID = (
    "id", "audiocap_id", "caption_id", "prompt_id", "item_id", "ytid", "youtube_id", "file_name", "filename", "file",
    "path", "file_path", "audio_path", "wav", "audio", "location", "clip", "name", "key",
)  # fmt: skip
SECONDS = ("seconds", "duration", "length", "seconds_total", "duration_s", "duration_seconds")
GROUP = ("group", "source", "youtube_id", "ytid", "track_id")
LABELS = ("labels", "label", "tags", "tag", "classes")
LYRICS = ("lyrics", "lyric", "song_lyrics")
ROLES = {"id": ID, "text": TEXTS, "seconds": SECONDS, "group": GROUP, "labels": LABELS, "lyrics": LYRICS}
"""The names of a column for each role, the likeliest first."""


@dataclass(frozen=True)
class Choice:
    """`columns` as `Columns`; its id is "" where the table has none and the rows are to be numbered."""

    columns: Columns
    taken: str


def choose_columns(
    table: Table, asked: Mapping[str, str], seconds: float | None, wrong: Gathering, sounds: Collection[str] = ()
) -> Choice:
    """Which column is which: as `asked` {role: column}, else by name. `seconds` is one length for all; `sounds` are the
    names of the files that are there. `wrong` gets every role and column that there is not, which are taken by name;
    where the text's column cannot be told, raises a UserError with all of it."""
    named = _named(table, asked, wrong)
    identifier = named["id"] if "id" in named else _identifier(table, sounds)
    if "text" in asked and "text" not in named:
        wrong.settle()
    text = named.get("text") or wrong.read("", _text, table)
    if not text:
        with wrong.look():
            table.faults.refuse()
        wrong.settle()
    group = named.get("group") or _first(table, GROUP, but=identifier)
    length: str | float = named.get("seconds") or _first(table, SECONDS) or 0.0
    if seconds is not None:
        length = seconds
    labels, lyrics = named.get("labels") or _first(table, LABELS), named.get("lyrics") or lyrics_column(table)
    taken = {"id": identifier or "numbers of the rows", "text": text}
    taken |= {"seconds": length if isinstance(length, str) else f"{length:g}"} if length else {}
    taken |= {role: column for role, column in (("group", group), ("labels", labels), ("lyrics", lyrics)) if column}
    told = ", ".join(f"{role}={column}" for role, column in taken.items())
    return Choice(Columns(identifier, text, length, group, labels, lyrics), told)


def lyrics_column(table: Table) -> str | None:
    """The column of lyrics, by its name; None where there is none."""
    return _first(table, LYRICS)


def _named(table: Table, asked: Mapping[str, str], wrong: Gathering) -> dict[str, str]:
    """{role: column} of those asked for that there are."""
    found: dict[str, str] = {}
    for role, column in asked.items():
        with wrong.look():
            if role not in ROLES:
                raise unknown_name("column of --columns", role, ROLES)
            found[role] = _exactly(table, role, column)
    return found


def _exactly(table: Table, role: str, column: str) -> str:
    if column in table.columns:
        return column
    close = _among(table, (column,))
    if len(close) != 1:
        raise UserError(f"--columns {role}={column}: {table.path} has no such column", _here(table))
    return close[0]


def _identifier(table: Table, sounds: Collection[str]) -> str:
    candidates = _among(table, ID)
    if len(candidates) < 2:
        return candidates[0] if candidates else ""
    values = {column: [str(row.fields.get(column)) for row in table.rows] for column in candidates}
    if sounds:
        fitting = {column: len(match("", values[column], sounds).files) for column in candidates}
        if any(fitting.values()):
            return max(candidates, key=lambda column: fitting[column])
    return next((column for column in candidates if len(set(values[column])) == len(table.rows)), candidates[0])


def _text(table: Table) -> str:
    candidates = _among(table, TEXTS)
    if not candidates:
        raise UserError(
            f"{table.path}: no column is called {', '.join(TEXTS[:4])} or the like",
            "; ".join(filter(None, ("say --columns text=NAME, id=NAME", _here(table), _header(table)))),
        )
    first = [row.fields.get(candidates[0]) for row in table.rows]
    others = [c for c in candidates[1:] if c != candidates[0] and [row.fields.get(c) for row in table.rows] != first]
    if others:
        named = " and ".join([candidates[0], *others])
        raise UserError(f"{table.path}: {named} may each be the prompt", f"say --columns text={candidates[0]}")
    return candidates[0]


def _first(table: Table, names: Sequence[str], but: str = "") -> str | None:
    return next((column for column in _among(table, names) if column != but), None)


def _among(table: Table, names: Sequence[str]) -> list[str]:
    """The table's columns of these names, in the order of the names."""
    plain: dict[str, list[str]] = {}
    for column in table.columns:
        plain.setdefault(_plain(column), []).append(column)
    return [column for name in names for column in plain.get(_plain(name), ())]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.casefold())


def _header(table: Table) -> str:
    return "the first line names the columns" if table.faults.unit == "line" and not _here(table) else ""


def _here(table: Table) -> str:
    return columns_told(dict.fromkeys(table.columns))
