"""Sounds embedded while others are made: where a worker has time, once, and to the same bytes as in their stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from evalkit_drills import content, write_drill

from evalkit.run.config import RunConfig
from evalkit.run.pipeline import run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent


class Told(Silent):
    """Keeps what each stage began with and how often it advanced."""

    def __init__(self) -> None:
        self.began: dict[str, tuple[int, int]] = {}
        self.advanced: dict[str, int] = {}
        self.steps: list[str] = []

    def start(self, stage: str, total: int, done: int) -> None:
        self.began[stage], self.advanced[stage] = (total, done), done

    @contextmanager
    def step(self, stage: str) -> Iterator[None]:
        yield
        self.steps.append(stage)

    def advance(self, stage: str) -> None:
        self.advanced[stage] += 1


def test_a_finished_clip_is_embedded_while_another_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last sound is made once features are in the cache, which only the other worker can bring there."""
    monkeypatch.setenv("EVALKIT_DRILLS", str(tmp_path))
    suite = write_drill(tmp_path, ["rain", "wind", "bells", "raise", "until embedded"])
    contents = []
    for name, asked in (("pool", {"workers": 2}), ("inline", {})):
        monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / f"home-{name}"))
        if name == "inline":
            (tmp_path / "home-inline").mkdir()
            (tmp_path / "home-inline" / "any.npy").touch()
        told = Told()
        config = RunConfig(model="evalkit_drills:Drilled", suite=str(suite), out=tmp_path / name, batch_size=1, **asked)
        outcome = run(make_plan(config), told)
        total, early = told.began["embed sound"]
        assert outcome.n_ok == total == 4
        assert early > 0 if name == "pool" else early == 0
        assert told.advanced["embed sound"] == total, "each sound is told once"
        assert told.steps.count("load drilled") == 1, "wherever it is loaded"
        contents.append(content(outcome.plan.folder.root))
    assert contents[0] == contents[1]
