"""Lyrics in a prompt file: what a prompt has beside its text, for models that read any, and nothing of the suite's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.core.errors import UserError
from evalkit.suites.base import Suite
from evalkit.suites.brief import Brief
from evalkit.suites.keep import keep
from evalkit.suites.load import load_suite

VERSE = "[verse]\nOh, a line\n\nund noch eine می‌روم"


def suite(path: Path, **columns: str) -> Suite:
    return load_suite(Brief(prompts=path, columns=columns))


def jsonl(folder: Path, *lyrics: Any, column: str = "lyrics") -> Path:
    """A prompt file of these lyrics; of None there are none."""
    rows = [{"id": f"p{n}", "prompt": f"song {n}", "seconds": 12} for n in range(len(lyrics))]
    told = [row if sung is None else row | {column: sung} for row, sung in zip(rows, lyrics, strict=True)]
    path = folder / "songs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in told))
    return path


def test_lines_stay_and_what_stands_for_nothing_is_nothing(tmp_path: Path) -> None:
    """A break within is a part of the song; the missing value of a program is no word of it."""
    path = jsonl(tmp_path, VERSE.replace("\n", "\r\n"), None, "", "  ", "NaN", "[Instrumental]")
    found = suite(path)
    assert [prompt.lyrics for prompt in found.prompts] == [VERSE, "", "", "", "", "[Instrumental]"]
    assert not found.columns and not found.columns_left_out, "they are no column to slice by"
    assert any("lyrics=lyrics" in note for note in found.notes)


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    table = tmp_path / "songs.csv"
    table.write_text(f'id,prompt,seconds,Lyrics\np0,song 0,12,"{VERSE}"\np1,song 1,12,\n')
    columns = {"id": ["p0", "p1"], "prompt": ["song 0", "song 1"], "seconds": [12, 12], "Lyrics": [VERSE, None]}
    pq.write_table(pa.table(columns), tmp_path / "songs.parquet")
    for path in (table, tmp_path / "songs.parquet"):
        assert [prompt.lyrics for prompt in suite(path).prompts] == [VERSE, ""]


def test_they_are_no_part_of_the_suite(tmp_path: Path) -> None:
    """Most models read none, and their runs are the same whatever is sung."""
    (tmp_path / "other").mkdir()
    one, other = suite(jsonl(tmp_path, VERSE)), suite(jsonl(tmp_path / "other", "la la"))
    assert one.digest == other.digest and one.prompts == other.prompts
    assert one.prompts[0].lyrics != other.prompts[0].lyrics


def test_another_column_is_taken_by_its_name(tmp_path: Path) -> None:
    assert suite(jsonl(tmp_path, VERSE, column="words"), lyrics="words").prompts[0].lyrics == VERSE
    assert not suite(jsonl(tmp_path, "la", column="words")).prompts[0].lyrics


def test_a_manifest_may_name_them_and_a_kept_suite_has_them(tmp_path: Path) -> None:
    found = replace(suite(jsonl(tmp_path, VERSE, None)), name="songs")
    (tmp_path / "kept").mkdir()
    manifest, prompts = keep(found, tmp_path / "kept")
    again = load_suite(str(manifest), {})
    assert [prompt.lyrics for prompt in again.prompts] == [VERSE, ""]
    prompts.write_text(prompts.read_text().replace('"lyrics"', '"sung"'))
    assert not load_suite(str(manifest), {}).prompts[0].lyrics
    manifest.write_text(manifest.read_text().replace("[prompts]\n", '[prompts]\nlyrics = "sung"\n'))
    assert load_suite(str(manifest), {}).prompts[0].lyrics == VERSE


@pytest.mark.parametrize(
    "wrong", [3, True, ["la", "la"], {"verse": "la"}, "a\x1b[31m", "a\0b", "\ud800", "la" * 20_000]
)
def test_what_nobody_can_sing_is_refused_with_its_line(tmp_path: Path, wrong: Any) -> None:
    """All lines that are wrong, before any work; the terminal is spared what is in them."""
    with pytest.raises(UserError) as error:
        suite(jsonl(tmp_path, "la", wrong, None, wrong))
    told = str(error.value)
    assert "line" in told and "2" in told and "4" in told and ("lyrics" in told or "NUL" in told)
    assert "\x1b" not in told and "\n" not in told and len(told) < 400
