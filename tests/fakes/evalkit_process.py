"""`evalkit VERB` as a process of its own, as a terminal starts it, for tests that stop it or take its disk away."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from evalkit_warm import PATH, Before, Begun, warm
from evalkit_warm import prepare as prepare_by

BOUND: Before = ("evalkit_process:bound_by_permissions",)
"""Before a command that keeps to permissions; as it is the next program that is bound, a fork would not be."""


def start(
    folder: Path,
    *words: str,
    before: Before = (),
    module: str = "evalkit_fakes",
    alone: bool = False,
    **environment: str,
) -> subprocess.Popen[str] | Begun:
    """`python -m evalkit_fakes WORDS`, or `-m evalkit` for the real one, in `folder`, with EVALKIT_HOME and temporary
    files there; `before` runs in the child first. Both outputs are pipes; `alone` where it matters how it starts."""

    def prepare() -> None:
        # A test run in the background of a script ignores Ctrl-C and hands that on; a terminal does not.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prepare_by(before)

    ready = None if alone or before == BOUND else warm(module, environment)
    if ready is not None:
        return ready.begin(words, folder, _variables(folder, environment), before)
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], env=_variables(folder, environment), cwd=folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=prepare,
    )  # fmt: skip


def _variables(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    own = {"PYTHONPATH": PATH, "EVALKIT_HOME": str(folder / "home"), "TMPDIR": str(folder)}
    return {**os.environ, **own, **more}


def finish(
    folder: Path, *words: str, before: Before = (), module: str = "evalkit_fakes", **environment: str
) -> tuple[int, str, str]:
    """The same to its end: exit code (minus the signal that killed it), stdout, stderr."""
    process = start(folder, *words, before=before, module=module, **environment)
    out, told = process.communicate(timeout=120)
    return int(process.returncode or 0), out, told


def files_at_most(size: str) -> None:
    """Files may have `size` bytes: the disk refuses the rest."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))


def bound_by_permissions() -> None:
    """root without the capability to pass over permissions: bound by them as the owner of every file is."""
    if os.getuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; 24 is PR_CAPBSET_DROP
            ctypes.CDLL(None).prctl(24, capability)
