"""What is asked of a run, in Python's values: the one place where a RunConfig is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit.core.paths import existing, typed
from evalkit.run.config import DEFAULT_MODEL, DEFAULT_SUITE, RunConfig, parse_checkpoint, parse_timeout, resolve_device
from evalkit.suites.base import Suite
from evalkit.suites.brief import Brief


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
    device: str = "auto",
    dtype: str = "float32",
    weights: Mapping[str, str | Path] | None = None,
    checkpoint: str | Path | None = None,
    random_weights: bool = False,
    retry_failed: bool = False,
    timeout: float | None = None,
    about: str | Path | None = None,
    until: Path | None = None,
    command: tuple[str, ...] = (),
) -> RunConfig:
    """The parameters of `evalkit.run` and `evalkit.score` as one record: device chosen, paths looked for.

    `command` are the words typed, kept in run.json. Raises UserError, in the words of the command line, for a path that
    is not there and a number that cannot be.
    """
    changes = dict(options or {})
    if init is not None:
        changes["init_audio"] = str(init)
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
        device=resolve_device(device),
        dtype=dtype,
        weights={name: existing(path, f"--weights {name}={path}") for name, path in (weights or {}).items()},
        checkpoint=parse_checkpoint(checkpoint),
        random_weights=random_weights,
        retry_failed=retry_failed,
        timeouts=parse_timeout(timeout),
        about=None if about is None else typed(about),
        until=until,
        command=command,
    )
