"""`evalkit doctor`: is this machine ready, and if not, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import typer

from evalkit.cli.output import json_option, print_json, print_table
from evalkit.core.text import short_digest

_ROOM = 2 * 2**30
"""Bytes of free disk below which a run of a few hundred clips may not fit."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `warn` is worth knowing, `fail` stops a run."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str


def doctor(as_json: bool = json_option()) -> None:
    """Look at this machine; exit 1 where a run could not work.

    It looks at Python, torch, devices, packages, folders, weights and helpers.

    \b
    Example:
      evalkit doctor
    """
    findings = [finding for look in _LOOKS for finding in _looked(look)]
    failed = any(finding.state == "fail" for finding in findings)
    if as_json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in findings]})
    else:
        print_table(["", "what", "found"], [[each.state, each.name, each.detail] for each in findings])
    if failed:
        raise typer.Exit(1)


def _looked(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings of one look; a look that breaks is itself a finding, as a doctor must not fall ill."""
    try:
        return list(look())
    except Exception as error:  # noqa: BLE001
        return [Finding(look.__name__.strip("_"), "fail", f"{type(error).__name__}: {error}")]


def _python() -> Iterator[Finding]:
    state: Literal["ok", "fail"] = "ok" if sys.version_info >= (3, 11) else "fail"
    yield Finding("python", state, f"{platform.python_version()} at {sys.executable}")
    import evalkit

    yield Finding("evalkit", "ok", f"{evalkit.__version__} at {Path(evalkit.__file__).parent}")


def _torch() -> Iterator[Finding]:
    import torch

    yield Finding("torch", "ok", torch.__version__)
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            memory = torch.cuda.get_device_properties(index).total_memory / 2**30
            yield Finding(f"cuda:{index}", "ok", f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB")
    else:
        yield Finding("cuda", "ok", "none: runs use the CPU")


def _sharing() -> Iterator[Finding]:
    """Where the work of a run would be done, and with how many threads."""
    from evalkit.core.threads import WAITING, default

    threads = default()
    yield _workers(threads)
    said = os.environ.get("OMP_NUM_THREADS")
    whence = "1 unless said otherwise" if said is None else f"OMP_NUM_THREADS={said}"
    yield Finding("threads", "ok", f"{threads} in each process of a run ({whence}; --threads N for one run)")
    waiting = {name: os.environ[name] for name in WAITING if name in os.environ}
    told = ", ".join(f"{name}={value}" for name, value in waiting.items())
    slow = threads > 1 and waiting.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE" and "GOMP_SPINCOUNT" not in waiting
    note = ": threads that wait keep a core busy, which costs ten times the work on a busy machine" if slow else ""
    yield Finding("waiting threads", "warn" if slow else "ok", f"{told}{note}")
    yield _ray()


def _workers(threads: int) -> Finding:
    """Who does the work without --workers, and what --workers N would."""
    from evalkit.core.cores import cores, visible
    from evalkit.core.errors import UserError
    from evalkit.run.config import RunConfig, require_device, resolve_device
    from evalkit.run.executors import devices_of

    device = resolve_device("auto")
    try:
        require_device(device)
    except UserError as error:
        return Finding("workers", "fail", f"a run would take {device}: {error}")
    devices, count = devices_of(RunConfig(device=device)), cores()
    if devices is not None:
        told = f"one process each on {', '.join(devices)}; --workers N are spread over these"
        return Finding("workers", "ok", f"without --workers {told}")
    whose = "" if count == visible() else f" (of {visible()} that it sees: its share of them)"
    has = f"{count} core{'s' * (count > 1)}{whose}"
    if device == "cpu":
        most = max(1, count // threads)
        more = f"{has}, so " + (f"--workers up to {most} help" if most > 1 else "--workers would not help")
    else:
        more = f"--workers N would be N processes on this one; {has} prepare their sounds"
    on = "" if device == "cpu" else f" on {device}"
    return Finding("workers", "ok", f"without --workers this process does all{on}; {more}")


def _ray() -> Finding:
    from evalkit.core.installed import version
    from evalkit.execute.ray_connection import outlook

    if not version("ray"):
        return Finding("ray", "ok", "absent: only work on several machines needs it (pip install 'evalkit-audio[ray]')")
    usable, told = outlook()
    return Finding("ray", "ok" if usable else "warn", told)


def _libraries() -> Iterator[Finding]:
    from evalkit.core.installed import version
    from evalkit.core.resources import resource
    from evalkit.core.versions import LIBRARIES, deviations

    others = deviations()
    for name in LIBRARIES:
        if name not in others and name != "torch":
            yield Finding(name, "ok" if version(name) else "fail", version(name) or "absent")
    for name, (tested, own) in others.items():
        yield Finding(name, "warn", f"tested with {tested}, here {own}")
    if others:
        way = f"exactly the tested ones: pip install -c {resource('constraints.txt')}, then what you install"
        yield Finding("packages", "warn", f"{len(others)} other than tested; {way}")
    else:
        yield Finding("packages", "ok", "all as tested")


def _compiler() -> Iterator[Finding]:
    from evalkit.core.installed import version

    found = version("numba")
    way = "absent: OpenL3's resampling takes eight times as long; pip install 'evalkit-audio[fast]' (210 MB)"
    yield Finding("numba", "ok", found or way)


def _folders() -> Iterator[Finding]:
    from evalkit.core.resources import resource
    from evalkit.fetch.home import evalkit_home

    home = evalkit_home()
    yield Finding("EVALKIT_HOME", *_writable(home))
    yield Finding("working folder", *_writable(Path.cwd()))
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield Finding("free disk", "ok" if free > _ROOM else "warn", f"{free / 2**30:.1f} GiB at {existing}")
    yield Finding("prompts", "ok", str(resource("prompts")))


def _writable(folder: Path) -> tuple[Literal["ok", "fail"], str]:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return "fail", f"{folder}: cannot be written: {error.strerror}"
    return "ok", str(folder) if existing == folder else f"{folder} (not made yet)"


def _switches() -> Iterator[Finding]:
    ours = ("EVALKIT_OFFLINE", "EVALKIT_MIRROR", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    for name in (*ours, "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "RAY_ADDRESS"):
        yield Finding(name, "ok", os.environ.get(name, "not set"))


def _weights() -> Iterator[Finding]:
    from evalkit.core.errors import MissingWeights
    from evalkit.fetch.digests import weights_digest
    from evalkit.fetch.weights import MINIS, PUBLISHED, locate

    absent = 0
    for name in (*MINIS, *PUBLISHED):
        try:
            path = locate(name, {})
        except MissingWeights as error:
            if name in MINIS:
                yield Finding(name, "fail", f"not here: {error}")
            absent += name not in MINIS
            continue
        yield Finding(name, "ok", f"{short_digest(weights_digest(path))} at {path}")
    listed = "`evalkit fetch weights` and `evalkit models` list them"
    yield Finding("known answers", "ok", "not looked at here: `evalkit verify` computes them")
    yield Finding("published weights", "ok", f"{absent} of {len(PUBLISHED)} are not here (none is needed): {listed}")


def _helpers() -> Iterator[Finding]:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    yield Finding("chromium", "ok" if browser else "warn", browser or "absent: only the report's own tests need it")


_LOOKS = (_python, _torch, _sharing, _libraries, _compiler, _folders, _switches, _weights, _helpers)
