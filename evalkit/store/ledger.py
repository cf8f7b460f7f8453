"""The ledger of a run: one line per outcome of an item, appended and flushed, never rewritten.

The last line of an item counts. A line that a crash tore, or that another program wrote, is passed over.
A line is written only after its audio file has landed whole, so a record without its file means that
somebody removed the file, and a file without a record means that the run was stopped between the two:
in both cases the item is done again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_type_hints

from evalkit.core.fitting import fits
from evalkit.core.ids import digest_file
from evalkit.core.jsonio import append_line, read_lines

Kind = Literal["", "verdict", "missing", "error", "oom", "hung"]
RETRIED: frozenset[Kind] = frozenset({"error", "oom", "hung"})
"""Failures that another try may cure; a verdict is the same for the same audio."""
ATTEMPTS = 2
"""How many commands try a failing item before it is left alone (`--retry-failed` tries again)."""


@dataclass(frozen=True)
class Record:
    """The outcome of one item: of sound `sample` (counted from 0) of the prompt `id`.

    `key` is the digest of what makes the item (`run.plan.Item.key`), `kind` the sort of failure ("" for
    ok), `audio` the file relative to the run folder (absolute for audio scored in place), `sha256` of its
    bytes, `frames` per channel at `rate` Hz, `peak` linear, `loudness` in LUFS, `timings` its share of the
    wall seconds of its batch by part, `peak_bytes` the most memory in use until then,
    `reader` the library that decoded the file, `attempt` which command's try this was, counted from 1, `sound` the
    digest of what a generated sound depends on beside its maker ("" where it is not known), `made_in` the run folder
    that it was taken over from ("" where it was made here).
    """

    key: str
    id: str
    status: Literal["ok", "failed"]
    kind: Kind = ""
    error: str | None = None
    audio: str | None = None
    sha256: str | None = None
    frames: int = 0
    rate: int = 0
    channels: int = 0
    verdicts: tuple[str, ...] = ()
    peak: float | None = None
    loudness: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    peak_bytes: int | None = None
    attempt: int = 1
    reader: str = ""
    sample: int = 0
    sound: str = ""
    made_in: str = ""


class Ledger:
    """The records of one run. `records` maps an item's key to its last record, `strange` counts the lines that are
    passed over. Each new line names the `run` too, so that a ledger is enough to tell whose it is."""

    def __init__(self, path: Path, run: str = "") -> None:
        self.path, self._run = path, run
        self.records: dict[str, Record] = {}
        self.strange = 0
        for line in read_lines(path):
            record = _from_json(line)
            if record is None:
                self.strange += 1
            else:
                self.records[record.key] = record

    def append(self, record: Record) -> None:
        """Write one record to the disk; it counts from now on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, {**asdict(record), "timings": dict(record.timings), "run": self._run})
        self.records[record.key] = record

    def settled(self, key: str, root: Path, retry_failed: bool = False, read: Mapping[str, str] = {}) -> Record | None:
        """The record of an item that needs no more work, or None where it must be done (again).

        An ok record counts while its file is there with the recorded digest; a failure, unless `retry_failed` asks for
        another try of all of them, while it is a verdict, or has been tried `ATTEMPTS` times. `read` has the
        digests of files that were read just now, by path, which are not read again.
        """
        record = self.records.get(key)
        if record is None:
            return None
        if record.status == "ok":
            return record if _intact(record, root, read) else None
        tried_enough = record.kind not in RETRIED or record.attempt >= ATTEMPTS
        return record if tried_enough and not retry_failed else None

    def hung(self, key: str) -> bool:
        """Did the last try of an item never end?"""
        record = self.records.get(key)
        return record is not None and record.kind == "hung"

    def next_attempt(self, key: str) -> int:
        """The number of the next try of an item."""
        record = self.records.get(key)
        return record.attempt + 1 if record is not None and record.status == "failed" else 1


def runs_in(path: Path) -> set[str]:
    """The runs that the lines of a ledger name."""
    return {str(line["run"]) for line in read_lines(path) if line is not None and line.get("run")}


def _intact(record: Record, root: Path, read: Mapping[str, str]) -> bool:
    """Is the recorded audio still there, byte for byte?"""
    if record.audio is None or record.sha256 is None:
        return False
    if record.audio in read:
        return read[record.audio] == record.sha256
    try:
        return digest_file(root / record.audio) == record.sha256
    except (OSError, ValueError):
        return False


_TYPES = get_type_hints(Record)


def _from_json(line: Mapping[str, Any] | None) -> Record | None:
    """A record from a ledger line; None where the line is not one of ours, to the type of each field: what was counted
    is not below 0, and a sound has a rate."""
    values = {name: value for name, value in (line or {}).items() if name in _TYPES}
    if not {"key", "id", "status"} <= values.keys() or not all(fits(values[name], _TYPES[name]) for name in values):
        return None
    record = Record(**{**values, "verdicts": tuple(values.get("verdicts", ()))})
    counted = min(record.frames, record.channels, record.rate, record.sample, record.attempt - 1) >= 0
    return record if counted and (record.rate or record.status != "ok") else None
