"""One side of a comparison: what a finished run scored, as its files say, checked for the types that arithmetic needs.

A run folder may be a stranger's. A record whose fields are of other types is refused; a value that is NaN is kept, so
that whoever compares can say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.fitting import fits
from evalkit.core.jsonio import parse_json
from evalkit.core.text import one_line
from evalkit.store.layout import RunFolder
from evalkit.store.state import read_state
from evalkit.store.tables import parse_columns

_SUITE_KEYS = ("name", "version", "digest", "protocol", "size")
SAMPLES = "samples_per_prompt"
PROMPT_TEMPLATE = "prompt template"
_ENDS = ("value", "low", "high", "se")
PARTS = ("influences", "reference_influences")
FIELDS: Mapping[str, Any] = {
    **dict.fromkeys((*_ENDS, "level"), float | None),
    **dict.fromkeys(("n", "n_failed", "n_reference", "freedom"), int | None),
    **dict.fromkeys(("method", "direction", "protocol", "weights", "embedder", "code"), str | None),
    "headline": bool | None,
    "per_prompt": Mapping[str, float],
    "leave_outs": tuple[float, ...] | None,
    **dict(zip(PARTS, (Mapping[str, float] | None, tuple[float, ...] | None), strict=True)),
}
"""The fields of a score's record and their types, as `core.fitting` has them."""

_LARGEST = 1e100
"""No metric has such a value, and its square is still a number."""


@dataclass(frozen=True)
class Record:
    """One side of a comparison: a finished run or a baseline file.

    `metrics` maps a metric's name to its record as written on the disk (checked by the gate, not here);
    `groups` maps each prompt whose audio was scored to the source it shares with others; `status` is
    "success" for a baseline. `samples` is how many sounds each prompt was to have; a per-prompt value is their mean.
    `made` says on what it was made: "evalkit", "torch", "device", "dtype", and "prompt template" if by one; empty in
    files from before that was kept.
    `changed`: its file is not as evalkit wrote it. `lies` maps the prompts of a folder that was scored where it lies to
    the file of the first sound.
    """

    source: str
    status: str
    suite: Mapping[str, Any]
    model: Mapping[str, Any]
    run_id: str
    groups: Mapping[str, str]
    metrics: Mapping[str, Mapping[str, Any]]
    samples: int = 1
    made: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    lies: Mapping[str, str] = field(default_factory=dict)


def read_run(folder: Path) -> Record:
    """The record of a run folder. Raises UserError where it is not one, is not finished, or has no scores."""
    paths, state = RunFolder(folder), read_state(folder)
    if state.unfinished:
        raise UserError(f"{folder}: is {state.unfinished}", "type the same evalkit run again to finish it")
    if state.scores is None or state.samples is None:
        missing = (paths.scores if state.scores is None else paths.samples).name
        raise UserError(f"{folder}: has no scores yet (no {missing})", "type the same evalkit run again to finish it")
    scores = json_table(parse_json(state.scores, paths.scores, once=True), paths.scores)
    columns = parse_columns(state.samples, paths.samples, "type the same evalkit run again")
    return record_of(folder, state.facts, scores, columns)


def record_of(
    folder: Path, run: Mapping[str, Any], scores: Mapping[str, Any], columns: Mapping[str, Sequence[Any]]
) -> Record:
    """The record of what a run's files say, or would say where they lay in `folder`: run.json, scores.json and the
    columns of samples.parquet. Raises UserError where they are not such files."""
    paths = RunFolder(folder)
    suite, model = inner_table(run, "suite", paths.run_json), inner_table(run, "model", paths.run_json)
    samples = stated_samples(run, paths.run_json)
    groups, per_prompt = _per_prompt(columns, paths.samples, tuple(scores), samples)
    embedders = inner_table(run, "metrics", paths.run_json) if scores else {}
    metrics = {}
    for name in scores:
        score, embedder = inner_table(scores, name, paths.scores), embedders.get(name)
        key = embedder.get("key") if isinstance(embedder, dict) else None
        metrics[name] = {**score, "embedder": key, "per_prompt": per_prompt.get(name, {})}
    refuse_strange(metrics, paths.scores, "type the same evalkit run again")
    kept = {key: suite.get(key) for key in _SUITE_KEYS}
    status, run_id = str(run.get("status")), str(run.get("run_id"))
    lies = _lies(columns)
    return Record(str(folder), status, kept, model, run_id, groups, metrics, samples, made_on(run), lies=lies)


