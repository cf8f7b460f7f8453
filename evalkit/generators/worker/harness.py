"""The worker's side of the pipe: one file of the standard library, run by the Python of another environment.

    python -I harness.py WORKER.py MODEL READ_FD WRITE_FD FOLDER

WORKER.py has a function `build(name)` whose result has `load(device, dtype, weights)`, `generate(prompts, seconds,
seeds, options)` and, where it wants to, `close()`; where its worker.toml says `lyrics = true`, `generate` is told these
as a fifth argument, one text per prompt. `generate` returns (sounds, rate, timings): one float32 array
(channels, samples) per prompt (numpy's, or anything with the buffer protocol), Hz, and wall seconds by part.

Messages are a u32 (little-endian) length and that many bytes of JSON, on two pipes of their own: stdout and stderr
are the libraries' to print to. Sounds travel as `.npy` files in FOLDER. The process ends with the parent's end of the
pipe, whatever it is doing then, and takes FOLDER and its own children along. It must run on any Python from 3.8 on,
so it imports nothing of evalkit.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import queue
import shutil
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROTOCOL = 1
LIMIT = 1 << 24
"""Bytes of one message, either way."""

_HEADER = struct.Struct("<I")
_DESCRIPTIONS = {"f": "<f4", "d": "<f8", "e": "<f2", "h": "<i2", "i": "<i4", "l": "<i8", "B": "|u1", "b": "|i1"}
_TAIL = 1500
_VERSIONED = ("torch", "numpy", "transformers", "diffusers", "audiocraft")


class Session:
    """One model and the messages about it; `answer` never raises for what the model does."""

    def __init__(self, build: Callable[[str], Any], name: str, folder: Path) -> None:
        self._build, self._name, self._folder = build, name, folder
        self._model: Any = None

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The reply to one message, `{"type": "error", "code": ...}` where it cannot be done."""
        kind = message.get("type")
        handlers = {"hello": self._hello, "load": self._load, "generate": self._generate, "shutdown": self._shutdown}
        code = "load" if kind == "load" else "internal"
        try:
            if kind not in handlers:
                return _error("bad_request", f"no message is called {kind!r}")
            return handlers[kind](message)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a model raises, sys.exit too, is told to the parent
            return _error(_code(error, code), _first_line(error), traceback.format_exc()[-_TAIL:])

    def _hello(self, message: dict[str, Any]) -> dict[str, Any]:
        return {"type": "capabilities", "protocol": PROTOCOL, "python": platform.python_version()}

    def _load(self, message: dict[str, Any]) -> dict[str, Any]:
        started = time.perf_counter()
        self._model = self._build(self._name)
        self._model.load(message["device"], message["dtype"], message.get("weights") or {})
        return {"type": "loaded", "seconds": time.perf_counter() - started, "versions": _versions(), **memory()}

    def _generate(self, message: dict[str, Any]) -> dict[str, Any]:
        items = message["items"]
        told = [[item[key] for item in items] for key in ("prompt", "seconds", "seed")]
        told.append(message["options"])
        if items and "lyrics" in items[0]:
            told.append([item["lyrics"] for item in items])
        sounds, rate, timings = self._model.generate(*told)
        files = [self._write(message["id"], place, sound) for place, sound in enumerate(sounds)]
        parts = {str(name): float(seconds) for name, seconds in timings.items()}
        return {"type": "result", "id": message["id"], "rate": int(rate), "files": files, "timings": parts, **memory()}

    def _shutdown(self, message: dict[str, Any]) -> dict[str, Any]:
        close = getattr(self._model, "close", None)
        if close is not None:
            close()
        return {"type": "bye"}

    def _write(self, number: int, place: int, sound: Any) -> dict[str, Any]:
        content = npy(sound)
        name = f"{number}-{place}.npy"
        (self._folder / name).write_bytes(content)
        return {"name": name, "sha256": hashlib.sha256(content).hexdigest()}


