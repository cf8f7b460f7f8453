"""What a suite's metrics compare with: statistics of a reference set, or one row per prompt.

Two file forms, both NumPy `.npz` without pickle:

- a *set*: `mean` (d,), `covariance` (d, d) with ddof 1, float64; `frames` and `clips`, the counts behind them;
  and, where it was made from features and not from shipped statistics, `rows` (m, d) float32, one per clip;
- *pairs*: `ids` (n,) fixed-width unicode (or UTF-8 bytes), `rows` (n, d) float32, in the same order.

Two more come from stable-audio-metrics, through a pinned source or by path: `mu_ref` and `sigma_ref` of a set, without
the counts (the manifest states the clips; the frames are not known and stand as 0), and its pickled class
probabilities (`evalkit.checkpoints.probabilities`, no pickle is executed), which become a file of pairs once where
they were fetched.

Files are written with fixed dates, so equal content gives equal bytes. A suite may instead name a folder of
reference audio (`evalkit.suites.recordings`), which evalkit.run inspects and embeds.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.checkpoints.probabilities import read_probabilities
from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.embed.base import Features
from evalkit.metrics.base import SetReference
from evalkit.stats.frechet import moments_of_blocks
from evalkit.store.arrays import read_npz
from evalkit.suites.base import UNKNOWN, MetricPlan
from evalkit.suites.pinned import require_fetched

_DATE = (1980, 1, 1, 0, 0, 0)

PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".bin")
"""Suffixes of files of pairs that upstream pickles."""

MOST_ROWS = 5000
"""Of more clips than this, a seeded choice is kept as `rows`: their distances would not fit in memory."""


def set_reference(plan: MetricPlan) -> SetReference:
    """The statistics file of a metric that compares sets.

    Raises UserError, naming the file: none named, absent, not such a file, wrong shapes, not finite.
    """
    path = _named(plan)
    if plan.pinned is not None:
        require_fetched(plan.pinned)
        if plan.pinned.form == "mu_sigma":
            return _mu_sigma(path, plan.pinned.count)
    elif "mu_ref" in _load(path, (), ("mu_ref", "sigma_ref")):
        if not plan.count:
            told = f"{path}: holds stable-audio-metrics' mu_ref and sigma_ref, which do not say of how many clips"
            raise UserError(told, f"state it: count = ... beside its reference in [metrics.{plan.metric}]")
        return _mu_sigma(path, max(plan.count, 0))
    arrays = _load(path, ("mean", "covariance", "frames", "clips"), optional=("rows",))
    mean, covariance = _moments(path, arrays["mean"], arrays["covariance"])
    frames, clips = (_count(path, name, arrays[name]) for name in ("frames", "clips"))
    if plan.count not in (0, UNKNOWN, clips):
        raise UserError(f"{path}: is of {clips} clips, the manifest states {plan.count}")
    rows = arrays.get("rows")
    if rows is not None:
        rows = _numbers(path, "rows", rows).astype(np.float32)
        if rows.ndim != 2 or rows.shape[1] != len(mean) or not 0 < len(rows) <= clips:
            raise UserError(f"{path}: rows {rows.shape} do not belong to {clips} clips of {len(mean)} dimensions")
    return SetReference(mean, covariance, frames, clips, rows)


def _mu_sigma(path: Path, clips: int) -> SetReference:
    """The statistics as stable-audio-metrics ships them; mu may be float32."""
    arrays = _load(path, ("mu_ref", "sigma_ref"))
    return SetReference(*_moments(path, arrays["mu_ref"], arrays["sigma_ref"]), frames=0, clips=clips)


def _moments(path: Path, mu: NDArray[Any], sigma: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean = _numbers(path, "mean", mu).astype(np.float64)
    covariance = _numbers(path, "covariance", sigma).astype(np.float64)
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise UserError(f"{path}: mean {mean.shape} and covariance {covariance.shape} do not belong together")
    return mean, covariance


def pair_reference(plan: MetricPlan) -> dict[str, Features]:
    """{prompt id: (d,) float32} from the file of a metric that compares clip by clip, less the excluded ids.

    Raises UserError as :func:`set_reference` does, and for an id that is there twice.
    """
    path = prepared(plan)
    if path.suffix.lower() in PICKLED:
        return {key: row for key, row in read_probabilities(path).items() if key not in plan.excluded}
    arrays = _load(path, ("ids", "rows"))
    rows = _numbers(path, "rows", arrays["rows"]).astype(np.float32)
    ids = _identifiers(path, arrays["ids"])
    if rows.ndim != 2 or len(rows) != len(ids):
        raise UserError(f"{path}: {len(ids)} ids and rows {rows.shape} do not belong together")
    if len(set(ids)) != len(ids):
        raise UserError(f"{path}: an id is there twice")
    return {key: row for key, row in zip(ids, rows, strict=True) if key not in plan.excluded}


def prepared(plan: MetricPlan) -> Path:
    """The file that the reference of `plan` is read from, made of the fetched one where that is a pickle.

    It is named by what it is made of, so that it never outlives its source. Raises UserError where the pinned
    file is not here, was changed, or is not of the one form that is read.
    """
    path = _named(plan)
    if plan.pinned is not None:
        fetched = require_fetched(plan.pinned)
        if plan.pinned.form == "passt_probabilities" and not path.is_file():
            save_pair_reference(path, read_probabilities(fetched))
    return path


def save_set_reference(path: Path, reference: SetReference) -> None:
    """Write a set's statistics; equal statistics give equal bytes."""
    counts = {"frames": np.int64(reference.frames), "clips": np.int64(reference.clips)}
    rows = {} if reference.rows is None else {"rows": np.asarray(reference.rows, dtype=np.float32)}
    _save(path, {"mean": reference.mean, "covariance": reference.covariance, **counts, **rows})


