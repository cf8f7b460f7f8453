"""A worker's `.npy` file, checked before a byte of it is believed: where it lies, its size, type, shape and digest.

What is a sound of the wrong shape or holds NaN is handed on as it is: the harness judges it like any generator's.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from evalkit.audio.clip import Samples
from evalkit.generators.worker.process import WorkerError
from evalkit.store.arrays import parse_npy

_NAME = re.compile(r"[0-9]+-[0-9]+\.npy")
_SLACK = 1 << 20
"""Bytes that a file may be larger than twice the sound that was asked for: too long a sound is told as that."""


def take(folder: Path, told: object, expected_bytes: int) -> Samples:
    """The array of one file that the worker names as `{"name", "sha256"}`, and remove the file.

    `expected_bytes` is the size of the sound asked for. Raises WorkerError, in one line, for whatever is amiss.
    """
    name, sha256 = (told.get(key) if isinstance(told, dict) else None for key in ("name", "sha256"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise WorkerError(f"the worker named a file that is none of its own: {name!r:.80}")
    path = folder / name
    try:
        content = _content(path, 2 * expected_bytes + _SLACK)
    except OSError as error:
        raise WorkerError(f"the worker's file {name} cannot be read: {error.strerror}") from None
    finally:
        path.unlink(missing_ok=True)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WorkerError(f"the worker's file {name} does not have the digest that it stated")
    return _array(content, name)


def _content(path: Path, limit: int) -> bytes:
    """The bytes of a plain file, never through a link. A pipe or a device is refused, as it might not end."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise WorkerError(f"the worker's file {path.name} is no plain file")
        if found.st_size > limit:
            raise WorkerError(f"the worker's file {path.name} has {found.st_size} bytes, at most {limit} were expected")
        return file.read(limit)


def _array(content: bytes, name: str) -> Samples:
    try:
        sound: Samples = parse_npy(content, len(content))
    except ValueError as error:
        raise WorkerError(f"the worker's file {name} is no sound: {str(error)[:120]}") from None
    return sound
