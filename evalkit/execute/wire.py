"""Messages between evalkit and its own workers: JSON and arrays, no objects.

A message is a dictionary of JSON with the arrays that belong to it. On a pipe it is a u32 length (little-endian) and
that many bytes of JSON, which say the arrays' types and shapes, and then their bytes. What no JSON can say, a tuple, is
written so that it comes back as one: an option is to reach a model in a worker as it does here.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.core.jsonio import parse_json

_HEADER = struct.Struct("<I")
_TUPLE = "\0tuple"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Message:
    """`facts` are JSON; `arrays` hold plain numbers (no objects)."""

    facts: Mapping[str, Any]
    arrays: Sequence[NDArray[Any]] = field(default_factory=tuple)

    @property
    def kind(self) -> str:
        return str(self.facts.get("kind"))


def plain(value: Any) -> Any:
    """The value as JSON can say it. Raises TypeError for what cannot travel."""
    if isinstance(value, tuple):
        return {_TUPLE: [plain(each) for each in value]}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be told to a worker")


def restored(value: Any) -> Any:
    """What `plain` was made of."""
    if isinstance(value, dict):
        if set(value) == {_TUPLE}:
            return tuple(restored(each) for each in value[_TUPLE])
        return {key: restored(each) for key, each in value.items()}
    return [restored(each) for each in value] if isinstance(value, list) else value


def pieces(message: Message) -> list[memoryview]:
    """What is written of a message, one after the other."""
    arrays = [np.ascontiguousarray(each) for each in message.arrays]
    told = [[each.dtype.str, list(shape.shape)] for each, shape in zip(arrays, message.arrays, strict=True)]
    content = json.dumps({"facts": message.facts, "arrays": told}).encode("utf-8", "surrogatepass")
    return [
        memoryview(_HEADER.pack(len(content)) + content),
        *(memoryview(each.reshape(-1).view(np.uint8).data) for each in arrays if each.size),
    ]


def write(handle: int, message: Message) -> None:
    """Write a message to a file descriptor that blocks. Raises BrokenPipeError where nobody reads."""
    for piece in pieces(message):
        while piece:
            piece = piece[os.write(handle, piece[:_PIECE]) :]


def packed(message: Message) -> bytes:
    """What is written of a message, as one."""
    return b"".join(pieces(message))


def unpacked(content: bytes) -> Message:
    """The message that `packed` was given."""
    view = memoryview(content)
    place = 0

    def take(count: int) -> memoryview:
        nonlocal place
        place += count
        return view[place - count : place]

    found = _message(take)
    assert found is not None
    return found


def read(handle: int) -> Message | None:
    """The next message of a file descriptor that blocks; None where the other end is gone, also in its midst."""
    return _message(partial(_exactly, handle))


def _message(take: Callable[[int], bytearray | memoryview | None]) -> Message | None:
    header = take(_HEADER.size)
    content = None if header is None else take(_HEADER.unpack(header)[0])
    if content is None:
        return None
    told = parse_json(bytes(content), "a message between evalkit and its worker")
    arrays = []
    for kind, shape in told["arrays"]:
        dtype = np.dtype(kind)
        data = take(dtype.itemsize * int(np.prod(shape, dtype=np.int64)))
        if data is None:
            return None
        arrays.append(np.frombuffer(data, dtype=dtype).reshape(shape))
    return Message(told["facts"], arrays)


def _exactly(handle: int, count: int) -> bytearray | None:
    found = bytearray(count)
    view, place = memoryview(found), 0
    while place < count:
        try:
            number = os.readv(handle, [view[place : place + _PIECE]])
        except OSError:
            return None
        if not number:
            return None
        place += number
    return found
