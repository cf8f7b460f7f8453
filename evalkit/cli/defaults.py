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

from evalkit.core.faults import Gathering
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


def words_of(verb: str, options: Mapping[str, Any], typed: Sequence[str], folder: Path, wrong: Gathering) -> list[str]:
    """The options of the folder's file for this verb, as they would be typed, without those that are `typed` too;
    `options` are the verb's, {"--limit": parameter}, of which only `is_flag` and `multiple` are asked.

    `wrong` gets all that is wrong with the verb's table, and a table that is no verb's; what is sound is returned.
    """
    from evalkit.cli.main import VERBS

    path = folder / NAME
    if not path.is_file():
        return []
    file = wrong.read(None, read_toml_table, path, "table of options")
    if file is None:
        return []
    tables = file.tables(VERBS)
    words = _of_table(tables[verb], options, typed, folder) if verb in tables else []
    for name, other_table in tables.items():
        if name != verb:
            other_table.knows(*other_table.names())  # another verb's are its own affair
    wrong.read(None, file.settle)
    return words


def _of_table(table: Table, options: Mapping[str, Any], typed: Sequence[str], folder: Path) -> list[str]:
    known = {word[2:]: param for word, param in options.items() if word.startswith("--")}
    table.knows(*known)
    own = [key for key in table.names() if key in known and not _is_typed(known[key], typed)]
    return [word for key in own for word in _words(table, key, known[key], folder)]


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
    return [
        word for value in values if value and _is_harmless(table, key, value, folder) for word in (f"--{key}", value)
    ]


def _is_harmless(table: Table, key: str, value: str, folder: Path) -> bool:
    """May this stand in a stranger's file? A fault is told of what may not."""
    if key in _WRITTEN and (value.startswith("~") or not inside(folder, value)):
        table.fault(key, f"{key!r} is {value!r}, outside of this folder", "type it, if that is meant")
        return False
    if key not in _RUN:
        return True
    named = [each.strip() for each in value.split(",")]
    code = next((each for each in named if _CODE.fullmatch(each) and not each.startswith(_HARMLESS)), "")
    if code:
        table.fault(key, f"{key!r} names code: {code}", "type it: what a file in a folder names is not run")
    elif key == "suite" and (value.endswith(".toml") or "/" in value):
        table.fault(key, f"{key!r} is a file, which may name code: {value}", "type it: --suite PATH")
    else:
        return True
    return False


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and bool(str(value).strip())


def _all_plain(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_plain, value))
