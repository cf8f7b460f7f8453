"""A run folder is read without trusting it, and what cannot be read is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.errors import UserError
from evalkit.report.records import read_run, read_runs


def test_a_run_reads_whole(make_run: Callable[..., Path]) -> None:
    run = read_run(make_run())
    assert (run.suite.name, run.suite.size, run.model["name"]) == ("mini", "mini", "stable-audio-mini")
    assert len(run.items) == 8
    assert [item.id for item in run.items if item.failed] == ["sneeze-right"]
    assert set(run.items[0].scores) == {"kl_passt", "clap_score"}
    assert run.scores["fd_openl3"].value == 118.4


def test_wrong_types_become_missing_values_not_crashes(make_run: Callable[..., Path]) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts |= {"suite": "a string", "model": ["a", "list"], "seconds": None, "versions": 3, "command": {"a": 1}}
        scores["fd_openl3"] = "no object"
        scores["kl_passt"] |= {
            "value": "1.0",
            "low": 3,
            "high": 1,
            "warnings": "text",
            "direction": "sideways",
            "n": 1.5,
        }

    run = read_run(make_run(change=change))
    assert run.suite.name == ""
    assert run.scores["fd_openl3"].value is None
    kl = run.scores["kl_passt"]
    assert (kl.value, kl.low, kl.warnings, kl.direction, kl.n) == (None, None, (), "", None)


def test_nan_and_infinity_are_missing_values(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    scores = json.loads((folder / "scores.json").read_text())
    scores["fd_openl3"]["value"] = float("nan")
    scores["clap_score"]["high"] = float("inf")
    (folder / "scores.json").write_text(json.dumps(scores))
    run = read_run(folder)
    assert run.scores["fd_openl3"].value is None
    assert run.scores["clap_score"].low is None


def test_an_unfinished_run_has_no_scores_and_no_items(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    (folder / "scores.json").unlink()
    (folder / "samples.parquet").unlink()
    assert read_run(folder).scores == {}
    assert read_run(folder).items == ()


def test_what_is_no_run_folder_is_named(tmp_path: Path, make_run: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="not a run folder"):
        read_runs([tmp_path / "absent"])
    with pytest.raises(UserError, match="no run folder given"):
        read_runs([])
    broken = make_run()
    (broken / "samples.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match=r"samples\.parquet"):
        read_run(broken)


def test_the_same_folder_twice_is_one_run(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    assert len(read_runs([folder, folder / ".." / folder.name])) == 1
