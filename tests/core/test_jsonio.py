"""JSON on the disk: whole or not at all, strict, and readable after a crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import UserError
from evalkit.core.jsonio import append_line, dumps, read_json, read_lines, write_json


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_nan_is_an_error_and_not_a_broken_file(value: object, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == 1


def test_equal_values_are_equal_bytes() -> None:
    assert dumps({"b": 1, "a": 2}) == dumps({"a": 2, "b": 1})


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe"])
def test_an_absent_or_broken_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"run\.json"):
        read_json(path)


@given(st.binary(max_size=60), st.integers(0, 80))
def test_a_torn_line_costs_itself_alone(torn: bytes, cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        append_line(path, {"key": "first"})
        half = json.dumps({"key": "half", "text": "x" * 50}).encode()[:cut] or torn.replace(b"\n", b" ")
        path.write_bytes(path.read_bytes() + half)
        append_line(path, {"key": "last"})
        keys = [record.get("key") for record in read_lines(path) if record is not None]
        assert keys[0] == "first" and keys[-1] == "last"


def test_lone_surrogates_survive(tmp_path: Path) -> None:
    """A file name that is no UTF-8 reaches the ledger as a lone surrogate."""
    append_line(tmp_path / "l", {"name": "\udcff"})
    assert list(read_lines(tmp_path / "l")) == [{"name": "\udcff"}]