def save_pair_reference(path: Path, rows: Mapping[str, Features]) -> None:
    """Write one (d,) row per prompt id, sorted by id; equal rows give equal bytes."""
    ids = sorted(rows)
    _save(path, {"ids": np.array(ids), "rows": np.stack([np.asarray(rows[i], dtype=np.float32) for i in ids])})


def set_from_features(features: Sequence[Features]) -> SetReference:
    """Statistics over the frames of all clips, each (frames, d), and the mean of each clip (of `MOST_ROWS` of them).

    Raises UserError below two frames.
    """
    frames = sum(len(each) for each in features)
    if frames < 2:
        raise UserError(f"a reference set needs at least two frames, it has {frames}")
    mean, covariance, _ = moments_of_blocks(features)
    return SetReference(mean, covariance, frames, len(features), _clip_means(features))


def _clip_means(features: Sequence[Features]) -> Features:
    """(clips, d) float32, in the order of the clips; a choice of them, the same each time, where they are many."""
    kept = [each for each in features if len(each)]
    if len(kept) > MOST_ROWS:
        chosen = np.random.default_rng(0).choice(len(kept), MOST_ROWS, replace=False)
        kept = [kept[index] for index in sorted(chosen.tolist())]
    return np.stack([each.mean(axis=0, dtype=np.float64).astype(np.float32) for each in kept])


def _named(plan: MetricPlan) -> Path:
    if plan.reference is None:
        raise UserError(f"the suite names no reference file for {plan.metric}", "add reference = ... to its manifest")
    return plan.reference


def _load(path: Path, names: Sequence[str], optional: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    return read_npz(path, names, optional, "reference file")


def _numbers(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise UserError(f"{path}: {name} is not made of finite numbers")
    return np.ascontiguousarray(array)


def _count(path: Path, name: str, array: NDArray[Any]) -> int:
    if array.shape != () or not np.issubdtype(array.dtype, np.integer) or int(array) < 1:
        raise UserError(f"{path}: {name} is not a count")
    return int(array)


def _identifiers(path: Path, array: NDArray[Any]) -> list[str]:
    try:
        if array.ndim == 1 and array.dtype.kind in "US":
            return [i.decode("utf-8") if isinstance(i, bytes) else str(i) for i in array.tolist()]
    except UnicodeDecodeError:
        pass
    raise UserError(f"{path}: ids is not a list of text")


def _save(path: Path, arrays: Mapping[str, NDArray[Any] | np.generic]) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            data = io.BytesIO()
            np.lib.format.write_array(data, np.asarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _DATE), data.getvalue(), zipfile.ZIP_DEFLATED)
    write_bytes(path, target.getvalue())
