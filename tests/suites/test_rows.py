"""Tables as people have them: any of the five forms says the same, and all of a file's faults are told at once."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.suites.base import Columns, Prompt
from evalkit.suites.prompts import prompts_of
from evalkit.suites.rows import read_rows

COLUMNS = Columns(id="id", text="caption", seconds="seconds")
WORDS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30
).filter(str.strip)  # fmt: skip
CAPTIONS = WORDS.filter(lambda text: text.strip().casefold() not in {"nan", "null", "none", "n/a", "#n/a", "<na>"})
ROWS = st.lists(
    st.tuples(WORDS, CAPTIONS, st.floats(0.001, 3600).map(lambda x: round(x, 3))),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[0],
)
TABLES = ["csv", "semicolons", "tsv", "bom", "utf-16", "utf-32"]
FORMS = [
    *TABLES, "jsonl", "json-list", "json-object", "json-columns", "json-cells", "json-among", "pretty-jsonl", "ndjson",
    "parquet",
]  # fmt: skip


def write(folder: Path, form: str, rows: list[tuple[str, str, float]]) -> Path:
    """The rows as a file of that form, written by the standard library's or pyarrow's own writer."""
    records = [{"id": i, "caption": t, "seconds": s} for i, t, s in rows]
    if form in TABLES:
        separator = {"semicolons": ";", "tsv": "\t", "utf-16": "\t"}.get(form, ",")
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=separator).writerows([("id", "caption", "seconds"), *rows])
        path = folder / f"p.{'tsv' if form == 'tsv' else 'csv'}"
        path.write_bytes(
            buffer.getvalue().encode({"bom": "utf-8-sig", "utf-16": "utf-16", "utf-32": "utf-32"}.get(form, "utf-8"))
        )
    elif form in ("jsonl", "ndjson"):
        path = folder / f"p.{form}"
        path.write_bytes("".join(json.dumps(record) + "\n" for record in records).encode())
    elif form == "parquet":
        path = folder / "p.parquet"
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        path = folder / ("p.jsonl" if form == "pretty-jsonl" else "p.json")
        by_id = {record.pop("id"): record for record in map(dict, records)}
        frame = pandas.DataFrame(records)
        written = {
            "json-list": records, "pretty-jsonl": records, "json-object": by_id,
            "json-columns": frame.to_dict("list"), "json-cells": frame.to_dict(),
            "json-among": {"version": 1, "info": {"by": "somebody"}, "data": records},
        }[form]  # fmt: skip
        path.write_bytes(json.dumps(written, indent=1 if form == "pretty-jsonl" else None).encode())
    return path


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, form=st.sampled_from(FORMS))
def test_every_form_reads_back_the_same_prompts(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, float]], form: str
) -> None:
    path = write(tmp_path_factory.mktemp("rows"), form, rows)
    assert prompts_of(read_rows(path), COLUMNS) == [Prompt(i, t, s, i) for i, t, s in rows]


def read(tmp_path: Path, name: str, data: str) -> list[dict[str, object]]:
    (tmp_path / name).write_text(data, encoding="utf-8")
    return [dict(row.fields) for row in read_rows(tmp_path / name).rows]


def test_texts_by_id_and_lists_of_texts(tmp_path: Path) -> None:
    assert read(tmp_path, "a.json", '{"a": "rain", "b": "wind"}') == [
        {"id": "a", "prompt": "rain"},
        {"id": "b", "prompt": "wind"},
    ]
    assert read(tmp_path, "b.json", '["rain", "wind"]') == [{"prompt": "rain"}, {"prompt": "wind"}]
    assert read(tmp_path, "c.json", '{"a": {"id": 7, "text": "x"}}') == [{"key": "a", "id": 7, "text": "x"}]


def test_json_as_the_lists_of_others_have_it(tmp_path: Path) -> None:
    """Tango's `test_audiocaps_subset.json` is JSON lines; other lists lie under one name."""
    records: list[dict[str, object]] = [
        {"location": "a.wav", "captions": "rain"},
        {"location": "b.wav", "captions": "x"},
    ]
    assert read(tmp_path, "a.json", "".join(json.dumps(each) + "\n" for each in records)) == records
    assert read(tmp_path, "b.json", json.dumps({"data": records}, indent=1)) == records


def test_what_holds_no_prompts_says_so(tmp_path: Path) -> None:
    """A header alone was told to have no column called caption."""
    for data in ("id,caption\n", ""):
        with pytest.raises(UserError, match="holds no prompts"):
            read(tmp_path, "p.csv", data)


def test_a_folder_in_place_of_a_file_names_the_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="is a folder") as caught:
        read_rows(tmp_path)
    assert str(tmp_path / "metadata.jsonl") in caught.value.hint


def test_decimal_commas_are_read_and_thousands_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id;caption;seconds\na;x;10,0\nb;y;2,25\nc;z;0,1234\n", encoding="utf-8")
    assert [prompt.seconds for prompt in prompts_of(read_rows(path), COLUMNS)] == [10.0, 2.25, 0.1234]
    path.write_text("id;caption;seconds\na;x;1,000\n", encoding="utf-8")
    with pytest.raises(UserError, match="seconds is '1,000'"):
        prompts_of(read_rows(path), COLUMNS)


