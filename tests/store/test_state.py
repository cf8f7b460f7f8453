"""A run's three files are read as of one state, whatever is written meanwhile."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.core.jsonio import write_bytes, write_json
from evalkit.store.state import read_state


def finish(root: Path, number: int) -> None:
    """Write a run as evalkit.run does: started, the figures, then success with their digests."""
    scores, samples = json.dumps({"n": number}).encode(), f"samples {number}".encode()
    write_json(root / "run.json", {"status": "started", "finished": {}})
    write_bytes(root / "scores.json", scores)
    write_bytes(root / "samples.parquet", samples)
    ended = {"scores": digest_bytes(scores), "samples": digest_bytes(samples)}
    write_json(root / "run.json", {"status": "success", "finished": ended, "number": number})


def test_figures_of_two_states_never_meet(tmp_path: Path) -> None:
    finish(tmp_path, 0)
    stop = threading.Event()

    def redo() -> None:
        number = 0
        while not stop.is_set():
            finish(tmp_path, number := number + 1)

    writer = threading.Thread(target=redo)
    writer.start()
    try:
        states = [read_state(tmp_path) for _ in range(300)]
    finally:
        stop.set()
        writer.join()
    for state in states:
        if state.unfinished:
            assert state.scores is None and state.samples is None
        else:
            number = state.facts["number"]
            assert state.scores == json.dumps({"n": number}).encode() and state.samples == f"samples {number}".encode()


@pytest.mark.parametrize("status", ["started", "cancelled", "error", "odd", None, 3, ["success"]])
def test_only_a_run_that_succeeded_has_figures(tmp_path: Path, status: object) -> None:
    finish(tmp_path, 1)
    facts = json.loads((tmp_path / "run.json").read_text())
    write_json(tmp_path / "run.json", {**facts, "status": status})
    state = read_state(tmp_path)
    assert state.unfinished.startswith("not finished: ") and state.scores is None and state.samples is None


@pytest.mark.parametrize("name", ["scores.json", "samples.parquet"])
def test_a_file_that_is_not_the_one_that_the_run_ended_with_is_not_its_own(tmp_path: Path, name: str) -> None:
    finish(tmp_path, 1)
    whole = read_state(tmp_path)
    for change in (lambda path: path.write_bytes(b"other"), lambda path: path.unlink()):
        change(tmp_path / name)
        state = read_state(tmp_path)
        assert "not those that it ended with" in state.unfinished and state.digest != whole.digest


def test_what_cannot_be_read_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run folder"):
        read_state(tmp_path)
    (tmp_path / "run.json").mkdir()
    with pytest.raises(UserError, match=r"run\.json: cannot be read"):
        read_state(tmp_path)
    (tmp_path / "run.json").rmdir()
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UserError, match=r"run\.json: cannot be read as JSON"):
        read_state(tmp_path)
