"""The clock of a run: loading and the first batch apart, seconds per clip and per second of audio from the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import evalkit_fakes
import numpy as np
import pytest

from evalkit.core.jsonio import read_json
from evalkit.generators.base import GenBatch, GeneratorSpec, Memory, Options
from evalkit.run.config import RunConfig
from evalkit.run.pipeline import run_generate
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent

RATE = 8000
FIRST, EACH, LOAD = 0.3, 0.02, 0.1


class Timed:
    """Its first call takes long, as compiling does; memory is what it says."""

    spec = GeneratorSpec(
        "timed", "timed", RATE, 1, 9.0, size="none", batch_size=2,
        presets={"p": {"steps": 7, "best_of": 3}}, default_preset="p",
    )  # fmt: skip

    def __init__(self) -> None:
        self.calls = 0

    def load(self, device: str, dtype: str) -> None:
        time.sleep(LOAD)

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Options
    ) -> GenBatch:
        self.calls += 1
        time.sleep(FIRST if self.calls == 1 else EACH)
        audio = [np.full((1, round(length * RATE)), 0.1, np.float32) for length in seconds]
        for sound in audio:
            sound[:, ::3] = -0.1
        return GenBatch(audio, RATE, {"text": 0.001, "sample": 0.015}, memory=Memory(self.calls * 10**6, 0))

    def close(self) -> None: ...


def block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prompts: int) -> dict[str, object]:
    monkeypatch.setattr("evalkit.run.accept.loudness", lambda samples, rate: None)
    suite = evalkit_fakes.write_suite(tmp_path / "suite", [(f"p{n}", "rain", 1.0) for n in range(prompts)])
    config = RunConfig(model=f"{__name__}:Timed", suite=str(suite), out=tmp_path / "out")
    monkeypatch.setattr("evalkit.run.plan.GENERATORS.load", lambda name, typed: Timed)
    run_generate(make_plan(config), Silent())
    found = read_json(tmp_path / "out" / "run.json")["speed"]
    assert isinstance(found, dict)
    return found


def test_the_first_batch_and_the_loading_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a compiled model, or one that reads 5 GB first, would look slow by the length of the suite."""
    speed = block(tmp_path, monkeypatch, prompts=6)
    assert speed["n"] == 4 and speed["warm_up_included"] is False
    assert EACH / 2 <= float(str(speed["seconds_per_clip"])) < FIRST / 2
    assert speed["real_time_factor"] == pytest.approx(speed["seconds_per_clip"]), "of sounds of one second"
    warm = speed["warm_up"]
    assert isinstance(warm, dict) and warm["n"] == 2 and warm["seconds"] >= FIRST
    assert float(str(speed["load_seconds"])) >= LOAD
    assert speed["parts"] == pytest.approx({"text": 0.0005, "sample": 0.0075})
    assert speed["peak_bytes"] == 3 * 10**6, "of the process that made them"


def test_what_it_ran_with_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speed = block(tmp_path, monkeypatch, prompts=3)
    assert (speed["device"], speed["dtype"], speed["steps"], speed["best_of"]) == ("cpu", "float32", 7, 3)
    assert speed["batch_size"] == 2 and int(str(speed["threads"])) >= 1


def test_a_single_batch_is_counted_with_its_warm_up_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed = block(tmp_path, monkeypatch, prompts=2)
    assert speed["n"] == 2 and speed["warm_up_included"] is True
