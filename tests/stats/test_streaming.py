"""Statistics of many clips need no more memory than those of few: AudioCaps' features are 487 MiB a side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evalkit.metrics import clap_score, fd_inf_openl3, fd_openl3, is_panns, kad_openl3
from evalkit.metrics.base import Metric, MetricInputs
from evalkit.metrics.contract import computed, load_metric
from evalkit.stats import inception, kernel, mauve
from evalkit.store import spill
from evalkit.store.spill import Spill
from evalkit.suites.recordings import pairs_from_features
from evalkit.suites.references import set_from_features

ROOT = Path(__file__).resolve().parents[2]
D = 64
FRAMES = 200


def _clips(count: int, folder: Path) -> list[np.ndarray]:
    """Features that lie in a file, as those of a large run do."""
    kept, rng = Spill(folder), np.random.default_rng(0)
    for index in range(count):
        kept.put(str(index), rng.normal(index % 3, 1, (FRAMES, D)).astype(np.float32))
    return list(kept.arrays().values())


def _peak(work: Callable[[], object]) -> float:
    """MB that the work held at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_a_reference_set_streams(tmp_path: Path) -> None:
    few, many = _clips(100, tmp_path), _clips(500, tmp_path)
    set_from_features(few)
    size = sum(each.nbytes for each in many) / 1e6
    peaks = [_peak(lambda clips=clips: set_from_features(clips)) for clips in (few, many)]  # type: ignore[misc]
    assert peaks[1] < 1.3 * peaks[0] and peaks[1] < size, (peaks, size)


@pytest.mark.parametrize("metric", [fd_openl3.METRIC, fd_inf_openl3.METRIC, kad_openl3.METRIC])
def test_a_set_metric_streams_with_its_jackknife(metric: Metric, tmp_path: Path) -> None:
    reference = set_from_features(_clips(60, tmp_path))
    few, many = _clips(100, tmp_path), _clips(500, tmp_path)

    def work(clips: list[np.ndarray]) -> None:
        names = [str(index) for index in range(len(clips))]
        assert metric.compute(MetricInputs(names, names, clips, set_reference=reference)).leave_outs

    work(few)
    size = sum(each.nbytes for each in many) / 1e6
    peaks = [_peak(lambda clips=clips: work(clips)) for clips in (few, many)]  # type: ignore[misc]
    assert peaks[1] < 0.8 * size and peaks[1] < 1.5 * peaks[0] + 10, (peaks, size)


SETS = ("fd_openl3", "fd_inf_openl3", "kad_openl3", "density_openl3", "coverage_openl3", "mad_openl3")
CLASSES = ("is_passt", "is_panns", "kl_passt")


def _drawn(metric: str, count: int, folder: Path) -> MetricInputs:
    """Inputs of so many clips for any metric, whatever its judge: 256 numbers a frame, of PANNs with classes."""
    rng, kept, width = np.random.default_rng(1), Spill(folder), 527 + 256 if "panns" in metric else 256
    for index in range(count):
        kept.put(str(index), rng.normal(index % 3, 1, (1, width)).astype(np.float32))
    clips, names = list(kept.arrays().values()), [f"clip {index}" for index in range(count)]
    few = clips[:40] if metric in SETS else []
    return MetricInputs(
        ids=names,
        groups=names,
        features=clips,
        texts=np.concatenate(clips) if metric == "clap_score" else None,
        set_reference=set_from_features(few) if few else None,
        pair_reference=pairs_from_features(dict(zip(names, clips, strict=True)), {each: each for each in names}),
    )


@pytest.mark.parametrize("name", [*SETS, *CLASSES, "clap_score"])
def test_what_a_metric_holds_does_not_grow_with_the_clips(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for a name, a number and a place each: some hundred bytes, where a clip's mean would be 2,048 here. And the
    value is the same to the bit, whether its tables lie in memory or outside of it."""
    metric, sizes = load_metric(name), (300, 700) if name.startswith("mad") else (300, 1500)  # it takes its time
    inputs = [_drawn(name, count, tmp_path) for count in sizes]
    inside = computed(metric, name, inputs[0])
    for module in (spill, kernel, inception, clap_score, is_panns, mauve):
        for constant, value in (("LARGE", 1 << 12), ("_CELLS", 1 << 14), ("_PIECE", 64)):
            if hasattr(module, constant):
                monkeypatch.setattr(module, constant, value)
    few, many = (_peak(lambda each=each: computed(metric, name, each)) for each in inputs)  # type: ignore[misc]
    assert (many - few) * 1e6 < 1000 * (sizes[1] - sizes[0]), (few, many)
    outside = computed(metric, name, inputs[0])
    assert (outside.value, outside.leave_outs, outside.per_prompt) == (
        inside.value,
        inside.leave_outs,
        inside.per_prompt,
    )


@pytest.mark.parametrize(("clips", "frames"), [(40, 7), (400, 20), (500, 21)])
def test_streamed_moments_are_numpys(clips: int, frames: int) -> None:
    """The same bits for up to 8,192 frames, so that no recorded score moves; beyond that to round-off."""
    rng = np.random.default_rng(clips)
    features = [rng.normal(3, 1, (frames, 32)).astype(np.float32) for _ in range(clips)]
    rows, found = np.concatenate(features).astype(np.float64), set_from_features(features)
    covariance = np.cov(rows, rowvar=False, ddof=1)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-12, atol=1e-14)
    if len(rows) <= 8192:
        assert np.array_equal(found.mean, rows.mean(axis=0)) and np.array_equal(found.covariance, covariance)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read in /proc")
def test_a_whole_audiocaps_takes_under_500_megabytes(tmp_path: Path) -> None:
    """Its features on both sides, FD and KAD with their jackknife, above what the process is without them."""
    line = [sys.executable, str(ROOT / "tests" / "stats" / "streaming_memory.py"), str(tmp_path)]
    told = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    found = json.loads(told.stdout.splitlines()[-1])
    assert all(se for _, se in found["found"].values()), "with an interval"
    assert found["anonymous"] * 2**20 < 500e6, found
