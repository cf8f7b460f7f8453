"""A run on a tiny suite with the cheap embedder, in a folder and a cache of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import evalkit_fakes
import pytest

import evalkit.run.manifest
from evalkit.run.config import RunConfig
from evalkit.run.pipeline import Outcome, run
from evalkit.run.plan import make_plan
from evalkit.run.progress import Silent

Run = Callable[..., Outcome]


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`go(prompts, **config)` runs Moody on these prompt texts; everything lands under tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(evalkit.run.manifest, "locate", evalkit_fakes.locate)
    loader = SimpleNamespace(load_embedder=evalkit_fakes.load_embedder)
    monkeypatch.setitem(sys.modules, "evalkit.embed.load", loader)
    monkeypatch.setattr(evalkit_fakes.Moody, "calls", [])
    monkeypatch.setattr(evalkit_fakes.Cheap, "loads", 0)

    def go(prompts: list[str], **config: Any) -> Outcome:
        rows = [(f"p{number}", text, 0.5) for number, text in enumerate(prompts)]
        suite = evalkit_fakes.write_suite(tmp_path / "suite", rows)
        settings = {"model": "evalkit_fakes:Moody", "suite": str(suite), **config}
        return run(make_plan(RunConfig(**settings)), Silent())

    return go
