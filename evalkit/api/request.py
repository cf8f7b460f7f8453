"""What is asked of a run, in Python's values: the one place where a RunConfig is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.core.faults import Gathering
from evalkit.core.paths import existing, typed
from evalkit.core.threads import default
from evalkit.run.config import (
    DEFAULT_MODEL,
    DEFAULT_SUITE,
    MOST_THREADS,
    MOST_WORKERS,
    ONE_CORE,
    RunConfig,
    Sharing,
    at_least_one,
    check_dtype,
    check_samples,
    devices_asked,
    parse_checkpoint,
    parse_devices,
    parse_ray,
    parse_timeout,
    parse_until,
    require_enough_workers,
)
from evalkit.run.gates import Gate, parse_gates
from evalkit.suites.base import Suite
from evalkit.suites.brief import Brief

ALONE = Sharing()


def request(
    model: str = DEFAULT_MODEL,
    suite: str | Brief | Suite = DEFAULT_SUITE,
    *,
    out: str | Path | None = None,
    preset: str | None = None,
    options: Mapping[str, object] | None = None,
    init: str | Path | None = None,
    seed: int = 0,
    samples: int = 1,
    limit: int | None = None,
    batch_size: int | None = None,
    dtype: str = "float32",
    weights: Mapping[str, str | Path] | None = None,
    checkpoint: str | Path | None = None,
    random_weights: bool = False,
    retry_failed: bool = False,
    anew: bool = False,
    timeout: float | None = None,
    about: str | Path | None = None,
    until: Path | None = None,
    gates: Sequence[str] = (),
    sharing: Sharing = ALONE,
    command: tuple[str, ...] = (),
    wrong: Gathering | None = None,
) -> RunConfig:
    """The parameters of `evalkit.run` and `evalkit.score` as one record: device chosen, paths looked for.

    `command` are the words typed, kept in run.json; `wrong` is what was wrong with them before. A path that is not
    there and a number that cannot be are added to it, in the words of the command line, and the plan of the run raises
    all of them, with whatever is wrong with its suite and its model.
    """
    wrong = wrong or Gathering()
    changes = {**(options or {}), **({} if init is None else {"init_audio": str(init)})}
    found = _found(weights or {}, wrong)
    limit, batch_size, workers, threads = _counted(limit, batch_size, sharing, wrong)
    samples = wrong.read(1, check_samples, samples)
    dtype = wrong.read("float32", check_dtype, dtype)
    ray, resources = wrong.read((None, ONE_CORE), parse_ray, sharing)
    shared, device = _devices(devices_asked(sharing, resources), workers, wrong)
    checkpoint = wrong.read(None, parse_checkpoint, checkpoint)
    timeouts = wrong.read(None, parse_timeout, timeout)
    return RunConfig(
        model=model,
        suite=suite,
        out=None if out is None else typed(out),
        preset=preset,
        changes=changes,
        seed=seed,
        samples=samples,
        limit=limit,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        weights=found,
        checkpoint=checkpoint,
        random_weights=random_weights,
        retry_failed=retry_failed,
        anew=anew,
        timeouts=timeouts,
        about=None if about is None else typed(about),
        until=wrong.read(None, parse_until, until),
        gates=_demands(gates, until, wrong),
        workers=workers,
        devices=shared,
        ray=ray,
        resources=resources,
        threads=threads or default(),
        command=command,
        wrong=tuple(wrong.errors),
    )


def _demands(gates: Sequence[str], until: Path | None, wrong: Gathering) -> tuple[Gate, ...]:
    told = "--gate: says what --until-decided BASELINE is to decide"
    wrong.require(not gates or until is not None, told, "`evalkit check` judges whole runs")
    return tuple(wrong.read([], parse_gates, gates))


def _devices(
    asked: tuple[str | Sequence[str] | None, str], workers: int | None, wrong: Gathering
) -> tuple[tuple[str, ...], str]:
    shared, device = wrong.read(((), "cpu"), parse_devices, *asked)
    wrong.read(None, require_enough_workers, shared, workers)
    return shared, device


def _found(weights: Mapping[str, str | Path], wrong: Gathering) -> dict[str, Path]:
    """The paths of --weights that are there."""
    given = {name: wrong.read(None, existing, path, f"--weights {name}={path}") for name, path in weights.items()}
    return {name: path for name, path in given.items() if path is not None}


def _counted(limit: int | None, batch_size: int | None, sharing: Sharing, wrong: Gathering) -> list[int | None]:
    """The four numbers, None in the place of one that cannot be."""
    numbers = {
        "limit": (limit, None),
        "batch-size": (batch_size, None),
        "workers": (sharing.workers, MOST_WORKERS),
        "threads": (sharing.threads, MOST_THREADS),
    }
    return [wrong.read(None, at_least_one, f"--{name}", *each) for name, each in numbers.items()]
