"""The prompts that a Brief means, wherever they stand: in a file, in a mapping, beside the sounds, in their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit.audio.folders import sound_files
from evalkit.audio.numbered import without_numbers
from evalkit.core.errors import UserError
from evalkit.core.jsonio import read_json
from evalkit.core.paths import name_of
from evalkit.core.reading import read_text
from evalkit.suites.base import Prompt
from evalkit.suites.brief import Brief
from evalkit.suites.columns import ROLES, choose_columns
from evalkit.suites.prompts import length, prompts_of, words
from evalkit.suites.rows import Row, read_rows

_NUMBER = "(number)"
_TAKE = re.compile(r"([\s_-]+|\.s)\d+$")
_LARGEST_TEXT = 1 << 20


@dataclass(frozen=True)
class Listing:
    """`numbered` says that the ids are numbers which no file states: they pair with nothing by themselves. `notes` are
    sentences on how the prompts were read."""

    prompts: Sequence[Prompt]
    notes: Sequence[str]
    numbered: bool = False


def list_prompts(brief: Brief) -> Listing:
    """Raises UserError for whatever is wrong with the prompts, and for words that mean none."""
    if brief.seconds is not None:
        try:
            length(brief.seconds)
        except UserError as error:
            raise UserError(f"--seconds {error.message}", error.hint) from None
    if isinstance(brief.prompts, Path):
        return _of_file(brief.prompts, brief)
    if brief.columns:
        raise UserError("--columns names columns of a prompt file", "say --prompts FILE too")
    if brief.prompts is None or brief.prompts == "names":
        return _of_sounds(brief)
    seconds = brief.seconds or 0.0
    prompts = [Prompt(words(key), words(text), seconds, key) for key, text in brief.prompts.items()]
    if not prompts:
        raise UserError("there are no prompts")
    return Listing(prompts, [f"prompts: {len(prompts)} by id"])


def _of_file(path: Path, brief: Brief) -> Listing:
    table = read_rows(path)
    choice = choose_columns(table, brief.columns, brief.seconds, _names_of_sounds(brief.sounds))
    columns = choice.columns
    if not columns.id:
        rows = [Row(row.number, {**row.fields, _NUMBER: place}) for place, row in enumerate(table.rows, start=1)]
        table, columns = replace(table, rows=rows), replace(columns, id=_NUMBER)
    prompts = prompts_of(table, columns)
    return Listing(prompts, [f"prompts: {len(prompts)} of {path.name}: {choice.taken}"], not choice.columns.id)


def _names_of_sounds(folders: Iterable[Path]) -> list[str]:
    return list(dict.fromkeys(name_of(path) for folder in folders for path in sound_files(folder)))


def _of_sounds(brief: Brief) -> Listing:
    """One prompt for each sound of the folders, told by its name or by the text beside it. Where prompts have several
    sounds, those that differ in their number alone are of one."""
    by_name = brief.prompts == "names"
    if not brief.sounds:
        raise UserError("there are no prompts", "say --prompts FILE (csv, tsv, jsonl, json, parquet)")
    prompts: dict[str, Prompt] = {}
    faults: list[str] = []
    paths = [path for folder in brief.sounds for path in sound_files(folder)]
    keys = without_numbers([path.stem for path in paths]) if brief.samples > 1 else {}
    for path in paths:
        key = keys.get(path.stem, path.stem)
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
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise UserError(f"{'; '.join(faults[:5])}{more}", "say --prompts FILE, or --prompts names")
    how = "file names, _ and - as spaces, numbers at their ends as takes" if by_name else "the texts beside the sounds"
    return Listing(list(prompts.values()), [f"prompts: {len(prompts)} from {how}"])


def prompt_in_name(stem: str) -> str:
    """`a_dog_barks-3` is "a dog barks": underscores and dashes are spaces, and a number at the end is a take."""
    text = " ".join(re.sub(r"[_-]+", " ", _TAKE.sub("", stem)).split())
    if not text:
        raise UserError(f"{stem!r}: its name holds no words")
    return text


def _beside(path: Path, prompt: str) -> str:
    """The text of `<name>.txt` or `<name>.json` beside a sound, else of its prompt, where that has several sounds."""
    text, data = path.with_suffix(".txt"), path.with_suffix(".json")
    if prompt != path.stem and not text.is_file() and not data.is_file():
        text, data = path.with_name(f"{prompt}.txt"), path.with_name(f"{prompt}.json")
    if text.is_file():
        found: object = " ".join(read_text(text, _LARGEST_TEXT).split())
    elif data.is_file():
        content = read_json(data)
        fields = content if isinstance(content, dict) else {"prompt": content}
        found = next((fields[name] for name in ROLES["text"] if name in fields), None)
    else:
        raise UserError(f"{path}: neither {text.name} nor {data.name} lies beside it")
    try:
        return words(found)
    except UserError as error:
        raise UserError(f"{text if text.is_file() else data}: its text {error.message}") from None
