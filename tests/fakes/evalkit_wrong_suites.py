"""Suites with faults planted in them: each knows what every one of its faults must be told as."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

MANIFEST = """
name = "own"
title = "Own"
version = "1"
protocol = "own-1"
size = "full"
[prompts]
file = "own.csv"
id = "id"
text = "prompt"
seconds = "seconds"
group = "clip"
count = 6
groups = 3
captions = "all"
no_reference = ["c2"]
[metrics.clap_score]
weights = "clap-mini"
[metrics.kl_passt]
weights = "passt-mini"
direction = "generated||reference"
reference = "pairs.npz"
[metrics.fd_openl3]
weights = "openl3-mini"
[metrics.fd_openl3.reference]
repo = "a/b"
commit = "0123456789012345678901234567890123456789"
path = "load/x.npz"
blob = "0123456789012345678901234567890123456789"
form = "mu_sigma"
count = 3
[reference]
audio = "sounds"
""".lstrip()

ROWS = [["id", "prompt", "seconds", "clip"], *([f"p{n}", f"sound {n}", "2.5", f"c{n // 2}"] for n in range(6))]


class CannotPlantError(Exception):
    """Another fault is in that line already."""


@dataclass
class Draft:
    """A suite in the making: the lines of its manifest, the rows of its prompts, and what must be told of it."""

    lines: list[str] = field(default_factory=lambda: MANIFEST.splitlines())
    rows: list[list[Any]] = field(default_factory=lambda: [list(row) for row in ROWS])
    told: list[str] = field(default_factory=list)
    form: str = "csv"
    used: set[int] = field(default_factory=set)

    def place(self, row: int) -> str:
        """Where a row stands in the prompt file; JSON lines have no header, and some files no lines."""
        unit = {"json": "entry", "parquet": "row"}.get(self.form, "line")
        return f"{unit} {row + 1 if self.form in ('csv', 'tsv') else row}"

    def at(self, text: str) -> int | None:
        return next((number for number, line in enumerate(self.lines) if line.startswith(text)), None)


Fault = Callable[[Draft], None]


def line(old: str, new: str, *told: str) -> Fault:
    """Put another line in the place of the one that begins so; "" takes it away. `{line}` in what is told is its
    number."""

    def plant(draft: Draft) -> None:
        number = draft.at(old)
        if number is None or number in draft.used:
            raise CannotPlantError
        draft.used.add(number)
        draft.lines[number] = new
        draft.told += [each.replace("{line}", f"line {number + 1}") for each in told]

    return plant


def cell(row: int, column: int, value: object, told: str) -> Fault:
    """Put another value into a cell. `{line}` in what is told is the line of its row, `{first}` that of the first."""

    def plant(draft: Draft) -> None:
        if draft.rows[row][column] != ROWS[row][column]:
            raise CannotPlantError
        draft.rows[row][column] = value
        draft.told += [told.format(line=draft.place(row), first=draft.place(1))]

    return plant


def typed(row: int, column: int, value: object, told: str) -> Fault:
    """As `cell`, for values that only JSON has."""

    def plant(draft: Draft) -> None:
        if not draft.form.startswith("json"):
            raise CannotPlantError
        cell(row, column, value, told)(draft)

    return plant


def short_row(draft: Draft) -> None:
    draft.rows[4] = draft.rows[4][:2]
    draft.told += [f"{draft.place(4)}: has {'2 fields' if draft.form in ('csv', 'tsv') else 'no'}"]


IN_MANIFEST: dict[str, Fault] = {
    "no name": line("name", "", "'name' is missing"),
    "a misspelt title": line("title", 'tilte = "x"', "{line}: unknown key 'tilte'", "did you mean title"),
    "a number as version": line("version", "version = 2", "{line}: 'version' is 2"),
    "an empty protocol": line("protocol", 'protocol = " "', "{line}: 'protocol' is ' '"),
    "no such size": line("size", 'size = "huge"', "{line}: 'size' is 'huge'"),
    "no file": line("file", "", "'file' is missing"),
    "a list as id": line("id = ", "id = []", "{line}: [prompts]: 'id' is []"),
    "an empty column": line("text", 'text = ""', "{line}: [prompts]: 'text' is ''"),
    "too long": line("seconds", "seconds = 4000", "{line}: [prompts]: 'seconds' is 4000"),
    "a switch as seconds": line("seconds", "seconds = true", "{line}: [prompts]: 'seconds' is true"),
    "a misspelt group": line("group = ", 'gruop = "clip"', "{line}: unknown key 'gruop'", "did you mean group"),
    "a count below nothing": line("count = 6", "count = -1", "{line}: [prompts]: 'count' is -1"),
    "half a group": line("groups", "groups = 1.5", "{line}: [prompts]: 'groups' is 1.5"),
    "no such captions": line("captions", 'captions = "some"', "{line}: [prompts]: 'captions' is 'some'"),
    "one source as text": line("no_reference", 'no_reference = "c2"', "{line}: [prompts]: 'no_reference' is 'c2'"),
    "no such metric": line("[metrics.clap_score]", "[metrics.clap_scor]", "{line}: unknown key 'clap_scor'"),
    "no such judge": line('weights = "clap-mini"', 'weights = "clap-mni"', "{line}: ", "'clap-mni'", "did you mean"),
    "no weights": line('weights = "passt-mini"', "", "'weights' is missing"),
    "no such convention": line("direction", 'direction = "up"', "{line}: ", "'up'"),
    "a number as reference": line("reference = ", "reference = 3", "{line}: [metrics.kl_passt]: 'reference' is 3"),
    "a repository that is none": line("repo", 'repo = "a"', "{line}: ", "repo of a source cannot be 'a'"),
    "a way out": line("path", 'path = "../../x"', "the path of a source cannot be"),
    "no digest": line("blob", 'blob = "zz"', "{line}: ", "blob of a source cannot be 'zz'"),
    "no such form": line("form", 'form = "musigma"', "{line}: ", "'musigma'", "did you mean mu_sigma"),
    "nothing said of the clips": line("count = 3", "", "has no count"),
    "a misspelt key of a source": line("commit", 'comit = "main"', "{line}: unknown key 'comit'"),
    "a table that nobody knows": line("[reference]", "[refrence]", "{line}: unknown key 'refrence'", "mean reference"),
    "no quotes": line("title", "title = Own", "{line}, column 9: cannot be read as a suite manifest"),
    "a date": line("version", "version = 2026-01-01", "{line}: version is a date", "in quotes"),
    "a key twice": line("groups", "count = 7", "{line}, column", "Cannot overwrite a value"),
    "another count": line("count = 6", "count = 5", "{line}: [prompts]: states 5 prompts", "holds 6"),
    "a source that no prompt has": line("no_reference", 'no_reference = ["c9"]', "{line}: ", "names 'c9'"),
    "a folder that is a list": line("audio", "audio = [1]", "{line}: [reference]: 'audio' is [1]"),
}  # fmt: skip

IN_PROMPTS: dict[str, Fault] = {
    "an empty text": cell(2, 1, " ", "{line}: 'prompt' is empty"),
    "an id twice": cell(3, 0, "p0", "'p0' is on {first} and on {line}"),
    "no number": cell(1, 2, "soon", "{line}: seconds is 'soon'"),
    "below nothing": cell(5, 2, "-1", "{line}: seconds is '-1'"),
    "an empty source": cell(6, 3, "", "{line}: 'clip'"),
    "too few fields": short_row,
}
IN_JSON: dict[str, Fault] = {
    "a number as text": typed(2, 1, 2.5, "{line}: 'prompt' is not text"),
    "a list as text": typed(2, 1, ["a", "b"], "{line}: 'prompt' is not text"),
    "an object as text": typed(2, 1, {"en": "rain"}, "{line}: 'prompt' is not text"),
    "no text": typed(2, 1, None, "{line}: has no 'prompt'"),
    "a word for nothing": typed(2, 1, "NaN", "{line}: 'prompt' is 'NaN', which stands for"),
    "half a surrogate": typed(2, 1, "\ud800", "{line}: 'prompt' holds"),
    "a switch as id": typed(3, 0, True, "{line}: 'id' is not text"),
    "a fraction as id": typed(3, 0, 1.5, "{line}: 'id' is not text"),
    "a switch for seconds": typed(1, 2, True, "{line}: seconds"),
    "a list of seconds": typed(1, 2, [2.5], "{line}: seconds"),
    "an hour too many": typed(1, 2, 4000, "{line}: seconds"),
    "an object as source": typed(6, 3, {}, "{line}: 'clip' is not text"),
}
FORMS = ("csv", "tsv", "jsonl", "json", "parquet")
_NAMES_FILE = ("no file", "a list as id", "an empty column")
_OF_SECONDS = ("too long", "a switch as seconds")
_OF_PROMPTS = (
    *_NAMES_FILE, *_OF_SECONDS, "a misspelt group", "a count below nothing", "half a group", "no such captions",
    "one source as text", "a key twice", *IN_PROMPTS, *IN_JSON,
)  # fmt: skip


def untold(names: Sequence[str]) -> set[str]:
    """The faults that are told the next time only, and why that is so."""
    found, chosen = set[str](), set(names)
    if chosen & set(_NAMES_FILE):  # nobody knows which file was meant, or which of its columns
        found |= {*IN_PROMPTS, *IN_JSON}
    if chosen & set(_OF_SECONDS):
        found |= {"no number", "below nothing", "a switch for seconds", "a list of seconds", "an hour too many"}
    if "a misspelt group" in chosen:
        found |= {"an empty source", "an object as source"}
    if chosen & {"no quotes", "a key twice"}:  # what is missing may stand in the line that is no TOML
        found |= {"no name", "no file", "no weights"}
        if "no file" in chosen:
            found |= {*IN_PROMPTS, *IN_JSON}
    if "no such form" in chosen:  # only some forms need a count
        found |= {"nothing said of the clips"}
    if "a table that nobody knows" in chosen:  # so that nobody knows its keys either
        found |= {"a folder that is a list"}
    if chosen & set(_OF_PROMPTS):  # only prompts that are all there can be counted
        found |= {"another count", "a source that no prompt has"}
    return found & chosen


@dataclass(frozen=True)
class WrongSuite:
    names: tuple[str, ...]
    manifest: str
    prompts: bytes
    told: tuple[str, ...]
    form: str

    def write(self, folder: Path) -> Path:
        (folder / f"own.{self.form}").write_bytes(self.prompts)
        (folder / "own.toml").write_text(self.manifest, encoding="utf-8")
        return folder / "own.toml"


def wrong_suite(faults: Sequence[str], form: str = "csv") -> WrongSuite:
    """A suite with these faults, its prompts in a file of this form. Raises CannotPlantError."""
    draft, told = Draft(form=form), list[str]()
    for name in faults:
        {**IN_MANIFEST, **IN_PROMPTS, **IN_JSON}[name](draft)
        told += [] if name in untold(faults) else draft.told
        draft.told = []
    manifest = "\n".join(draft.lines).replace("own.csv", f"own.{form}") + "\n"
    return WrongSuite(tuple(faults), manifest, _written(draft.rows, form), tuple(told), form)


def _written(rows: Sequence[Sequence[Any]], form: str) -> bytes:
    entries = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
    if form == "parquet":
        buffer = io.BytesIO()
        names = [str(name) for name in rows[0]]
        parquet.write_table(pyarrow.table({name: [each.get(name) for each in entries] for name in names}), buffer)
        return buffer.getvalue()
    if form == "json":
        return json.dumps(entries).encode()
    if form == "jsonl":
        return "".join(json.dumps(each) + "\n" for each in entries).encode()
    return "".join({"csv": ",", "tsv": "\t"}[form].join(row) + "\n" for row in rows).encode()


def wrong_suites(count: int, seed: int = 0) -> list[WrongSuite]:
    """Each fault alone, one of a prompt file in each form, then combinations of two to six, `count` suites in all."""
    draw = random.Random(seed)
    found = [wrong_suite((name,)) for name in IN_MANIFEST]
    found += [wrong_suite((name,), form) for name in IN_PROMPTS for form in FORMS]
    found += [wrong_suite((name,), form) for name in IN_JSON for form in ("json", "jsonl")]
    while len(found) < count:
        picked = draw.sample(list(IN_MANIFEST), draw.randrange(1, 5))
        if draw.random() < 0.6:
            picked += draw.sample([*IN_PROMPTS, *IN_JSON], draw.randrange(1, 3))
        with suppress(CannotPlantError):
            found.append(wrong_suite(picked, draw.choice(FORMS)))
    return found
