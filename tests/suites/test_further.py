"""The further columns of a prompt file: what kind each is, what is left out and why, and that a suite stays itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.suites.base import Columns
from evalkit.suites.brief import Brief
from evalkit.suites.further import MOST_COLUMNS, MOST_LOOKED_AT, Further, further_of
from evalkit.suites.keep import keep
from evalkit.suites.listing import list_prompts
from evalkit.suites.load import load_suite
from evalkit.suites.prompts import prompts_of
from evalkit.suites.rows import Faults, Row, Table

ROWS: list[dict[str, Any]] = [
    {"id": "a", "prompt": "a dog", "genre": "rock", "bpm": 120.5, "moods": ["calm", "dark"], "live": True},
    {"id": "b", "prompt": "a cat", "genre": "jazz", "bpm": 90.0, "moods": ["calm"], "live": False},
    {"id": "c", "prompt": "a cow", "genre": "rock", "bpm": None, "moods": None, "live": None},
]
SAID = [
    {"genre": "rock", "bpm": 120.5, "moods": ("calm", "dark"), "live": "true"},
    {"genre": "jazz", "bpm": 90.0, "moods": ("calm",), "live": "false"},
    {"genre": "rock"},
]


def write(folder: Path, suffix: str, rows: Sequence[Mapping[str, Any]] = ROWS) -> Path:
    path = folder / f"prompts{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    elif suffix in (".json", ".jsonl"):
        lines = [json.dumps(row) for row in rows]
        path.write_text(f"[{','.join(lines)}]" if suffix == ".json" else "\n".join(lines), encoding="utf-8")
    else:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(rows[0]), delimiter="\t" if suffix == ".tsv" else ",")
        writer.writeheader()
        for row in rows:
            plain = {key: str(each).lower() if isinstance(each, bool) else each for key, each in row.items()}
            writer.writerow({k: json.dumps(v) if isinstance(v, list) else v for k, v in plain.items()})
        path.write_text(out.getvalue(), encoding="utf-8")
    return path


def further(columns: Mapping[str, Sequence[Any]]) -> Further:
    rows = [
        Row(place, {"id": str(place), "prompt": "a dog", **dict(zip(columns, values, strict=True))})
        for place, values in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    where = Path("p.csv")
    names = ["id", "prompt", *columns]
    prompts = prompts_of(Table(where, names, rows, Faults(where)), Columns(seconds=1.0))
    return further_of(prompts, rows, names, Columns(seconds=1.0))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_every_form_of_prompt_file_says_the_same(tmp_path: Path, suffix: str) -> None:
    found = list_prompts(Brief(prompts=write(tmp_path, suffix), seconds=1.0))
    assert [dict(prompt.further) for prompt in found.prompts] == SAID
    assert found.further.kinds == {"genre": "text", "bpm": "number", "moods": "tags", "live": "text"}
    assert "columns for --by: genre (text), bpm (number), moods (tags), live (text)" in found.notes


@pytest.mark.parametrize(
    ("cells", "kind", "said"),
    [
        (["1", "2.5", "1e3"], "number", [1.0, 2.5, 1000.0]),
        (["1,5", "2", ""], "number", [1.5, 2.0, None]),
        (["1,500", "2"], "text", ["1,500", "2"]),
        (["007", "12"], "text", ["007", "12"]),
        (["1", "n/a", "NaN"], "number", [1.0, None, None]),
        (["1", "inf"], "text", ["1", "inf"]),
        ([1, "2"], "number", [1.0, 2.0]),
        ([True, False], "text", ["true", "false"]),
        (["['pop', 'it\\'s']", "[]"], "tags", [("pop", "it's"), None]),
        ([["a", 1, "a"], ["", None]], "tags", [("a", "1"), None]),
        (["a\nb ", "c"], "text", ["a b", "c"]),
        ([10**400, 1], "text", None),
    ],
)
def test_a_columns_kind_is_that_of_all_its_values(cells: list[Any], kind: str, said: list[Any] | None) -> None:
    found = further({"x": cells})
    if said is None:
        assert not found.kinds and "more than 200 digits" in found.left_out["x"]
        return
    assert found.kinds == {"x": kind}
    assert [dict(prompt.further).get("x") for prompt in found.prompts] == said


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("x", [{"a": 1}, {}], "it holds objects"),
        ("x", [b"\0", b""], "it holds objects"),
        ("x", [["a"], "b"], "it mixes lists"),
        ("x", ["", None], "it is empty"),
        ("x", ["a" * 201, "b"], "it holds texts of more than 200 characters"),
        ("x", [[str(n) for n in range(65)], []], "it holds lists of more than 64"),
        ("x", [str(n) + "a" for n in range(51)], "every prompt has a value of its own"),
        ("x" * 61, ["a", "a"], "its name is longer than 60 characters"),
        ("x\x1b[31m", ["a", "a"], "its name is not printable"),
        ("x\ud800", ["a", "a"], "its name is not printable"),
    ],
)
def test_what_cannot_be_carried_is_left_out_with_its_reason(name: str, cells: list[Any], why: str) -> None:
    found = further({name: cells, "good": ["b"] * len(cells)})
    assert found.kinds == {"good": "text"} and list(found.left_out.values()) == [why]
    assert why in found.told and "\x1b" not in found.told


def test_columns_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    found = further({f"c{place}": ["a", "a"] for place in range(100)})
    assert len(found.kinds) == MOST_COLUMNS and len(found.left_out) == MOST_LOOKED_AT - MOST_COLUMNS + 1
    assert f"{100 - MOST_LOOKED_AT} more: {MOST_LOOKED_AT} columns are looked at" in found.told
    monkeypatch.setattr("evalkit.suites.further.MOST_CHARACTERS", 10)
    found = further({"a": ["123456789"] * 2, "b": ["12345x"] * 2, "c": ["xx", "xx"]})
    assert list(found.kinds) == ["a", "c"] and "together" in found.left_out["b"]


@given(st.dictionaries(st.text(max_size=8).filter(lambda name: name not in ("id", "prompt")), st.lists(
    st.none() | st.text(max_size=30) | st.integers() | st.floats() | st.booleans() | st.lists(st.text(max_size=4)),
    min_size=3, max_size=3,
), max_size=6))  # fmt: skip
def test_whatever_a_column_holds_it_is_carried_or_left_out(columns: dict[str, list[Any]]) -> None:
    found = further(columns) if columns else Further(())
    assert len(found.kinds) + len(found.left_out) <= len(columns)
    kinds = {"text": str, "number": float, "tags": tuple}
    for prompt in found.prompts:
        for name, value in prompt.further:
            assert isinstance(value, kinds[found.kinds[name]])
            str(value).encode("utf-8")  # no half of a surrogate pair


def test_further_columns_are_no_part_of_a_suite_and_are_kept_with_it(tmp_path: Path) -> None:
    with_columns = load_suite(Brief(prompts=write(tmp_path, ".jsonl"), seconds=1.0, name="mine", judges=("mini",)))
    (tmp_path / "bare").mkdir()
    bare = [{"id": row["id"], "prompt": row["prompt"]} for row in ROWS]
    without = load_suite(
        Brief(prompts=write(tmp_path / "bare", ".csv", bare), seconds=1.0, name="mine", judges=("mini",))
    )
    assert with_columns.digest == without.digest and with_columns.prompts == without.prompts
    assert (dict(with_columns.columns), dict(without.columns)) == (
        {"genre": "text", "bpm": "number", "moods": "tags", "live": "text"},
        {},
    )
    manifest, _ = keep(with_columns, tmp_path)
    kept = load_suite(str(manifest))
    assert kept.digest == with_columns.digest
    for prompt, said in zip(kept.prompts, SAID, strict=True):
        assert dict(prompt.further) == {"group": prompt.group, **said}


def test_the_shipped_suites_tell_their_columns() -> None:
    assert dict(load_suite("mini").columns) == {"reference": "text"}
