"""A process that has imported what a command of evalkit imports, and forks for each: a short command is mostly imports.

`python -m evalkit_warm MODULE` reads one JSON line a command, {"words", "cwd", "env", "out", "err"}, runs
`python -m MODULE WORDS` in a fork of itself, and answers with the exit code, negative for a signal. The fork has its
own memory, folder, environment and files, as a process of its own has; what differs is that modules are there already.
Tests of starting itself (what is imported, how long it takes, which encoding is found) start a process.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_VERBS = ("run", "score", "report", "check", "compare", "fetch", "suites", "models", "bundle", "trend", "plan")
_BEGUN_WITH = ("evalkit.api.run", "evalkit.api.score", "evalkit.run.pipeline", "evalkit.report.page", "torch", "pandas")


class Warm:
    """Our end: one such process for a module, started at its first command."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        self._module, self._environment = module, environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, words: Sequence[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """The finished command. Raises TimeoutError after two minutes."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        with tempfile.TemporaryDirectory() as place:
            out, err = Path(place) / "out", Path(place) / "err"
            asked = {"words": list(words), "cwd": str(folder), "env": environment, "out": str(out), "err": str(err)}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                raise RuntimeError(f"the warm process of {self._module} is gone: {process.wait()}")
            told = [path.read_bytes().decode("utf-8", "surrogateescape") for path in (out, err)]
        return subprocess.CompletedProcess(["evalkit", *words], int(answer), *told)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "evalkit_warm", self._module],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._environment, cwd="/",
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
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _become(module, asked)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(module: str, asked: dict[str, Any]) -> None:
    """The command, in the fork; never returns."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(asked["env"])
        os.chdir(asked["cwd"])
        _open_files(asked)
        sys.argv = ["evalkit", *asked["words"]]
        code = _code(module)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _open_files(asked: dict[str, Any]) -> None:
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, asked["out"], os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(path, flags), number)
    os.dup2(os.open(asked["err"], os.O_WRONLY | os.O_CREAT), 2)
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
