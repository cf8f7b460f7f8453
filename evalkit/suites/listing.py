"""The prompts that a Brief means, wherever they stand: in a file, in a mapping, beside the sounds, in their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.audio.folders import sound_files
from evalkit.audio.names import unpercented
from evalkit.audio.numbered import without_numbers
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.jsonio import parse_json, read_json
from evalkit.core.paths import is_file, name_of
from evalkit.core.reading import read_text
from evalkit.suites.base import Columns, Prompt
from evalkit.suites.brief import Brief
from evalkit.suites.columns import ROLES, choose_columns
from evalkit.suites.further import Further, further_of
from evalkit.suites.prompts import length, prompts_of, words
from evalkit.suites.rows import MOST_PROMPTS, Faults, Row, Table, prompt_files, read_rows

_NUMBER = "number of the row"
_BETWEEN = re.compile(r"[_-]+|(?<=\w)\++(?=\w)")
_TAKE = re.compile(r"(?:[\s_-]+(?:\d+|\(\d+\))|\.s\d+)$")
_PYTHON_LIST = re.compile(r"\s*\['.*'\]\s*", re.DOTALL)
_LARGEST_TEXT = 1 << 20
_TOLD = 5


@dataclass(frozen=True)
class Listing:
    """`numbered` says that the ids are numbers which no file states: they pair with nothing by themselves. `notes` are
    sentences on how the prompts were read; `further` is what the file's other columns are, where there is a file."""

    prompts: Sequence[Prompt]
    notes: Sequence[str]
    numbered: bool = False
    further: Further | None = None


def list_prompts(brief: Brief) -> Listing:
    """Raises UserError for everything that is wrong with the prompts, and for words that mean none."""
    wrong = Gathering()
    seconds = wrong.read(None, _seconds, brief.seconds)
    of_file = isinstance(brief.prompts, Path)
    wrong.require(of_file or not brief.columns, "--columns is about a prompt file", "say --prompts FILE too")
    listing = wrong.read(None, _listed, replace(brief, seconds=seconds), wrong)
    wrong.settle()
    assert listing is not None, "what is not listed is told"
    return listing


def _seconds(asked: float | None) -> float | None:
    try:
        return None if asked is None else length(asked)
    except UserError as error:
        raise UserError(f"--seconds {error.message}", error.hint) from None


def _listed(brief: Brief, wrong: Gathering) -> Listing:
    if isinstance(brief.prompts, Path):
        return _of_file(brief.prompts, brief, wrong)
    if isinstance(brief.prompts, Mapping):
        return _of_mapping(brief.prompts, brief.seconds or 0.0)
    if not brief.sounds:
        told = "no sounds are there that would say the prompts" if brief.prompts else "there are no prompts"
        raise UserError(told, "say --prompts FILE (csv, tsv, jsonl, json or parquet)")
    return _of_sounds(brief)


def _of_mapping(texts: Mapping[str, str], seconds: float) -> Listing:
    where = Path("the prompts")
    rows = [Row(number, {"id": key, "prompt": text}) for number, (key, text) in enumerate(texts.items(), start=1)]
    prompts = prompts_of(Table(where, ("id", "prompt"), rows, Faults(where, "entry")), Columns(seconds=seconds))
    return Listing(prompts, [f"prompts: {len(prompts)} by id"])


def _of_file(path: Path, brief: Brief, wrong: Gathering) -> Listing:
    for role in brief.columns if not is_file(path) else ():
        wrong.require(role in ROLES, str(unknown_name("column of --columns", role, ROLES)))
    table = read_rows(path)
    if not table.rows:
        table.faults.refuse()
    sounds = wrong.read([], _names_of_sounds, brief.sounds)
    choice = choose_columns(table, brief.columns, brief.seconds, wrong, sounds)
    columns, notes = choice.columns, []
    if not columns.id:
        first = 0 if _counted_from_zero(sounds, len(table.rows)) else 1
        columns = replace(columns, id=_NUMBER)
        rows = [Row(row.number, {**row.fields, _NUMBER: place}) for place, row in enumerate(table.rows, start=first)]
        notes = [f"the prompts have no column of ids: they are numbered from {first}"]
    else:
        rows = [Row(row.number, _named_by_file(row.fields, columns.id)) for row in table.rows]
    rows, several = _first_texts(rows, columns.text, table.faults)
    if several:
        notes.append(f"of cells with several captions ({several}) the first caption is taken")
    rows, repeated = _first_of_each(rows, columns.id)
    if repeated:
        notes.append(f"of rows that repeat an id, as further captions do, the first is taken ({repeated} left out)")
    if table.blank:
        notes.append(f"rows in which nothing stands are passed over ({table.blank})")
    filled = [Row(row.number, _without_gaps(row.fields, columns)) for row in rows]
    prompts = prompts_of(replace(table, rows=filled), columns)
    further = further_of(prompts, rows, table.columns, columns)
    notes = [f"prompts: {len(prompts)} of {path.name}: {choice.taken}", *notes, *filter(None, (further.told,))]
    return Listing(further.prompts, notes, not choice.columns.id, further)


def _names_of_sounds(folders: Iterable[Path]) -> list[str]:
    return list(dict.fromkeys(name_of(path) for folder in folders for path in sound_files(folder)))


def _counted_from_zero(sounds: Sequence[str], count: int) -> bool:
    """Is there a sound of number 0, and none of the number that the last of `count` would have, counted from 1?"""
    numbers = {int(stem) for stem in (Path(name).stem for name in sounds) if stem.isascii() and stem.isdigit()}
    return 0 in numbers and count not in numbers