def npy(sound: Any) -> bytes:
    """The bytes of a `.npy` file (format 1.0) of anything with the buffer protocol, without numpy."""
    view = memoryview(sound)
    description = _DESCRIPTIONS.get(view.format.lstrip("<=@"))
    if description is None:
        raise TypeError(f"a sound of type {view.format!r} cannot be sent")
    header = f"{{'descr': {description!r}, 'fortran_order': False, 'shape': {tuple(view.shape or ())!r}, }}"
    length = -(-(10 + len(header) + 1) // 64) * 64 - 10
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", length) + (header.ljust(length - 1) + "\n").encode() + view.tobytes()
    )


def memory() -> dict[str, int]:
    """Bytes: `peak`, the most that was in use, of the device where torch has one in use, else of the process; `held`,
    what is in use now."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return {"peak": int(torch.cuda.max_memory_allocated()), "held": int(torch.cuda.memory_allocated())}
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return {"peak": peak, "held": peak}
    held = pages * os.sysconf("SC_PAGE_SIZE")
    return {"peak": max(peak, held), "held": held}


def send(handle: int, message: dict[str, Any]) -> None:
    """Write one message to a file descriptor that blocks."""
    content = json.dumps(message).encode()
    content = _HEADER.pack(len(content)) + content
    while content:
        content = content[os.write(handle, content) :]


def receive(handle: int) -> dict[str, Any] | None:
    """Read one message from a file descriptor that blocks; None where the other side has gone."""
    header = _exactly(handle, _HEADER.size)
    if header is None:
        return None
    content = _exactly(handle, _HEADER.unpack(header)[0])
    return None if content is None else json.loads(content.decode())


def load_build(path: Path) -> Callable[[str], Any]:
    """The function `build` of a worker's file. Raises ImportError where it has none."""
    specification = importlib.util.spec_from_file_location("evalkit_worker_" + path.parent.name, str(path))
    if specification is None or specification.loader is None:
        raise ImportError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    build = getattr(module, "build", None)
    if build is None:
        raise ImportError(f"{path}: has no function build(name)")
    found: Callable[[str], Any] = build
    return found


def serve(session: Session, reader: int, writer: int, folder: Path) -> None:
    """Answer until told to shut down. A thread listens meanwhile, so that the parent's end is noticed at work too."""
    inbox: queue.Queue[dict[str, Any]] = queue.Queue()

    def listen() -> None:
        while True:
            message = receive(reader)
            if message is None:
                shutil.rmtree(str(folder), ignore_errors=True)
                if os.getpgrp() == os.getpid():
                    os.killpg(os.getpid(), signal.SIGKILL)  # and what the model started
                os._exit(0)
            inbox.put(message)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        message = inbox.get()
        send(writer, session.answer(message))
        if message.get("type") == "shutdown":
            return


def main() -> None:
    """The process: the worker's file is imported at `load`, so that what is wrong with it reaches the parent."""
    worker, name, reader, writer, folder = sys.argv[1:]
    for handle in (int(reader), int(writer)):
        os.set_inheritable(handle, False)
    session = Session(lambda model: load_build(Path(worker))(model), name, Path(folder))
    serve(session, int(reader), int(writer), Path(folder))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of a library must not keep the process


def _exactly(handle: int, count: int) -> bytes | None:
    parts = b""
    while len(parts) < count:
        part = os.read(handle, count - len(parts))
        if not part:
            return None
        parts += part
    return parts


def _code(error: BaseException, otherwise: str) -> str:
    """ "oom" and "bad_request" go by the name of the error, as no library of theirs may be here."""
    name = type(error).__name__
    if name in ("OutOfMemoryError", "MemoryError", "_ArrayMemoryError"):
        return "oom"
    if isinstance(error, RuntimeError) and "out of memory" in str(error).lower():
        return "oom"
    return "bad_request" if name == "BadRequest" else otherwise


def _error(code: str, message: str, tail: str = "") -> dict[str, Any]:
    return {"type": "error", "code": code, "message": message, "traceback": tail}


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return "{}: {}".format(type(error).__name__, lines[0] if lines else "(no message)")[:300]


def _versions() -> dict[str, str]:
    found = ((name, getattr(sys.modules.get(name), "__version__", None)) for name in _VERSIONED)
    return {name: str(version) for name, version in found if version is not None}


if __name__ == "__main__":
    main()
