"""Reading the class probabilities that stable-audio-metrics ships, without executing a pickle.

The files are pickles of {id: float32 tensor (527,)}, protocol 4 (3 and 5 hold the same), and their way of naming a
tensor is `torch.storage._load_from_bytes`, which runs whatever pickle the bytes hold. Here nothing is unpickled:
`pickletools.genops` splits the file into its instructions (it executes none), and a machine that knows only
the few of them that such a file needs puts dicts, tuples, texts and numbers together. A global is never
imported: it is a name on the stack, must be one of three, and calling it means what this file says it means.
Whatever else a file asks for is refused, by that name.

The bytes of a tensor are a second, old-style torch file. They too are compared with the one form that there
is, byte by byte, before the 527 little-endian floats behind it are taken.

The same table written by `torch.save` is read as every torch file is (`torch_file.py`).
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import UserError
from evalkit.core.reading import read_regular

CLASSES = 527
"""AudioSet's classes, in PaSST's order."""

LARGEST = 64 << 20
"""Bytes that such a file may have; the largest one shipped has about a fifth of it."""

_STORAGE = "torch.storage._load_from_bytes"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_HOOKS = "collections.OrderedDict"
_NAMES_A_GLOBAL = ("GLOBAL", "INST")
_BY_TORCH = (b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
"""How a file of `torch.save` begins: an archive, or in the older form its magic number."""
_PROTOCOLS = (3, 4, 5)

_HEADER = re.compile(
    rb"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19\.\x80\x02M\xe9\x03\."  # magic number; protocol 1001
    rb"\x80\x02\}q\x00\(X\x10\0\0\0protocol_versionq\x01M\xe9\x03X\x0d\0\0\0little_endianq\x02\x88"
    rb"X\x0a\0\0\0type_sizesq\x03\}q\x04\(X\x05\0\0\0shortq\x05K\x02X\x03\0\0\0intq\x06K\x04X\x04\0\0\0longq\x07K\x04uu\."
    rb"\x80\x02\(X\x07\0\0\0storageq\x00ctorch\nFloatStorage\nq\x01X(?P<size>.)\0\0\0(?P<key>[0-9]{1,20})q\x02"
    rb"X\x03\0\0\0cpuq\x03M\x0f\x02Ntq\x04Q\.\x80\x02\]q\x00X(?P=size)\0\0\0(?P=key)q\x01a\."
    rb"\x0f\x02\0\0\0\0\0\0",  # 527 values
    re.DOTALL,
)


class _Refused(Exception):
    """Why a file is not read; becomes the one line that the person sees."""


@dataclass(frozen=True)
class _Global:
    """A name that the file wants imported; it never is."""

    name: str


@dataclass(frozen=True)
class _Row:
    """Values (527,) of a storage, or of the tensor over all of it."""

    values: NDArray[np.float32]
    kind: str


class _Mark:
    """The stack's mark."""


class _Hooks:
    """The empty OrderedDict of backward hooks that every pickled tensor carries."""


def read_probabilities(path: Path) -> dict[str, NDArray[np.float32]]:
    """{id as text: (527,) float32 probabilities} of a `...__reference_probabilities.pkl`, or of the same table as
    `torch.save` writes it.

    Raises UserError, naming the file, for anything but exactly such a file: another global (by its name),
    another instruction, another tensor, an id twice, or rows that are no probabilities.
    """
    try:
        content = read_regular(path, LARGEST)
        if content.startswith(_BY_TORCH):
            return _checked(_by_torch(path))
        try:
            return _checked(_Machine().run(content))
        except _Refused:
            _name_what_it_asks_for(content)
            raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except _Refused as reason:
        hint = (
            "it is read as data and never executed; of this form are stable-audio-metrics' files, and "
            "torch.save({id: tensor of 527 probabilities}, FILE)"
        )
        raise UserError(f"{path}: refused: {reason}", hint) from None


def _by_torch(path: Path) -> object:
    """The table of a torch file as the pickles have it. Raises BadCheckpoint for a file that asks for code."""
    from torch import Tensor

    from evalkit.checkpoints.torch_file import read_content

    table = read_content(path, ())
    if not isinstance(table, dict):
        return table
    found: dict[object, object] = {}
    for key, value in table.items():
        if not isinstance(key, int | str) or isinstance(key, bool):
            raise _Refused(f"an id is {type(key).__name__}, neither a number nor text")
        fits = isinstance(value, Tensor) and value.shape == (CLASSES,) and value.is_floating_point()
        found[key] = _Row(value.detach().float().numpy().copy(), _TENSOR) if fits else value
    return found


def _name_what_it_asks_for(content: bytes) -> None:
    """Raises _Refused with the first foreign name that a refused file would have imported, if it has one.

    It is refused all the same; but a person who was sent such a file must learn what it tried.
    """
    texts: list[str] = ["", ""]
    try:
        for instruction, argument, _ in pickletools.genops(content):
            if isinstance(argument, str):
                texts.append(argument)
            if instruction.name in _NAMES_A_GLOBAL:
                asked = str(argument).replace(" ", ".", 1)
            elif instruction.name == "STACK_GLOBAL":
                asked = ".".join(texts[-2:])
            else:
                continue
            if asked not in (_STORAGE, _TENSOR, _HOOKS):
                raise _Refused(f"it asks for {asked[:80]!r}")
    except (ValueError, UnicodeError, IndexError, struct.error):
        return


