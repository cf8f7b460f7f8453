"""Reference files of a stranger: small archives that unpack to gigabytes, headers that ask for terabytes."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from evalkit.core.errors import UserError
from evalkit.store.arrays import MOST_BYTES, parse_npy, read_npz

TYPES = [np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_]


def npy(shape: str, kind: str = "<f8", body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + len(head).to_bytes(2, "little") + head + body


@given(
    st.sampled_from(TYPES).flatmap(lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(max_dims=4, min_side=0)))
)
def test_whatever_numpy_writes_is_read_as_numpy_reads_it(array: np.ndarray) -> None:
    """NumPy itself is the judge."""
    for each in (array, np.asfortranarray(array)):
        file = io.BytesIO()
        np.save(file, each, allow_pickle=False)
        found = parse_npy(file.getvalue())
        assert found.dtype == each.dtype and found.shape == each.shape
        assert np.array_equal(found, each, equal_nan=each.dtype.kind == "f")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_is_read_as_numpy_reads_it(save: object, tmp_path: Path) -> None:
    save(tmp_path / "x.npz", ids=np.array(["a", "\u00e9\u00e8"]), rows=np.eye(3, dtype=np.float32), n=np.int64(7))  # type: ignore[operator]
    found = read_npz(tmp_path / "x.npz", ("ids", "n"), ("rows", "more"))
    assert found["ids"].tolist() == ["a", "\u00e9\u00e8"] and int(found["n"]) == 7
    assert sorted(found) == ["ids", "n", "rows"] and np.array_equal(found["rows"], np.eye(3))


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (npy("(30000000,)", body=b"\0" * 240_000_000), "unpacks to more than"),
        (npy("(1000000000000,)"), "8,000,000,000,000 bytes"),
        (npy("(10,)", body=b"\0" * 79), "is cut, or has more behind it"),
        (npy("(10,)", body=b"\0" * 81), "is cut, or has more behind it"),
        (npy("(1,)", "|O", b"\0" * 8), "of a type"),
        (npy("(1,)", "<M8[s]", b"\0" * 8), "of a type"),
        (npy("(1000000000000,)", "<U0"), "of a type"),
        (npy("(-1,)"), "of a type, or a shape"),
        (npy("(True,)"), "of a type, or a shape"),
        (npy("(" * 50), "of a type, or a shape"),
        (npy("(10**9,)"), "of a type, or a shape"),
        (npy("(1,)", version=b"\x09\x00"), "another format"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"(" * 1000, "of a type, or a shape"),
        (b"", "another format"),
    ],
)
def test_an_array_that_cannot_be_is_refused_before_memory_is_taken(member: bytes, reason: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)
    began = time.process_time()
    with pytest.raises(UserError, match=reason) as caught:
        read_npz(tmp_path / "x.npz", ("a",), what="reference file")
    assert str(tmp_path) in caught.value.message and time.process_time() - began < 1


def test_an_archive_of_a_hundred_thousand_names_is_refused_unread(tmp_path: Path) -> None:
    """Python keeps half a kilobyte for each, before anybody asked how many there are."""
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for number in range(2000):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(UserError, match="more than 64 arrays"):
        read_npz(tmp_path / "x.npz", ("a",))


def test_a_file_larger_than_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "x.npz").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="more than the 134,217,728 bytes"):
        read_npz(tmp_path / "x.npz", ("a",))
