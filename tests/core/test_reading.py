"""What a path of a stranger can be: a folder, a pipe, a device, a terabyte, the whole disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file
from evalkit.core.reading import open_regular, read_bytes, read_regular, read_text


def special(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a device"])
def test_what_is_no_regular_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    """A pipe is waited for for ever, and /dev/zero fills the memory."""
    path = special(tmp_path, kind)
    began = time.process_time()
    for read in (open_regular, digest_file, lambda path: read_regular(path, 10)):
        with pytest.raises(OSError, match="regular file") as caught:
            read(path)
        assert caught.value.filename == str(path)
    with pytest.raises(UserError, match="is not a regular file"):
        read_bytes(path, 10)
    assert time.process_time() - began < 1


def test_a_link_to_a_file_is_read_and_an_absent_one_is_called_what_it_should_be(tmp_path: Path) -> None:
    """The hub's cache is made of links."""
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").symlink_to("a")
    assert read_bytes(tmp_path / "b", 3) == b"abc"
    with pytest.raises(UserError, match="c: no such prompt file") as caught:
        read_bytes(tmp_path / "c", 3, "prompt file", "write one")
    assert caught.value.hint == "write one"
    with pytest.raises(UserError, match="cannot be read: no name of a file"):
        read_bytes(tmp_path / "nul\0", 3)


def test_a_larger_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abcd")
    with pytest.raises(OSError, match="more than the 3 bytes"):
        read_regular(tmp_path / "a", 3)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UserError, match="more than the 1,000 bytes"):
        read_bytes(tmp_path / "sparse", 1000)


def test_a_file_that_tells_no_size_is_read_to_its_end_or_the_limit() -> None:
    """Linux's own files are of 0 bytes and hold text."""
    status = Path("/proc/self/status")
    if not status.is_file():
        pytest.skip("no /proc here")
    assert len(read_regular(status, 1 << 20)) > 100
    with pytest.raises(OSError, match="more than the 10 bytes"):
        read_regular(status, 10)


def test_text_names_the_line_of_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\n")
    assert read_text(tmp_path / "a", 99) == "one\n"
    (tmp_path / "a").write_bytes(b"one\ntw\xff\n")
    with pytest.raises(UserError, match="line 2: is not UTF-8"):
        read_text(tmp_path / "a", 99)
