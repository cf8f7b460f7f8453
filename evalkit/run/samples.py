"""`samples.parquet`: one row per sound, failed ones included, with its value of every metric that has one per sound.

Columns: id, sample (which of the prompt's sounds, from 0), prompt, seconds, labels, group, seed, status ("ok" or
"failed"), error, verdicts, audio (relative to the run folder; absolute for audio scored in place), sha256, reader (the
library that decoded it), sample_rate, channels, frames, peak, loudness (LUFS), generate_seconds, lyrics where the
prompt file has any (run.json says where the model does not read them), then one column per metric, then what the prompt
file's further columns say, as `prompt[NAME]`. What a row does not have is null.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.core.files import write_bytes
from evalkit.run.plan import Item, Plan
from evalkit.store.ledger import Record
from evalkit.store.prompt_columns import column_name, columns_that_fit
from evalkit.suites.base import Value

LYRICS = "lyrics"


def write_samples(plan: Plan, records: Mapping[str, Record], per_prompt: Mapping[str, Mapping[str, float]]) -> None:
    """Write the table of a run, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    types = {
        "id": text,
        "sample": whole,
        "prompt": text,
        "seconds": number,
        "labels": pa.list_(text),
        "group": text,
        "seed": whole,
        **dict.fromkeys(("status", "error"), text),
        "verdicts": pa.list_(text),
        **dict.fromkeys(("audio", "sha256", "reader"), text),
        **dict.fromkeys(("sample_rate", "channels", "frames"), whole),
        **dict.fromkeys(("peak", "loudness", "generate_seconds"), number),
        **({LYRICS: text} if has_lyrics(plan) else {}),
        **dict.fromkeys(plan.suite.metrics, number),
    }
    kinds = {"text": text, "number": number, "tags": pa.list_(text)}
    types |= {column_name(name): kinds[plan.suite.columns[name]] for name in _carried(plan)}
    rows = sample_rows(plan, records, per_prompt)
    schema = pa.schema(list(types.items()))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    write_bytes(plan.folder.samples, buffer.getvalue())


def sample_rows(
    plan: Plan, records: Mapping[str, Record], per_prompt: Mapping[str, Mapping[str, float]]
) -> list[dict[str, Any]]:
    """The rows of the table, in the suite's order."""
    names, sung = _carried(plan), has_lyrics(plan)
    return [
        {
            **_further(item, names),
            **_row(item, records[item.key]),
            **({LYRICS: _utf8(item.prompt.lyrics) or None} if sung else {}),
            **_values(item, per_prompt),
        }
        for item in plan.items
    ]


def has_lyrics(plan: Plan) -> bool:
    """Does a prompt say what is to be sung, whether or not the model reads it?"""
    return any(prompt.lyrics for prompt in plan.suite.prompts)


def columns_told(plan: Plan) -> dict[str, dict[str, str]]:
    """What run.json says of the prompt file's further columns: {"carried": {name: kind}, "left_out": {name: why}}."""
    carried = {name: plan.suite.columns[name] for name in _carried(plan)}
    beyond = dict.fromkeys(plan.suite.columns.keys() - carried.keys(), "the table of the sounds has no room for it")
    return {"carried": carried, "left_out": {**plan.suite.columns_left_out, **beyond}}


def _carried(plan: Plan) -> list[str]:
    """The further columns that the table takes; a metric's own column goes before one of this name."""
    free = [name for name in plan.suite.columns if column_name(name) not in plan.suite.metrics]
    return columns_that_fit(free, len(plan.items), len(plan.suite.metrics))


def _further(item: Item, names: Sequence[str]) -> dict[str, Any]:
    said = dict(item.prompt.further)
    return {column_name(name): _plain(said.get(name)) for name in names}


def _plain(value: Value | None) -> str | float | list[str] | None:
    if isinstance(value, tuple):
        return [_utf8(each) for each in value]
    return _utf8(value) if isinstance(value, str) else value


def _row(item: Item, record: Record) -> dict[str, Any]:
    ok = record.status == "ok"
    return {
        "id": _utf8(item.prompt.id),
        "sample": item.sample,
        "prompt": _utf8(item.prompt.text),
        "seconds": item.prompt.seconds or None,
        "labels": [_utf8(label) for label in item.prompt.labels],
        "group": _utf8(item.prompt.group),
        "seed": item.seed,
        "status": record.status,
        "error": None if record.error is None else _utf8(record.error),
        "verdicts": [_utf8(name) for name in record.verdicts],
        "audio": None if record.audio is None else _utf8(record.audio),
        "sha256": record.sha256,
        "reader": record.reader or None,
        "sample_rate": record.rate if ok else None,
        "channels": record.channels if ok else None,
        "frames": record.frames if ok else None,
        "peak": record.peak,
        "loudness": record.loudness,
        "generate_seconds": record.timings.get("total"),
    }


def _values(item: Item, per_prompt: Mapping[str, Mapping[str, float]]) -> dict[str, float | None]:
    return {metric: values.get(item.name) for metric, values in per_prompt.items()}


def _utf8(text: str) -> str:
    """Text that UTF-8 can carry: a lone surrogate (a file name that is no UTF-8) becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
