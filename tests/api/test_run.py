"""`evalkit.run`, `score` and `load`: the run of the command line, in Python's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

import evalkit as door

WORDS = ("--model", "mock", "--limit", "4", "--no-report", "--json")


def test_it_is_the_run_of_the_command_line(evalkit: Any, tmp_path: Path) -> None:
    """One path: the same id, folder, sounds and numbers, so that what one begins the other finishes."""
    code, out, _ = evalkit("run", *WORDS)
    assert code == 0
    told = json.loads(out)
    run = door.run("mock", limit=4)
    assert run.reused and run.run_id == told["run_id"] and run.folder == Path(told["run"])
    assert {name: each.value for name, each in run.scores.items()} == {
        name: each["value"] for name, each in told["scores"].items()
    }
    assert list(run.scores)[:3] == ["fd_openl3", "kl_passt", "clap_score"], "in the suite's order"
    scored = door.score(run.folder / "audio", limit=4)
    again = json.loads(evalkit("score", str(run.folder / "audio"), "--limit", "4", "--no-report", "--json")[1])
    assert again["reused"] and again["run_id"] == scored.run_id
    assert scored.scores["fd_openl3"].value == run.scores["fd_openl3"].value
    assert door.load(run.folder).scores == run.scores


def test_errors_name_parameters_and_commands_stay_commands(tmp_path: Path) -> None:
    for call, words in (
        (lambda: door.run("mock", limit=0), "^limit 0: at least 1"),
        (lambda: door.run("mock", batch_size=0), "^batch_size 0: at least 1"),
        (lambda: door.run("mock", weights={"openl3": "nowhere.h5"}), "^weights openl3=nowhere.h5: no such file"),
        (lambda: door.run("mock", timeout=-1), "^timeout -1: a number of seconds"),
        (lambda: door.run("mock", checkpoint=tmp_path), "^checkpoint: model 'mock' does not take it"),
        (lambda: door.run("mokc"), "no model is called 'mokc' .did you mean mock"),
        (lambda: door.load(tmp_path), "is not a run folder"),
        (lambda: door.score(tmp_path / "nowhere"), "no such folder"),
    ):
        with pytest.raises(door.UserError, match=words) as raised:
            call()
        assert "--" not in str(raised.value)


def test_what_was_told_is_in_the_result_and_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = door.run("mock", limit=2)
    (run.folder / "audio" / "stranger.wav").write_bytes(next((run.folder / "audio").glob("*.wav")).read_bytes())
    scored = door.score(run.folder / "audio", limit=2)
    assert any("stranger.wav" in note for note in scored.notes)
    assert any("stranger.wav" in record.message and record.levelname == "WARNING" for record in caplog.records)


def test_failed_sounds_are_counted_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = evalkit_fakes.write_suite(tmp_path / "suite", [("a", "a dog", 0.5), ("b", "silent", 0.5)])
    with monkeypatch.context() as patch:
        import sys
        from types import SimpleNamespace

        import evalkit.run.manifest

        patch.setattr(evalkit.run.manifest, "locate", evalkit_fakes.locate)
        patch.setitem(sys.modules, "evalkit.embed.load", SimpleNamespace(load_embedder=evalkit_fakes.load_embedder))
        run = door.run("evalkit_fakes:Moody", str(suite))
    assert run.failures == {"b": "silent"} and str(run).endswith("1 of 2 sounds")
    assert run.scores["evalkit_fakes:LEVEL"].n_failed == 1
    with pytest.raises(door.UserError, match="b: silent"):
        run.audio("b")
    assert run.audio("a")[0].shape[0] in (1, 2)
    assert "failed &#x27;b&#x27;: silent" in run._repr_html_()
