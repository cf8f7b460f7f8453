"""`evalkit VERB` as a process of its own, as a terminal starts it, for tests that stop it or take its disk away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import evalkit

FAKES = Path(__file__).resolve().parent


def start(
    folder: Path,
    *words: str,
    before: Callable[[], object] = lambda: None,
    module: str = "evalkit_fakes",
    **environment: str,
) -> subprocess.Popen[str]:
    """`python -m evalkit_fakes WORDS`, or `-m evalkit` for the real one, in `folder`, with EVALKIT_HOME and temporary
    files there; `before` runs in the child first. Both outputs are pipes."""

    def prepare() -> None:
        # A test run in the background of a script ignores Ctrl-C and hands that on; a terminal does not.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        before()

    path = os.pathsep.join((str(FAKES), str(Path(evalkit.__file__).parent.parent)))
    own = {"PYTHONPATH": path, "EVALKIT_HOME": str(folder / "home"), "TMPDIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], env={**os.environ, **own, **environment}, cwd=folder,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=prepare,
    )  # fmt: skip


def finish(
    folder: Path,
    *words: str,
    before: Callable[[], object] = lambda: None,
    module: str = "evalkit_fakes",
    **environment: str,
) -> tuple[int, str, str]:
    """The same to its end: exit code (minus the signal that killed it), stdout, stderr."""
    process = start(folder, *words, before=before, module=module, **environment)
    out, told = process.communicate(timeout=120)
    return process.returncode, out, told
