"""evalkit as a process of its own, with the stand-ins of tests/fakes behind every weights name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import evalkit

FAKES = Path(__file__).resolve().parent.parent / "fakes"
Typed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """`typed("run", "--suite", ...)` runs that command in tmp_path and returns the finished process."""

    def run(*words: str, module: str = "evalkit_fakes", **environment: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join((str(FAKES), str(Path(evalkit.__file__).parent.parent)))
        variables = {**os.environ, "PYTHONPATH": path, "EVALKIT_HOME": str(tmp_path / "home"), **environment}
        command = [sys.executable, "-m", module, *words]
        # A test may ask for another encoding than UTF-8: what cannot be read so becomes surrogates, not an error.
        told = {"encoding": "utf-8", "errors": "surrogateescape"}
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, timeout=120, **told)

    return run
