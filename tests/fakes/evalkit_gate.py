"""Runs as the gate reads them, with metrics whose prompts differ a lot, and their folders."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.comparison.record import Record

N = 60
IDS = [f"p{index}" for index in range(N)]
SUITE = {"name": "mini", "version": "1", "digest": "d" * 64, "protocol": "evalkit-mini-1", "size": "mini"}


def score(value: float, direction: str, values: dict[str, float] | None = None, half: float = 0.05) -> dict[str, Any]:
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "level": 0.95,
        "method": "test",
        "n": N,
        "n_failed": 0,
        "n_reference": N,
        "direction": direction,
        "protocol": "evalkit-mini-1",
        "weights": "w" * 64,
        "embedder": "e" * 64,
        "per_prompt": values or {},
    }


def record(shift: float = 0.0, noise: float = 0.0, seed: int = 0) -> Record:
    """A run whose prompts differ a lot; `shift` makes every metric worse, `noise` scatters each prompt."""
    spread = np.random.default_rng(1).normal(0, 1, N)
    scatter = np.random.default_rng(seed).normal(0, noise, N) if noise else np.zeros(N)
    kl = dict(zip(IDS, (3 + spread + scatter + shift).tolist(), strict=True))
    clap = dict(zip(IDS, (3 + spread - scatter - shift).tolist(), strict=True))
    metrics = {
        "fd_openl3": score(100 + 100 * shift, "lower", half=4.0),
        "kl_passt": score(math.fsum(kl.values()) / N, "lower", kl),
        "clap_score": score(math.fsum(clap.values()) / N, "higher", clap),
    }
    return Record("here", "success", SUITE, {"name": "m"}, "r1", {i: i for i in IDS}, metrics)


def changed(run: Record, metric: str, **changes: object) -> Record:
    return replace(run, metrics={**run.metrics, metric: {**run.metrics[metric], **changes}})


def write_run(
    folder: Path, run: Record, status: str = "success", further: Mapping[str, list[Any]] | None = None
) -> Path:
    """The files of a run folder as evalkit.run writes them, with `further` columns of samples.parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    embedders = {name: {"embedder": "x", "key": each["embedder"]} for name, each in run.metrics.items()}
    head = {"schema": 1, "status": status, "run_id": run.run_id, "suite": {**run.suite, "title": "t"}}
    (folder / "run.json").write_text(json.dumps({**head, "model": dict(run.model), "metrics": embedders}))
    skipped = ("embedder", "per_prompt")
    scores = {name: {k: v for k, v in each.items() if k not in skipped} for name, each in run.metrics.items()}
    (folder / "scores.json").write_text(json.dumps(scores))
    columns: dict[str, list[Any]] = {"id": IDS, "group": IDS, "status": ["ok"] * N, **(further or {})}
    for name, each in run.metrics.items():
        columns[name] = [each["per_prompt"].get(i) for i in IDS]
    pq.write_table(pa.table(columns), folder / "samples.parquet")
    return folder
