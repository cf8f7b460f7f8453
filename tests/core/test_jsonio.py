"""JSON on the disk: whole or not at all, strict, and readable after a crash."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalkit
from evalkit.core.errors import UserError
from evalkit.core.jsonio import append_line, dumps, read_json, read_lines, write_bytes, write_json

PACKAGE_ROOT = str(Path(evalkit.__file__).parent.parent)


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


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old" and [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_write_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """SIGKILL while a file is rewritten without a pause: a reader finds one whole version or another."""
    path = tmp_path / "a.json"
    code = (
        "import sys; from pathlib import Path; from evalkit.core.jsonio import write_json\n"
        "n = 0\n"
        "while True: n += 1; write_json(Path(sys.argv[1]), [n] * 100_000)"
    )
    environment = {**os.environ, "PYTHONPATH": PACKAGE_ROOT}
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", code, str(path)], env=environment)
        while not path.exists():
            time.sleep(0.01)
        time.sleep(random.uniform(0.0, 0.1))
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        value = read_json(path)
        assert len(value) == 100_000 and len(set(value)) == 1


@given(st.binary(max_size=60), st.integers(0, 80))
def test_a_torn_line_costs_itself_alone(torn: bytes, cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.jsonl"
        append_line(path, {"key": "first"})
        half = json.dumps({"key": "half", "text": "x" * 50}).encode()[:cut] or torn.replace(b"\n", b" ")
        path.write_bytes(path.read_bytes() + half)
        append_line(path, {"key": "last"})
        keys = [record.get("key") for record in read_lines(path)]
        assert keys[0] == "first" and keys[-1] == "last"


def test_lone_surrogates_survive(tmp_path: Path) -> None:
    """A file name that is no UTF-8 reaches the ledger as a lone surrogate."""
    append_line(tmp_path / "l", {"name": "\udcff"})
    assert list(read_lines(tmp_path / "l")) == [{"name": "\udcff"}]