@pytest.mark.parametrize("cell", ["nan", "NaN", "None", "<NA>", " null "])
def test_a_word_for_a_missing_value_is_no_prompt(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"id,caption,seconds\na,x,1\nb,{cell},1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"line 3: 'caption' is .*missing"):
        prompts_of(read_rows(path), COLUMNS)


def test_what_spreadsheets_leave_behind(tmp_path: Path) -> None:
    """`sep=;`, quoted fields, rows of separators alone, an index without a name, spaces around names."""
    found = read(tmp_path, "s.csv", 'sep=;\r\n;id; Caption \r\n0;a;"rain; then ""wind"""\r\n;;\r\n1;b;dog\r\n\r\n')
    assert found == [{"id": "a", "Caption": 'rain; then "wind"'}, {"id": "b", "Caption": "dog"}]


def test_a_column_alone_needs_no_quotes(tmp_path: Path) -> None:
    found = read(tmp_path, "p.csv", 'caption\nA dog, then a cat\n"Rain, again"\n')
    assert [row["caption"] for row in found] == ["A dog, then a cat", "Rain, again"]


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,caption,seconds\na,x,1\nb,,1\nc,y,soon\nd,z\na,w,1\n,v,2\nf,u,-1\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        prompts_of(read_rows(path), COLUMNS)
    told = str(caught.value)
    for fault in (
        "line 3: 'caption' is empty",
        "line 4: seconds is 'soon'",
        "line 5: has 2 fields, the header has 3",
        "id 'a' is on line 2 and on line 6",
        "line 7: 'id' is empty",
        "line 8: seconds is '-1'",
    ):
        assert fault in told
    assert told.count(str(path)) == 1 and "\n" not in told


def test_a_fault_of_a_thousand_lines_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(f'{{"id": {n}, "seconds": 1}}\n' for n in range(1000)), encoding="utf-8")
    with pytest.raises(UserError, match="lines 1, 2, 3 and 997 more: has no 'caption'") as caught:
        prompts_of(read_rows(path), COLUMNS)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["p.json", "p.parquet", "p.tsv"])
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200))
def test_no_bytes_crash_it(tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        prompts_of(read_rows(path), COLUMNS)
    except UserError as error:
        assert str(path) in error.message


def test_a_space_behind_each_separator_of_the_header_is_none_of_the_values(tmp_path: Path) -> None:
    """` rain` is another text than `rain` to CLAP."""
    rows = read(tmp_path, "p.csv", "id, caption, seconds\na, rain, 1\nb,dog, 2\n")
    assert rows == [
        {"id": "a", "caption": "rain", "seconds": "1"},
        {"id": "b", "caption": "dog", "seconds": "2"},
    ]
    assert read(tmp_path, "p.csv", "id,caption\n a, rain\n") == [{"id": " a", "caption": " rain"}]


def test_rows_of_nothing_are_counted(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("id,caption\na,rain\n,\n\n,\nb,dog\n", encoding="utf-8")
    assert read_rows(tmp_path / "p.csv").blank == 2
    pq.write_table(pa.table({"id": ["a", None], "caption": ["rain", None]}), tmp_path / "p.parquet")
    table = read_rows(tmp_path / "p.parquet")
    assert (len(table.rows), table.blank) == (1, 1)


@pytest.mark.parametrize(("name", "data"), [
    ("p.jsonl", '{"id": "a", "caption": "rain", "caption": "dog"}\n'),
    ("p.json", '[{"id": "a", "caption": "rain", "caption": "dog"}]'),
])  # fmt: skip
def test_a_key_that_is_twice_in_an_entry_is_told(tmp_path: Path, name: str, data: str) -> None:
    """Python takes the last."""
    (tmp_path / name).write_text(data, encoding="utf-8")
    with pytest.raises(UserError, match="a key is twice there"):
        read_rows(tmp_path / name).faults.refuse()


def test_one_object_on_a_line_of_jsonl_is_a_row_and_of_json_it_is_by_id(tmp_path: Path) -> None:
    assert read(tmp_path, "p.jsonl", '{"id": "a", "caption": "rain"}') == [{"id": "a", "caption": "rain"}]
    assert read(tmp_path, "p.json", '{"a": "rain"}') == [{"id": "a", "prompt": "rain"}]
    assert read(tmp_path, "p.json", '{"a": ["rain", "wet"], "b": ["dog", "bark"]}') == [
        {"id": "a", "prompt": ["rain", "wet"]},
        {"id": "b", "prompt": ["dog", "bark"]},
    ]
    assert read(tmp_path, "p.json", '{"prompts": ["rain", "dog"]}') == [{"prompts": "rain"}, {"prompts": "dog"}]


def test_a_workbook_is_told_what_to_do_with(tmp_path: Path) -> None:
    (tmp_path / "p.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=r"save the sheet as CSV"):
        read_rows(tmp_path / "p.xlsx")
