"""`evalkit.toml` beside the work: what verbs are told where it is not typed.

    [run]
    model = "stable-audio-mini,mock"
    limit = 8
    no-report = true

    [check]
    gate = ["fd_openl3<=+2%", "clap_score>=-0.01"]

A table is a verb, a key one of its options as it is typed, without the dashes; several values of an option that may be
repeated are a list. What is typed comes after and stands instead. What was taken is said, each time.

The file lies in the working folder, which may be a stranger's. So it cannot do what a person should have decided: name
code that would be run (`module:Class`, a worker, a suite's manifest), consent to licences, or write outside of the
working folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.core.paths import inside
from evalkit.core.tables import Table
from evalkit.core.tomlio import read_toml_table

NAME = "evalkit.toml"
_NEVER = {
    "yes": "licences are agreed to by whoever types the command",
    "log": "a log is asked for where it is wanted",
    "save": "a baseline is replaced by whoever types the command",
    "record": "an answer is recorded by whoever types the command",
}
_WRITTEN = frozenset({"out", "junit", "summary", "history"})
_RUN = frozenset({"model", "judges", "suite", "metric"})
_CODE = re.compile(r"\s*(worker:.*|[\w./\\-]+:[A-Za-z_]\w*)\s*")
_HARMLESS = ("folder:",)


def words_of(verb: str, options: Mapping[str, Any], typed: Sequence[str], folder: Path) -> list[str]:
    """The options of the folder's file for this verb, as they would be typed, without those that are `typed` too;
    `options` are the verb's, {"--limit": parameter}, of which only `is_flag` and `multiple` are asked.

    Raises UserError with all that is wrong with the verb's table, and for a table that is no verb's.
    """
    from evalkit.cli.main import VERBS

    path = folder / NAME
    if not path.is_file():
        return []
    file = read_toml_table(path, "table of options")
    tables = file.tables(VERBS)
    words: list[str] = []
    table = tables.get(verb)
    if table is not None:
        known = {word[2:]: param for word, param in options.items() if word.startswith("--")}
        for other in known:
            table.knows(other)
        for key in table.names():
            if key in known:
                given = [] if _is_typed(known[key], typed) else _words(table, key, known[key], folder)
                words += given
    for name, other_table in tables.items():
        if name != verb:
            other_table.knows(*other_table.names())  # another verb's are its own affair
    file.settle()
    return words


def _is_typed(param: Any, typed: Sequence[str]) -> bool:
    own = {*param.opts, *param.secondary_opts}
    return any(word.partition("=")[0] in own for word in typed)


def _words(table: Table, key: str, param: Any, folder: Path) -> list[str]:
    """`--key value` for each value; a fault, and nothing, for what may not stand in the file or is no such value."""
    if key in _NEVER:
        table.fault(key, f"{key!r} cannot be set here", _NEVER[key])
        return []
    if getattr(param, "is_flag", False):
        return [f"--{key}"] if table.switch(key) else []
    several = getattr(param, "multiple", False)
    expected = "text or a number" + (", or a list of them" if several else "")
    found = table.read(key, lambda value: _is_plain(value) or (several and _all_plain(value)), expected, "", "")
    values = [str(each) for each in (found if isinstance(found, list) else [found])]
    for value in values:
        _require_harmless(table, key, value, folder)
    return [word for value in values if value for word in (f"--{key}", value)]


def _require_harmless(table: Table, key: str, value: str, folder: Path) -> None:
    if key in _WRITTEN and (value.startswith("~") or not inside(folder, value)):
        table.fault(key, f"{key!r} is {value!r}, outside of this folder", "type it, if that is meant")
    if key not in _RUN:
        return
    named = [each.strip() for each in value.split(",")]
    code = next((each for each in named if _CODE.fullmatch(each) and not each.startswith(_HARMLESS)), "")
    if code:
        table.fault(key, f"{key!r} names code: {code}", "type it: what a file in a folder names is not run")
    elif key == "suite" and (value.endswith(".toml") or "/" in value):
        table.fault(key, f"{key!r} is a file, which may name code: {value}", "type it: --suite PATH")


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _all_plain(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_plain, value))
