"""A process that has imported what a command of evalkit imports, and forks for each: a short command is mostly imports.

`python -m evalkit_warm MODULE` reads one JSON line a question. {"words", "cwd", "env", "before", "ends"} begins
`python -m MODULE WORDS` in a fork of itself and answers with its process id; {"wait": ID} answers with the exit code,
negative for a signal, and {"poll": ID} with that or null, without waiting. The fork has its own memory, folder,
environment and files, as a process of its own has; what differs is that modules are there already. Tests of starting
itself (what is imported, how long it takes) start a process.
"""

from __future__ import annotations

import atexit
import importlib.util
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Thread
from types import MappingProxyType
from typing import Any

import evalkit

PATH = os.pathsep.join((str(Path(__file__).resolve().parent), str(Path(evalkit.__file__).parent.parent)))
"""PYTHONPATH of a process that finds the stand-ins and this evalkit."""

_VERBS = ("run", "score", "report", "check", "compare", "fetch", "suites", "models", "bundle", "trend", "plan")
_BEGUN_WITH = (
    "evalkit.api.run",
    "evalkit.api.score",
    "evalkit.audio.preview",
    "evalkit.cli.main",
    "evalkit.cli.progress",
    "evalkit.cli.session",
    "evalkit.run.pipeline",
    "evalkit.report.page",
    "evalkit.stats.paired",
    "av",
    "jinja2",
    "PIL.PngImagePlugin",
    "pandas",
    "pyarrow.parquet",
    "pyloudnorm",
    "torch",
)
"""What these verbs come to import; each fork would do it once more."""
_BEGUN_WHERE_INSTALLED = ("pydantic",)
"""What typer comes to import, in some of its versions."""

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
    """Our end: one such process for a module, started at its first command; `more` are variables of its start."""

    def __init__(self, module: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
        self._module, self._more = module, more
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], before: Before = ()
    ) -> subprocess.CompletedProcess[str]:
        """The finished command, `environment` all of its variables."""
        begun = self.begin(words, folder, environment, before)
        out, told = begun.communicate()
        return subprocess.CompletedProcess(["evalkit", *words], int(begun.returncode or 0), out, told)

    def begin(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], before: Before = ()) -> Begun:
        """The command at work."""
        with tempfile.TemporaryDirectory() as place:
            ends = [Path(place) / name for name in ("out", "err")]
            for end in ends:
                os.mkfifo(end)  # no file: a limit of file sizes would be one of what is told
            readers = ThreadPoolExecutor(len(ends))
            reads = [readers.submit(end.read_bytes) for end in ends]
            readers.shutdown(wait=False)
            asked = {"words": list(words), "cwd": str(folder), "env": dict(environment), "before": before}
            pid = self.ask({**asked, "ends": [str(end) for end in ends]})
        return Begun(self, int(pid or 0), reads)

    def ask(self, question: Mapping[str, object]) -> int | None:
        """What the process answers to a question."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        answer: int | None = json.loads(process.stdout.readline())
        return answer

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            variables = {**os.environ, "PYTHONPATH": PATH, **self._more}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "evalkit_warm", self._module],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/", env=variables,
            )  # fmt: skip
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


class Begun:
    """A command at work, as `subprocess.Popen` has it: its outputs are read all the while."""

    def __init__(self, warm: Warm, pid: int, reads: Sequence[Future[bytes]]) -> None:
        self._warm, self.pid, self._reads = warm, pid, reads
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._warm.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and timeout is None:
            self.returncode = self._warm.ask({"wait": self.pid})
        ends = time.monotonic() + (timeout or 0.0)
        while self.poll() is None:
            if time.monotonic() > ends:
                raise subprocess.TimeoutExpired("evalkit", timeout or 0.0)
            time.sleep(0.01)
        return int(self.returncode or 0)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        if wait(self._reads, timeout).not_done:
            raise subprocess.TimeoutExpired("evalkit", timeout or 0.0)
        self.wait(timeout)
        out, told = (read.result().decode("utf-8", "surrogateescape") for read in self._reads)
        return out, told

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


_CLIENT = """#!{python} -SE
import json, os, socket, sys
if os.environ.get("PYTHONPATH"):
    os.environ["PYTHONPATH"] += {more!r}
    os.execv({python!r}, [{python!r}, "-m", {module!r}, *sys.argv[1:]])
ends = [f"/proc/{{os.getpid()}}/fd/{{number}}" for number in (1, 2)]
asked = {{"words": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "before": (), "ends": ends}}
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    door.sendall(json.dumps(asked).encode() + b"\\n")
    code = int(door.makefile().readline())
sys.exit(code if code >= 0 else 128 - code)
"""


@contextmanager
def command_in(file: Path, module: str = "evalkit") -> Iterator[None]:
    """For the block, `file` is a command for shells: `python -m module`, forked. One that finds PYTHONPATH set is a
    process of its own."""
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{place}/door")
        door.listen()
        file.write_text(
            _CLIENT.format(python=sys.executable, module=module, door=f"{place}/door", more=os.pathsep + PATH)
        )
        file.chmod(0o755)
        Thread(target=_open_to_shells, args=(door, _started(module)), daemon=True).start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)


def _open_to_shells(door: socket.socket, warm: Warm) -> None:
    with suppress(OSError):  # the door is shut
        while True:
            shell, _ = door.accept()
            with shell, shell.makefile("rw") as asked:
                code = warm.ask({"wait": warm.ask(json.loads(asked.readline()))})
                asked.write(f"{code}\n")


def main() -> None:
    module = sys.argv[1]
    if module == "evalkit_fakes":
        importlib.import_module(module).install()
    for name in (*(f"evalkit.cli.{verb}" for verb in _VERBS), *_BEGUN_WITH):
        importlib.import_module(name)
    for name in filter(importlib.util.find_spec, _BEGUN_WHERE_INSTALLED):
        importlib.import_module(name)
    read_at_import = {"huggingface_hub", "transformers", "diffusers"} & set(sys.modules)
    assert not read_at_import, f"{read_at_import} would not see the HF_ variables of a command"
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_begun(module, asked) if "words" in asked else _ended(asked)), flush=True)


def _begun(module: str, asked: dict[str, Any]) -> int:
    """The process id of a fork that is the command."""
    ends = [os.open(end, os.O_WRONLY) for end in asked["ends"]]
    child = os.fork()
    if not child:
        _become(module, asked, ends)
    for end in ends:
        os.close(end)
    return child


def _ended(asked: dict[str, int]) -> int | None:
    """The exit code of a command that is waited for, or None where it was only asked whether it has one."""
    child, status = os.waitpid(asked["wait"], 0) if "wait" in asked else os.waitpid(asked["poll"], os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if child else None


def _become(module: str, asked: dict[str, Any], ends: Sequence[int]) -> None:
    """The command, in the fork; never returns."""
    code = 1
    try:
        # A test run in the background of a script ignores Ctrl-C and hands that on; a terminal does not.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        tempfile.tempdir = None
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
    """Nothing to read, and both outputs to `ends`, as a process has them that Python starts without a terminal: in the
    encoding that this one was started with."""
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    for number, end in enumerate((os.open(os.devnull, os.O_RDONLY), *ends)):
        os.dup2(end, number)
        os.close(end)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(0, "r", closefd=False)),
        io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding, errors),
        io.TextIOWrapper(
            io.BufferedWriter(io.FileIO(2, "w", closefd=False)), encoding, "backslashreplace", line_buffering=True
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
