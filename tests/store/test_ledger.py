"""The ledger: what counts as done, and what is done again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.core.ids import digest_bytes
from evalkit.store.ledger import ATTEMPTS, Ledger, Record


def ok(folder: Path, key: str = "k", content: bytes = b"sound") -> Record:
    (folder / "a.wav").write_bytes(content)
    return Record(
        key, "id", "ok", audio="a.wav", sha256=digest_bytes(content), frames=5, rate=8000, verdicts=("clipped",)
    )


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    record = ok(tmp_path)
    Ledger(tmp_path / "l").append(record)
    assert Ledger(tmp_path / "l").records == {"k": record}


def test_the_last_line_of_an_item_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l")
    ledger.append(Record("k", "id", "failed", "error", "first"))
    ledger.append(ok(tmp_path))
    assert Ledger(tmp_path / "l").settled("k", tmp_path) == ok(tmp_path)


@pytest.mark.parametrize("damage", ["removed", "changed", "truncated", "folder"])
def test_a_sound_that_is_gone_or_changed_is_made_again(damage: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l")
    ledger.append(ok(tmp_path))
    file = tmp_path / "a.wav"
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage != "removed":
        file.write_bytes(b"other" if damage == "changed" else b"sou")
    assert ledger.settled("k", tmp_path) is None


def test_a_verdict_stands_but_an_error_is_tried_again_and_then_left(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l")
    ledger.append(Record("v", "v", "failed", "verdict", "silent"))
    ledger.append(Record("e", "e", "failed", "error", "ValueError", attempt=ATTEMPTS - 1))
    assert ledger.settled("v", tmp_path) is not None and ledger.settled("e", tmp_path) is None
    assert ledger.next_attempt("e") == ATTEMPTS and ledger.next_attempt("new") == 1
    ledger.append(Record("e", "e", "failed", "error", "ValueError", attempt=ATTEMPTS))
    assert ledger.settled("e", tmp_path) is not None
    assert ledger.settled("e", tmp_path, retry_failed=True) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", None), ("id", ["a"]), ("status", 1), ("kind", "sort"), ("error", {}), ("audio", 7), ("sha256", []),
        ("frames", "9"), ("frames", 1.5), ("frames", 10**30), ("rate", True), ("verdicts", "clipped"),
        ("verdicts", [1]), ("peak", "x"), ("peak", float("nan")), ("loudness", float("-inf")), ("timings", [1]),
        ("timings", {"a": "b"}), ("timings", {"a": float("inf")}), ("attempt", None), ("attempt", -1e300),
    ],
)  # fmt: skip
def test_a_line_whose_types_are_not_a_records_is_passed_over_and_counted(
    name: str, value: object, tmp_path: Path
) -> None:
    """It would end in a traceback wherever somebody adds, divides or prints it."""
    record = ok(tmp_path)
    Ledger(tmp_path / "l").append(record)
    line = {**json.loads((tmp_path / "l").read_text()), name: value}
    with (tmp_path / "l").open("a") as file:
        file.write(json.dumps(line) + "\n")
    ledger = Ledger(tmp_path / "l")
    assert ledger.records == {"k": record} and ledger.strange == 1


@pytest.mark.parametrize(
    "line",
    [
        "[1]", "{}", '{"key": 1, "id": "x", "status": "ok"}', '{"key": "k", "id": "x", "status": "fine"}', "{tor",
        '{"key": "k", "id": "x", "status": "ok", "frames": 9, "rate": 0}',
        '{"key": "k", "id": "x", "status": "ok", "frames": -9, "rate": 8000}',
        '{"key": "k", "id": "x", "status": "failed", "attempt": -1}',
    ],
)  # fmt: skip
def test_a_foreign_or_torn_line_is_passed_over(line: str, tmp_path: Path) -> None:
    Ledger(tmp_path / "l").append(ok(tmp_path))
    with (tmp_path / "l").open("a") as file:
        file.write(line)
    ledger = Ledger(tmp_path / "l")
    assert list(ledger.records) == ["k"]
    ledger.append(Record("n", "n", "failed", "verdict", "silent"))
    assert list(Ledger(tmp_path / "l").records) == ["k", "n"]


def test_a_field_of_a_later_version_does_not_lose_the_record(tmp_path: Path) -> None:
    Ledger(tmp_path / "l").append(ok(tmp_path))
    record = {**json.loads((tmp_path / "l").read_text()), "new": 1}
    (tmp_path / "l").write_text(json.dumps(record) + "\n")
    assert list(Ledger(tmp_path / "l").records) == ["k"]
