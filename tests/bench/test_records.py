from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def records() -> ModuleType:
    path = Path(__file__).with_name("bench_records.py")
    spec = importlib.util.spec_from_file_location("bench_records", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_are_kept_and_a_gap_says_that_it_is_one(records: ModuleType, tmp_path: Path) -> None:
    """An empty cell of a table of speeds would be read as a zero, or as a figure that was forgotten."""
    records.append("x", "Title", "About.", {"device": "a", "seconds": 1.2345}, tmp_path)
    page = records.append("x", "Title", "About.", {"device": "b", "seconds": None}, tmp_path).read_text()
    assert "| a | 1.23 |" in page
    assert "| b | not measured |" in page
    assert page.startswith("# Title")
