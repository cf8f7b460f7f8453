"""NumPy's `.npy` and `.npz` from outside: what a file says of its arrays is weighed before any memory is taken.

An archive of 2 MB can unpack to 2 GB, and a header of 60 bytes can ask for 8 TB. So a zip's list of contents is
measured before it is read, each array's size is taken from its header, and no more than that is unpacked. Nothing is
ever unpickled.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import UserError
from evalkit.core.reading import read_bytes

MOST_BYTES = 1 << 27
"""The largest file, and the most that its arrays may take; AudioCaps' pairs have an eighth of it."""

_HEADER = re.compile(
    rb"\{'descr': ?'([<>|=](?:b1|[iu][1248]|f[248]|[US][1-9][0-9]{0,4}))', ?'fortran_order': ?(True|False), ?"
    rb"'shape': ?\(((?:[0-9]{1,15}[Ll]?, ?){0,8}(?:[0-9]{1,15}[Ll]?)?)\),? ?\}[ \n]*"
)
"""Truths, whole numbers, floats and text. No objects, no structures, no dates."""

_MOST_MEMBERS = 64
_LARGEST_DIRECTORY = 1 << 16
_LARGEST_HEADER = 10_000
_PIECE = 1 << 20
_END = b"PK\x05\x06"
_END_OF_LARGE = b"PK\x06\x07"
_END_BYTES = 22
_FAULTS = (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error, zipfile.BadZipFile)


def read_npz(
    path: Path, names: Sequence[str], optional: Sequence[str] = (), what: str = "file"
) -> dict[str, NDArray[Any]]:
    """The arrays of these names; those of `optional` where they are there.

    Raises UserError, naming the file: absent (it is called `what`), no `.npz`, an array that is absent, is larger than
    `MOST_BYTES` or not of plain numbers or text, or bytes that are not what their header says.
    """
    data = read_bytes(path, MOST_BYTES, what)
    try:
        with zipfile.ZipFile(_measured(data)) as archive:
            there = {name.removesuffix(".npy"): name for name in archive.namelist()}
            absent = [name for name in names if name not in there]
            if absent:
                raise UserError(f"{path}: is not a {what} of this kind: it has no {', '.join(absent)}")
            wanted = [name for name in (*names, *optional) if name in there]
            if sum(archive.getinfo(there[name]).file_size for name in wanted) > MOST_BYTES + _LARGEST_HEADER:
                raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes")
            found = {}
            for name in wanted:
                with archive.open(there[name]) as member:
                    found[name] = _read(member)
            return found
    except _FAULTS as error:
        raise UserError(f"{path}: cannot be read as a {what}: {_reason(error)}") from None


def parse_npy(data: bytes, most: int = MOST_BYTES) -> NDArray[Any]:
    """The array of a `.npy` file's bytes; what follows it is left alone. Raises ValueError for anything else."""
    try:
        return _read(io.BytesIO(data), most, whole=False)
    except _FAULTS as error:
        raise ValueError(_reason(error)) from None


def _measured(data: bytes) -> io.BytesIO:
    """The bytes of a zip whose list of contents is short: the zipfile module reads all of it before it is asked."""
    end = data.rfind(_END, max(0, len(data) - _END_BYTES - (1 << 16)))
    if end < 0 or end + _END_BYTES > len(data):
        raise ValueError("it is no zip file")
    members, size = (int.from_bytes(data[end + at : end + to], "little") for at, to in ((10, 12), (12, 16)))
    if members > _MOST_MEMBERS or size > _LARGEST_DIRECTORY or data[end - 20 : end].startswith(_END_OF_LARGE):
        raise ValueError(f"it has more than {_MOST_MEMBERS} arrays")
    return io.BytesIO(data)


def _read(file: IO[bytes], most: int = MOST_BYTES, whole: bool = True) -> NDArray[Any]:
    """One array from the stream, as long as its header says; `whole`: nothing may follow it."""
    kind, fortran, shape = _header(file)
    size = math.prod(shape) * kind.itemsize
    if size > most:
        raise ValueError(f"an array of {size:,} bytes is larger than any that is needed")
    body = bytearray(size)
    filled = 0
    while filled < size and (piece := file.read(min(_PIECE, size - filled))):
        body[filled : filled + len(piece)] = piece
        filled += len(piece)
    if filled != size or (whole and file.read(1)):
        raise ValueError(f"an array of {size:,} bytes is cut, or has more behind it")
    array = np.frombuffer(body, kind)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _header(file: IO[bytes]) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """(type, columns first, shape), of the one form in which NumPy writes them. Its own reader takes any expression of
    Python's, and there are some that it falls over."""
    start = file.read(10)
    longer = file.read(2) if start[6:7] == b"\x02" else b""
    if start[:6] != b"\x93NUMPY" or start[6:8] not in (b"\x01\x00", b"\x02\x00"):
        raise ValueError("an array is of another format than .npy")
    told = file.read(min(int.from_bytes(start[8:] + longer, "little"), _LARGEST_HEADER))
    found = _HEADER.fullmatch(told)
    if found is None:
        raise ValueError("an array is of a type, or a shape, that is not read")
    shape = tuple(int(each.rstrip(b"Ll")) for each in found[3].replace(b" ", b"").split(b",") if each)
    return np.dtype(found[1].decode("ascii")), found[2] == b"True", shape


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