def _checked(table: object) -> dict[str, NDArray[np.float32]]:
    if not isinstance(table, dict) or not table:
        raise _Refused("it holds no table of probabilities")
    rows: dict[str, NDArray[np.float32]] = {}
    for key, row in table.items():
        if not isinstance(row, _Row) or row.kind != _TENSOR:
            raise _Refused(f"the entry of {key!r} is not a tensor")
        if str(key) in rows:
            raise _Refused(f"id {key!r} is there twice")
        values = row.values
        if not np.isfinite(values).all() or values.min() < 0 or abs(float(values.sum(dtype=np.float64)) - 1) > 1e-3:
            raise _Refused(f"the row of {key!r} is not made of probabilities")
        rows[str(key)] = values
    return rows


def _storage(payload: bytes) -> NDArray[np.float32]:
    """The values (527,) in an old-style torch file of one float32 storage."""
    header = _HEADER.match(payload)
    if header is None or header["size"] != bytes([len(header["key"])]) or len(payload) != header.end() + 4 * CLASSES:
        raise _Refused(f"the {len(payload)} bytes of a tensor are not a plain storage of {CLASSES} float32 values")
    return np.array(struct.unpack_from(f"<{CLASSES}f", payload, header.end()), dtype=np.float32)


class _Machine:
    """Puts the data of a pickle together from its instructions; whatever could run code is not among them."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps: dict[str, Callable[[Any], None]] = {
            "PROTO": self._protocol,
            "FRAME": lambda _: None,
            "MARK": lambda _: self._stack.append(_Mark()),
            "MEMOIZE": lambda _: self._keep(len(self._memo)),
            "BINPUT": self._keep,
            "LONG_BINPUT": self._keep,
            "BINGET": self._recall,
            "LONG_BINGET": self._recall,
            "EMPTY_DICT": lambda _: self._stack.append({}),
            "EMPTY_TUPLE": lambda _: self._stack.append(()),
            "TUPLE1": lambda _: self._stack.append((self._pop(),)),
            "TUPLE2": lambda _: self._stack.append((self._pop(), self._pop())[::-1]),
            "TUPLE": lambda _: self._stack.append(tuple(self._since_mark())),
            "NEWFALSE": lambda _: self._stack.append(False),
            "STACK_GLOBAL": lambda _: self._global(self._pop(), self._pop()),
            "GLOBAL": lambda name: self._global(*reversed(str(name).split(" ", 1))),
            "REDUCE": self._call,
            "SETITEM": self._set_item,
            "SETITEMS": self._set_items,
        }
        data = ("BININT", "BININT1", "BININT2", "SHORT_BINUNICODE", "BINUNICODE", "BINBYTES", "SHORT_BINBYTES")
        self._steps |= dict.fromkeys(data, self._stack.append)

    def run(self, content: bytes) -> object:
        """What the pickle describes. Raises _Refused at the first instruction that it must not have."""
        try:
            for instruction, argument, position in pickletools.genops(content):
                if instruction.name == "STOP":
                    if position is None or position + 1 != len(content):
                        raise _Refused("something follows its end")
                    return self._only()
                self._step(instruction.name, argument)
        except (ValueError, UnicodeError, IndexError, struct.error) as error:
            raise _Refused(f"it is not a whole pickle ({str(error)[:80]})") from None
        raise _Refused("it has no end")

    def _step(self, name: str, argument: Any) -> None:
        step = self._steps.get(name)
        if step is None:
            raise _Refused(f"it uses the pickle instruction {name}")
        step(argument)

    def _top(self) -> Any:
        if not self._stack:
            raise _Refused("its stack runs empty")
        return self._stack[-1]

    def _pop(self) -> Any:
        self._top()
        return self._stack.pop()

    def _only(self) -> Any:
        if len(self._stack) != 1:
            raise _Refused("it leaves more than one value")
        return self._stack[0]

    def _since_mark(self) -> list[Any]:
        taken: list[Any] = []
        while not isinstance(self._top(), _Mark):
            taken.append(self._stack.pop())
        self._stack.pop()
        return taken[::-1]

    def _protocol(self, version: int) -> None:
        if version not in _PROTOCOLS:
            raise _Refused(f"it is a pickle of protocol {version}, not {' or '.join(map(str, _PROTOCOLS))}")

    def _keep(self, index: int) -> None:
        self._memo[index] = self._top()

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise _Refused("it recalls what was never kept")
        self._stack.append(self._memo[index])

    def _global(self, name: Any, module: Any = None) -> None:
        asked = f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else "a name that is no text"
        if asked not in (_STORAGE, _TENSOR, _HOOKS):
            raise _Refused(f"it asks for {asked[:80]!r}")
        self._stack.append(_Global(asked))

    def _call(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        match function, arguments:
            case _Global(name=name), (bytes() as payload,) if name == _STORAGE:
                self._stack.append(_Row(_storage(payload), _STORAGE))
            case _Global(name=name), () if name == _HOOKS:
                self._stack.append(_Hooks())
            case _Global(name=name), (_Row() as row, 0, (count,), (1,), False, _Hooks()) if (
                name == _TENSOR and row.kind == _STORAGE and count == CLASSES
            ):
                self._stack.append(_Row(row.values, _TENSOR))
            case _Global(name=name), _:
                raise _Refused(f"it calls {name!r} otherwise than a plain tensor does")
            case _:
                raise _Refused("it calls something that is no function")

    def _set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._put([key, value])

    def _set_items(self, _: Any) -> None:
        self._put(self._since_mark())

    def _put(self, pairs: list[Any]) -> None:
        table = self._top()
        if not isinstance(table, dict) or len(pairs) % 2:
            raise _Refused("it fills something that is no table")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, int | str) or isinstance(key, bool):
                raise _Refused(f"an id is {type(key).__name__}, neither a number nor text")
            if key in table:
                raise _Refused(f"id {key!r} is there twice")
            table[key] = value
