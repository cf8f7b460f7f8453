"""A process that has imported what a command of evalkit imports, and forks for each: a short command is mostly imports.

`python -m evalkit_warm MODULE` reads one JSON line a command, {"words", "cwd", "env", "out", "err"}, runs
`python -m MODULE WORDS` in a fork of itself, and answers with the exit code, negative for a signal. The fork has its
own memory, folder, environment and files, as a process of its own has; what differs is that modules are there already.
Tests of starting itself (what is imported, how long it takes, which encoding is found) start a process.
"""

from __future__ import annotations

import atexit
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import evalkit

PATH = os.pathsep.join((str(Path(__file__).resolve().parent), str(Path(evalkit.__file__).parent.parent)))
"""PYTHONPATH of a process that finds the stand-ins and this evalkit."""

_VERBS = ("run", "score", "report", "check", "compare", "fetch", "suites", "models", "bundle", "trend", "plan")
_BEGUN_WITH = ("evalkit.api.run", "evalkit.api.score", "evalkit.run.pipeline", "evalkit.report.page", "torch", "pandas")


_AT_START = ("PYTHON", "LC_", "LANG", "ENCODING", "OMP_", "CHEAP_BUG")
"""Beginnings of variables that are read while Python starts, or modules are imported."""

Before = tuple[str, ...]
"""What the process does to itself first: a function as `module:name`, and its arguments as text."""


def warm(module: str, environment: Mapping[str, str]) -> Warm | None:
    """The warm process for `python -m module`, one a process of tests; None where a variable decides how it starts."""
    return None if any(name.startswith(_AT_START) for name in environment) else _started(module)


@cache
def _started(module: str) -> Warm:
    found = Warm(module)
    atexit.register(found.close)
    return found


def prepare(before: Before) -> None:
    """Do what `before` says, in this process."""
    if before:
        room, _, name = before[0].partition(":")
        getattr(importlib.import_module(room), name)(*before[1:])


class Warm:
    """Our end: one such process for a module, started at its first command."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], before: Before = ()
    ) -> subprocess.CompletedProcess[str]:
        """The finished command, `environment` all of its variables."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as readers:
            ends = [Path(place) / name for name in ("out", "err")]
            for end in ends:
                os.mkfifo(end)  # no file: a limit of file sizes would be one of what is told
            reads = [readers.submit(end.read_bytes) for end in ends]
            asked = {"words": list(words), "cwd": str(folder), "env": dict(environment), "before": before}
            process.stdin.write(json.dumps({**asked, "ends": [str(end) for end in ends]}) + "\n")
            process.stdin.flush()
            told = [read.result().decode("utf-8", "surrogateescape") for read in reads]
        return subprocess.CompletedProcess(["evalkit", *words], int(process.stdout.readline()), *told)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            variables = {**os.environ, "PYTHONPATH": PATH}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "evalkit_warm", self._module],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", env=variables,
            )  # fmt: skip
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


def main() -> None:
    module = sys.argv[1]
    if module == "evalkit_fakes":
        importlib.import_module(module).install()
    for name in (*(f"evalkit.cli.{verb}" for verb in _VERBS), *_BEGUN_WITH):
        importlib.import_module(name)
    read_at_import = {"huggingface_hub", "transformers", "diffusers"} & set(sys.modules)
    assert not read_at_import, f"{read_at_import} would not see the HF_ variables of a command"
    for line in sys.stdin:
        asked = json.loads(line)
        ends = [os.open(end, os.O_WRONLY) for end in asked["ends"]]
        child = os.fork()
        if not child:
            _become(module, asked, ends)
        for end in ends:
            os.close(end)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(module: str, asked: dict[str, Any], ends: Sequence[int]) -> None:
    """The command, in the fork; never returns."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(asked["env"])
        os.chdir(asked["cwd"])
        _connect(ends)
        prepare(tuple(asked["before"]))
        sys.argv = ["evalkit", *asked["words"]]
        code = _code(module)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _connect(ends: Sequence[int]) -> None:
    """Nothing to read, and both outputs to `ends`, as a process has them that Python starts without a terminal."""
    for number, end in enumerate((os.open(os.devnull, os.O_RDONLY), *ends)):
        os.dup2(end, number)
        os.close(end)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(0, "r", closefd=False)),
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8"),
        io.TextIOWrapper(
            io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
        ),
    )


def _code(module: str) -> int:
    from evalkit.__main__ import main as plain
    from evalkit.cli.main import script

    try:
        (plain if module == "evalkit" else script)()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


if __name__ == "__main__":
    main()
