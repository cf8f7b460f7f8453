"""Lyrics from the prompt file to the model: a part of the sounds of one that reads them, and of no other's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalkit_fakes
import pandas as pd
import pytest

from evalkit.run.config import RunConfig
from evalkit.run.pipeline import run
from evalkit.run.plan import Plan, make_plan
from evalkit.run.progress import Silent

SINGER, MOODY = "evalkit_fakes:Singer", "evalkit_fakes:Moody"


def plan(folder: Path, model: str, *lyrics: str, **config: Any) -> Plan:
    """The tiny suite with a column of lyrics, where there are any."""
    suite = evalkit_fakes.write_suite(folder, [(f"p{n}", f"text {n}", 0.5 + 2 * n) for n in range(2)])
    if lyrics:
        rows = (folder / "tiny.csv").read_text().splitlines()
        told = [f'{row},"{sung}"' for row, sung in zip(rows, ("lyrics", *lyrics), strict=True)]
        (folder / "tiny.csv").write_text("\n".join(told) + "\n")
    return make_plan(RunConfig(model=model, suite=str(suite), **config))


def test_two_lyrics_are_two_runs_and_two_sounds_of_a_model_that_reads_them(tmp_path: Path) -> None:
    none, empty, one, other = (
        plan(tmp_path / str(n), SINGER, *lyrics) for n, lyrics in enumerate([(), ("", ""), ("la\nla", ""), ("lo", "")])
    )
    assert none.run_id == empty.run_id, "a column in which nothing stands is none"
    assert len({empty.run_id, one.run_id, other.run_id}) == 3
    assert [item.lyrics for item in one.items] == ["la\nla", ""]
    assert one.items[0].key != other.items[0].key and one.items[1].key == other.items[1].key


def test_another_model_s_run_is_the_same_whatever_is_sung_and_says_so(tmp_path: Path) -> None:
    none, sung = plan(tmp_path / "a", MOODY), plan(tmp_path / "b", MOODY, "la", "lo")
    assert (none.run_id, none.items, none.identity) == (sung.run_id, sung.items, sung.identity)
    assert sung.model.notes == ("moody reads no lyrics: those of 2 of 2 prompts have no part in its sounds",)


@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("model", [SINGER, MOODY])
def test_they_stand_beside_the_sounds(model: str, tmp_path: Path) -> None:
    evalkit_fakes.Singer.told.clear()
    outcome = run(plan(tmp_path / "suite", model, "la\nla", "", out=tmp_path / "out"), Silent())
    table = pd.read_parquet(outcome.plan.folder.samples)
    assert table["lyrics"].fillna("").tolist() == ["la\nla", ""] and table["status"].tolist() == ["ok", "ok"]
    notes = json.loads(outcome.plan.folder.run_json.read_text())["model"]["notes"]
    if model == SINGER:
        assert evalkit_fakes.Singer.told == [("", "la\nla")], "the longest is made first"
        assert any(note.startswith("1 of 2 prompts asks for less") and "2 s" in note for note in notes)
        assert any("to be instrumental" in note for note in notes)
    else:
        assert any("reads no lyrics" in note for note in notes)


@pytest.mark.usefixtures("go")
def test_new_lyrics_of_a_finished_run_of_another_model_are_put_beside_its_sounds(tmp_path: Path) -> None:
    """The sounds stay, and the table is not left with what the file said before."""
    for lyrics in (("la", ""), ("lo", "")):
        outcome = run(plan(tmp_path / "suite", MOODY, *lyrics, out=tmp_path / "out"), Silent())
        assert pd.read_parquet(outcome.plan.folder.samples)["lyrics"].fillna("").tolist() == [lyrics[0], ""]
