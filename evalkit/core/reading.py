"""Files from outside, opened and walked under limits: the one door to what other people's files hold.

Only a regular file is opened, or a link to one, and without waiting: a FIFO would be waited for for ever, a device
never ends. What is read whole has a largest size. (Folders are walked under a limit by `core/paths.py`.)
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat
from pathlib import Path

from evalkit.core.errors import UserError

_PIECE = 1 << 20
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""The longer ones first: UTF-32's begins with UTF-16's."""


def open_regular(path: Path) -> io.BufferedReader:
    """A file's bytes, to be read. Raises OSError, with its path, where it cannot be opened or is no regular file."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError:  # a NUL in its name
        raise OSError(errno.EINVAL, "no name of a file", str(path)) from None
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_regular(path: Path, most: int) -> bytes:
    """A whole file of at most `most` bytes. Raises OSError as :func:`open_regular` does, and for a larger one."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, most) + 1)
        while len(data) > size and len(data) <= most and (more := file.read(_PIECE)):  # it has grown, or tells no size
            data += more
    if len(data) > most:
        raise OSError(errno.EFBIG, f"has more than the {most:,} bytes that are read of such a file", str(path))
    return data


def read_bytes(path: Path, most: int, what: str = "file", hint: str = "") -> bytes:
    """As :func:`read_regular`, for files that a person named: raises UserError, calling the file `what`.

    `hint` is the way out where there is no such file.
    """
    try:
        return read_regular(path, most)
    except FileNotFoundError:
        raise UserError(f"{path}: no such {what}", hint) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def read_text(path: Path, most: int, what: str = "file", hint: str = "") -> str:
    """As :func:`read_bytes`, as UTF-8 with or without its mark, or as what its mark says (a spreadsheet's "Unicode
    text" is UTF-16). Raises UserError, naming the line, for another text."""
    data = _as_utf_8(read_bytes(path, most, what, hint))
    if (nul := data.find(b"\0")) >= 0:
        raise UserError(f"{path}, line {_line_at(data, nul)}: holds a NUL byte", "save the file as UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, line {_line_at(data, error.start)}: is not UTF-8", "save it as UTF-8") from None


def _as_utf_8(data: bytes) -> bytes:
    """The same text as UTF-8, where its mark says that it is UTF-16 or UTF-32 and it is; else the data as they are."""
    form = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    try:
        return data.decode(form).encode() if form else data
    except UnicodeError:
        return data


def _line_at(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1
