"""evalkit as a process of its own, with the stand-ins of tests/fakes behind every weights name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from evalkit_process import start
from evalkit_warm import PATH, Begun, warm

Typed = Callable[..., "subprocess.CompletedProcess[str]"]


def command(folder: Path, words: Sequence[str], module: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """How `evalkit WORDS` is started in a folder, as arguments of subprocess."""
    variables = {**os.environ, "PYTHONPATH": PATH, "EVALKIT_HOME": str(folder / "home"), **environment}
    # A test may ask for another encoding than UTF-8: what cannot be read so becomes surrogates, not an error.
    told = {"encoding": "utf-8", "errors": "surrogateescape"}
    return {"args": [sys.executable, "-m", module, *words], "cwd": folder, "env": variables, **told}


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """`typed("run", "--suite", ...)` runs that command in tmp_path and returns the finished process; `alone` where it
    matters how a process starts or ends."""

    def run(
        *words: str, module: str = "evalkit_fakes", alone: bool = False, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        started = command(tmp_path, words, module, environment)
        ready = None if alone else warm(module, environment)
        if ready is not None:
            return ready.run(words, tmp_path, started["env"])
        return subprocess.run(**started, capture_output=True, timeout=120)

    return run


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str] | Begun]]:
    """`begun("run", ...)` starts that command in tmp_path and returns the process; it does not outlive the test."""
    processes: list[subprocess.Popen[str] | Begun] = []

    def started(*words: str, **environment: str) -> subprocess.Popen[str] | Begun:
        processes.append(start(tmp_path, *words, **environment))
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.communicate()


@dataclass(frozen=True)
class Done:
    """What became of a command, as `subprocess.CompletedProcess` has it."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def typed_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Done]:
    """As `typed`, within this process: for what needs none of its own, in a tenth of the time."""
    from evalkit.cli.main import main

    def run(*words: str) -> Done:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["evalkit", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run