def made_on(run: Mapping[str, Any]) -> dict[str, str]:
    """On what a run was made, and by which template of its prompts if by any, as its run.json says."""
    versions = run.get("versions")
    told = {name: versions.get(name) for name in ("evalkit", "torch")} if isinstance(versions, dict) else {}
    told |= {name: run.get(name) for name in ("device", "dtype")}
    told |= {PROMPT_TEMPLATE: template_in(run)}
    return {name: one_line(value, 60) for name, value in told.items() if isinstance(value, str) and value}


def template_in(run: Mapping[str, Any]) -> str:
    """The template that stood before a run's prompts, as its run.json says; "" where none did."""
    options = run.get("options")
    named = one_line(options.get("prompt_template"), 40) if isinstance(options, dict) else ""
    return "" if named == "none" else named


def number(value: object) -> float | None:
    """A finite number as a float; None for null, NaN, infinity, text, true and false."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def stated_samples(table: Mapping[str, Any], path: Path) -> int:
    """How many sounds each prompt was to have; 1 in files from before there could be several."""
    samples = table.get(SAMPLES, 1)
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 1:
        raise UserError(f"{path}: {SAMPLES} is {one_line(repr(samples), 60)}", "make it again")
    return samples


def _per_prompt(
    columns: Mapping[str, Sequence[Any]], path: Path, metrics: tuple[str, ...], samples: int
) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """({id of a scored prompt: group}, {metric: {id: mean over its sounds}}) from the columns of samples.parquet."""
    missing = {"id", "group", "status"} - columns.keys()
    if missing:
        raise UserError(f"{path}: has no column {', '.join(sorted(missing))}", "type the same evalkit run again")
    ids = columns["id"]
    rows = list(zip(ids, columns["group"], columns["status"], strict=True))
    sounds = list(zip(ids, columns.get("sample", [0] * len(ids)), strict=True))
    texts = all(isinstance(each, str) for row in rows for each in row)
    counted = all(isinstance(sample, int) and 0 <= sample < samples for _, sample in sounds)
    if not texts or not counted or len(set(sounds)) != len(sounds):
        raise UserError(f"{path}: an id, group or status is no text, or twice there", "type the same evalkit run again")
    scored = {i: group for i, group, status in rows if status == "ok"}
    return scored, {name: _means(ids, columns[name]) for name in metrics if name in columns}


def _lies(columns: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """{id: the file of its first sound} where that is no file of the run's own."""
    found: dict[str, str] = {}
    for identifier, path in zip(columns["id"], columns.get("audio", ()), strict=False):
        if isinstance(path, str) and Path(path).is_absolute():
            found.setdefault(identifier, path)
    return found


def _means(ids: Sequence[str], values: Sequence[object]) -> dict[str, float]:
    """{id: the mean of its values that are numbers}."""
    together: dict[str, list[float]] = {}
    for identifier, value in zip(ids, values, strict=True):
        if (each := number(value)) is not None:
            together.setdefault(identifier, []).append(each)
    return {identifier: math.fsum(each) / len(each) for identifier, each in together.items()}


def refuse_strange(metrics: Mapping[str, Any], path: Path, hint: str) -> None:
    """Raises UserError for a record that is of other types than a score: nothing is to be judged by half of one.

    A value or an end that is NaN or infinite may stand there: the gate calls it that, by name.
    """
    wrong = Gathering()
    for name, score in metrics.items():
        where = f"{path}: the record of {one_line(name, 60)} is damaged"
        known = score if isinstance(score, dict) else {}
        if not isinstance(known.get("per_prompt"), dict):
            wrong.add(UserError(where, hint))
            known = {**known, "per_prompt": {}}
        for key in known.keys() & FIELDS.keys():
            fine = _is_score(key, known[key])
            wrong.require(fine, f"{where}: its {key} is {one_line(repr(known[key]), 60)}", hint)
    wrong.settle()


def _is_score(key: str, value: object) -> bool:
    if key in _ENDS and isinstance(value, float) and not math.isfinite(value):
        return True
    if not fits(value, FIELDS[key]):
        return False
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return all(abs(each) < _LARGEST for each in inner if isinstance(each, int | float))


def json_table(table: object, path: Path) -> dict[str, Any]:
    """`table`, where it is a JSON object. Raises UserError for anything else."""
    if not isinstance(table, dict):
        raise UserError(f"{path}: is not a JSON object")
    return table


def inner_table(table: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    """The object under a key. Raises UserError where there is none."""
    inner = table.get(key)
    if not isinstance(inner, dict):
        raise UserError(f"{path}: {key!r} is missing or is not an object")
    return inner
