"""A run's table from a stranger: kilobytes of Parquet that unpack to gigabytes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import evalkit
from evalkit.core.errors import UserError
from evalkit.store.tables import parse_columns


def written(table: pa.Table, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", **settings)
    return buffer.getvalue()


def test_a_table_is_read_as_pyarrow_reads_it() -> None:
    """Over several pieces, with nulls and lists."""
    table = pa.table({
        "id": [f"p{number}" for number in range(3000)],
        "labels": [["a"] * (number % 3) for number in range(3000)],
        "kl": [None if number % 7 == 0 else number / 7 for number in range(3000)],
    })  # fmt: skip
    assert parse_columns(written(table), "x") == table.to_pydict()
    assert parse_columns(written(table.slice(0, 0)), "x") == {"id": [], "labels": [], "kl": []}


def bomb(kind: str) -> bytes:
    if kind == "rows":
        return written(pa.table({"a": pa.array(np.zeros(20_000_000))}))
    if kind == "text":  # one text of 100 kB, 900,000 times: 90 GB
        indices = pa.array(np.zeros(900_000, np.int32))
        return written(pa.table({"a": pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 100_000]))}))
    if kind == "list":  # one row that is a list of 80,000,000 numbers
        numbers = pa.array(np.zeros(80_000_000, np.int16))
        return written(pa.table({"a": pa.ListArray.from_arrays(pa.array([0, len(numbers)], pa.int32()), numbers)}))
    if kind == "columns":
        return written(pa.table({f"c{number}": [1.0] for number in range(3000)}))
    if kind == "groups":
        return written(pa.table({"a": np.zeros(2000)}), row_group_size=1)
    column = pa.array([1])
    for _ in range(200):
        column = pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column)
    return written(pa.table({"a": column}))


@pytest.mark.parametrize("kind", ["rows", "text", "list", "columns", "groups", "depth"])
def test_a_small_file_that_unpacks_to_much_is_one_line(kind: str) -> None:
    data = bomb(kind)
    began = time.process_time()
    with pytest.raises(UserError, match=r"^x: cannot be read as Parquet: ") as caught:
        parse_columns(data, "x", "make it again")
    assert caught.value.hint == "make it again" and time.process_time() - began < 3


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 5, b"PAR1" + b"\xff" * 100 + b"\x20\0\0\0PAR1"])
def test_what_is_no_table_is_one_line(data: bytes) -> None:
    with pytest.raises(UserError, match="cannot be read as Parquet"):
        parse_columns(data, "x")


def test_a_table_cut_or_changed_anywhere_is_read_or_one_line() -> None:
    """Never a crash of the library, nor a traceback."""
    whole = written(pa.table({"id": ["a", "b"] * 50, "n": [1.5, None] * 50}))
    draw = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(whole)
        for place in draw.integers(0, len(data), 3):
            data[place] = draw.integers(256)
        try:
            parse_columns(bytes(data[: draw.integers(len(data) // 2, len(data) + 1)]), "x")
        except UserError as error:
            assert "\n" not in str(error)


READ = """
import sys
from pathlib import Path
import pyarrow.parquet
from evalkit.store.tables import parse_columns
before = len(list(Path("/proc/self/task").iterdir()))
parse_columns(Path(sys.argv[1]).read_bytes(), "it")
print(len(list(Path("/proc/self/task").iterdir())) - before, "pandas" in sys.modules)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted where Linux lists them")
def test_reading_starts_no_thread_and_no_pandas(tmp_path: Path) -> None:
    """Pools of threads would abort the process on its way out, once in a hundred times."""
    table = pa.table({"id": [str(n) for n in range(3000)], "value": [float(n) for n in range(3000)]})
    (tmp_path / "t.parquet").write_bytes(written(table, row_group_size=1000))
    environment = {**os.environ, "PYTHONPATH": str(Path(evalkit.__file__).parent.parent)}
    command = [sys.executable, "-c", READ, str(tmp_path / "t.parquet")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "False"]
