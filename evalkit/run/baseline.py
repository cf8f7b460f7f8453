"""What runs are held against: a run's folder, a bundle of one (`read_side`), or a baseline file, which keeps what a run
scored so that later ones can be held against it.

    {schema: 1, kind: "evalkit-baseline", suite: {name, version, digest, protocol, size}, model: {...},
     run_id, samples_per_prompt (left out where it is 1), groups: {id of a scored prompt: its group},
     made: {evalkit, torch, device, dtype} (absent in files from before it was kept),
     content: digest of all the rest, so that a file that was edited is known (likewise),
     metrics: {name: {value, low, high, se, freedom, level, method, n, n_failed, n_reference, direction, protocol,
                      weights, headline, code, embedder, per_prompt: {id: value},
                      leave_outs: [value without each fold],
                      influences: {source: its part}, reference_influences: [part of each row] (of a kernel distance)}}}

`per_prompt`, `leave_outs` and the influences let a comparison be paired; `se` is the standard error of the value and
`freedom` its degrees of freedom (null where there is none; absent in files from before they were kept). A number that
is missing or not finite never enters a baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.comparison.record import (
    FIELDS,
    PARTS,
    SAMPLES,
    Record,
    inner_table,
    json_table,
    number,
    read_run,
    refuse_strange,
    stated_samples,
)
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering, Section, refuse_unknown
from evalkit.core.fitting import fits
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.paths import is_file, is_folder, is_there
from evalkit.core.text import one_line
from evalkit.store.bundle import is_bundle, opened

KIND = "evalkit-baseline"
SCHEMA = 1
_MADE, _CONTENT = "made", "content"
_TABLES = ("suite", "model", "groups", "metrics")
_HINT = "make one with evalkit check RUN --save --baseline FILE"


def read_side(place: Path) -> Record:
    """One side of a comparison, whichever way it is kept: a run's folder, a bundle of a run, or a baseline file.

    Raises UserError where it is none of them, is damaged, or is a run that is not finished.
    """
    if is_folder(place):
        return read_run(place)
    if is_bundle(place):
        with opened(place) as folder:
            return replace(read_run(folder), source=str(place))
    if not is_there(place):
        raise UserError(f"{place}: no such baseline file, run folder or bundle", _HINT)
    return read_baseline(place)


def read_baseline(path: Path) -> Record:
    """The record of a baseline file. Raises UserError where there is none, where the file is something else, and with
    all that is damaged in it."""
    if not is_file(path):
        raise UserError(f"{path}: no such baseline file", _HINT)
    table = json_table(read_json(path, once=True), path)
    if table.get("kind") != KIND:
        raise UserError(f"{path}: is not a baseline file", _HINT)
    if table.get("schema") != SCHEMA:
        raise UserError(f"{path}: has schema {table.get('schema')!r}, this evalkit reads {SCHEMA}", "make it again")
    wrong, again, made = Gathering(), "make the baseline again", table.get(_MADE, {})
    inner: list[dict[str, Any]] = [wrong.read({}, inner_table, table, key, path) for key in _TABLES]
    suite, model, groups, metrics = inner
    with wrong.look():
        refuse_unknown(
            path,
            Section("", table, ("schema", "kind", "run_id", *_TABLES, SAMPLES, _MADE, _CONTENT)),
            *(Section(f"metrics.{one_line(name, 60)}", score, FIELDS) for name, score in metrics.items()),
        )
    with wrong.look():
        refuse_strange(metrics, path, again)
    wrong.require(fits(groups, Mapping[str, str]), f"{path}: groups does not map ids to sources", again)
    wrong.require(fits(made, Mapping[str, str]), f"{path}: made does not map names to words", again)
    samples, run_id = wrong.read(1, stated_samples, table, path), str(table.get("run_id"))
    wrong.settle()
    return Record(str(path), "success", suite, model, run_id, groups, metrics, samples, made, _is_changed(table))


def _is_changed(table: Mapping[str, Any]) -> bool:
    """Is it not as evalkit wrote it? Of files from before that was kept nobody knows."""
    try:
        return _CONTENT in table and table[_CONTENT] != _digest(table)
    except ValueError:  # a number that is none, which evalkit never writes
        return True


def _digest(table: Mapping[str, Any]) -> str:
    """Of a baseline's content, however it is laid out."""
    return digest_json({key: value for key, value in table.items() if key != _CONTENT})


def save_baseline(run: Record, path: Path) -> None:
    """Write the run as a baseline, atomically.

    Raises UserError for a run that has not ended well, or a metric without a finite value: a baseline that
    nothing can pass is of no use; and for random weights, which anything passes.
    """
    if run.model.get("size") == "random":
        raise UserError(f"{run.source}: was made with random weights", "a baseline is made from a model")
    if run.status != "success":
        raise UserError(f"{run.source}: its status is {run.status!r}", "a baseline is made from a run that succeeded")
    for name, score in run.metrics.items():
        if number(score.get("value")) is None:
            raise UserError(f"{run.source}: {name} has no value", "score the run again, or leave the metric out")
    metrics = {name: _clean(score) for name, score in sorted(run.metrics.items())}
    record = {"schema": SCHEMA, "kind": KIND, "suite": dict(run.suite), "model": dict(run.model)}
    if run.samples > 1:
        record[SAMPLES] = run.samples
    if run.made:
        record[_MADE] = dict(run.made)
    record |= {"run_id": run.run_id, "groups": dict(run.groups), "metrics": metrics}
    write_json(path, {**record, _CONTENT: _digest(record)})


def _clean(score: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: score.get(key) for key in FIELDS}
    kept.update({key: number(score.get(key)) for key in ("low", "high", "se")})
    values = {i: each for i, value in score["per_prompt"].items() if (each := number(value)) is not None}
    left = score.get("leave_outs")
    for name in PARTS:  # most metrics have none
        if kept[name] is None:
            del kept[name]
    return {**kept, "per_prompt": values, "leave_outs": list(left) if isinstance(left, list | tuple) else []}
