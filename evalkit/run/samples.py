"""`samples.parquet`: one row per sound, failed ones included, with its value of every metric that has one per sound.

Columns: id, sample (which of the prompt's sounds, from 0), prompt, seconds, labels, group, seed, status ("ok" or
"failed"), error, verdicts, audio (relative to the run folder; absolute for audio scored in place), sha256, reader (the
library that decoded it), sample_rate, channels, frames, peak, loudness (LUFS), generate_seconds, then one column per
metric. What a row does not have is null.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from evalkit.core.files import write_bytes
from evalkit.run.plan import Item, Plan
from evalkit.store.ledger import Record


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
        **dict.fromkeys(plan.suite.metrics, number),
    }
    rows = sample_rows(plan, records, per_prompt)
    schema = pa.schema(list(types.items()))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    write_bytes(plan.folder.samples, buffer.getvalue())


def sample_rows(
    plan: Plan, records: Mapping[str, Record], per_prompt: Mapping[str, Mapping[str, float]]
) -> list[dict[str, Any]]:
    """The rows of the table, in the suite's order."""
    return [{**_row(item, records[item.key]), **_values(item, per_prompt)} for item in plan.items]


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