def _named_by_file(fields: Mapping[str, Any], column: str) -> Mapping[str, Any]:
    """A cell that is a sound, as data sets keep them ({"path": ..., "bytes": ...}), is named by its path."""
    cell = fields.get(column)
    return {**fields, column: cell.get("path")} if isinstance(cell, dict) else fields


def _first_texts(rows: Sequence[Row], column: str, faults: Faults) -> tuple[list[Row], int]:
    """The rows with one text each, and how many cells held several: a list, or a list written as JSON."""
    found, several = [], 0
    for row in rows:
        value = row.fields.get(column)
        if isinstance(value, str) and _PYTHON_LIST.fullmatch(value):
            faults.add(row.number, f"{column!r} is a list as Python prints it", "write it as JSON, or its first text")
        texts = _list_in(value)
        if texts is not None:
            several += len(texts) > 1
            row = Row(row.number, {**row.fields, column: texts[0] if texts else None})
        found.append(row)
    return found, several


def _list_in(value: object) -> list[Any] | None:
    if isinstance(value, list):
        return value
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return None
    try:
        found = parse_json(value.encode("utf-8", "surrogatepass"), "")
    except UserError:
        return None
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None


def _first_of_each(rows: Sequence[Row], column: str) -> tuple[list[Row], int]:
    """The first row of each id, and how many others there are; rows without one stay, to be told."""
    firsts: dict[object, Row] = {}
    for row in rows:
        value = row.fields.get(column)
        key = value if isinstance(value, str) and value.strip() else (str(value), None)
        firsts.setdefault((row.number,) if value is None or value == "" else key, row)
    return list(firsts.values()), len(rows) - len(firsts)


def _without_gaps(fields: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """What is not there and need not be: a row without labels has none, one without a source is its own."""
    filled = dict(fields)
    if columns.labels is not None:
        labels = fields.get(columns.labels)
        filled[columns.labels] = [] if labels is None else str(labels) if isinstance(labels, int) else labels
    if columns.group is not None and fields.get(columns.group) in (None, ""):
        filled[columns.group] = fields.get(columns.id)
    return filled


def _of_sounds(brief: Brief) -> Listing:
    """One prompt for each sound of the folders, told by its name or by the text beside it. Where prompts have several
    sounds, those that differ in their number alone are of one."""
    by_name = brief.prompts == "names"
    prompts: dict[str, Prompt] = {}
    faults: list[str] = []
    paths = {path: Path(name_of(path)).stem for folder in brief.sounds for path in sound_files(folder)}
    keys = without_numbers(list(paths.values())) if brief.samples > 1 else {}
    for path, stem in paths.items():
        key = keys.get(stem, stem)
        try:
            text = prompt_in_name(key) if by_name else _beside(path, key)
        except UserError as error:
            faults.append(error.message)
            continue
        if key in prompts and prompts[key].text != text:
            where = "another folder" if brief.samples == 1 else "another file"
            faults.append(f"{path}: its text is not that of {key!r} in {where}")
        prompts.setdefault(key, Prompt(key, text, brief.seconds or 0.0, text if by_name else key))
    if faults:
        more = f"; and {len(faults) - _TOLD:,} more" if len(faults) > _TOLD else ""
        lists = (each for folder in brief.sounds for each in prompt_files(folder) if each.stem not in paths.values())
        hint = f"or say --prompts {next(lists, 'FILE')}, or --prompts names"
        raise UserError(f"{'; '.join(faults[:_TOLD])}{more}", hint)
    if len(prompts) > MOST_PROMPTS:
        raise UserError(f"the folders hold more than {MOST_PROMPTS:,} sounds", "score them in parts")
    how = "in file names: _, -, + and %20 are spaces, a number at the end is a take" if by_name else "beside the sounds"
    return Listing(list(prompts.values()), [f"prompts: {len(prompts)}, {how}"])


def prompt_in_name(stem: str) -> str:
    """`a_dog_barks-3` is "a dog barks": underscores, dashes, %20 and a + between words are spaces, and a number at the
    end is a take.

    Raises UserError for a name without a word."""
    text = " ".join(_BETWEEN.sub(" ", _TAKE.sub("", unpercented(stem))).split())
    try:
        return words(text)
    except UserError as error:
        raise UserError(f"{stem!r}: its name, read as a prompt, {error.message}") from None


def _beside(path: Path, prompt: str) -> str:
    """The text of `<name>.txt` or `<name>.json` beside a sound, else of its prompt, where that has several sounds."""
    text, data = path.with_suffix(".txt"), path.with_suffix(".json")
    if prompt != path.stem and not text.is_file() and not data.is_file():
        text, data = path.with_name(f"{prompt}.txt"), path.with_name(f"{prompt}.json")
    found: dict[Path, object] = {}
    if text.is_file():
        found[text] = " ".join(read_text(text, _LARGEST_TEXT).split())
    if data.is_file():
        content = read_json(data, _LARGEST_TEXT)
        fields = content if isinstance(content, dict) else {"prompt": content}
        told = next((fields[name] for name in ROLES["text"] if name in fields), None)
        if told is not None or not found:
            found[data] = told
    if not found:
        raise UserError(f"{path}: neither {text.name} nor {data.name} lies beside it")
    if len(found) > 1 and isinstance(found[data], str) and " ".join(str(found[data]).split()) != found[text]:
        raise UserError(f"{path}: {text.name} and {data.name} beside it say different texts")
    where, said = next(iter(found.items()))
    try:
        return words(said)
    except UserError as error:
        raise UserError(f"{where}: its text {error.message}") from None
