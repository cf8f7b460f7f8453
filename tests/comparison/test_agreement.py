"""Board, `compare` and `check` read the same run folders and never say different things of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalkit
from evalkit.comparison.pairs import pairs
from evalkit.comparison.ranks import Contest, outcomes
from evalkit.comparison.record import Record, read_run
from evalkit.metrics.base import MetricInputs, MetricResult
from evalkit.metrics.fd_openl3 import METRIC as FD
from evalkit.metrics.kad_openl3 import METRIC as KAD
from evalkit.metrics.results import mean_result
from evalkit.report.board import Board, boards
from evalkit.report.records import read_runs
from evalkit.report.tables import csv_text, markdown, records, rows
from evalkit.run.gate import check
from evalkit.run.score import as_json
from evalkit.suites.references import set_from_features

CLIPS = 120
IDS = [f"p{place}" for place in range(CLIPS)]
DISTANCES = (0.2, 0.35, 0.55, 0.55)
"""How far the four models are from the reference; the last two are alike."""

HEADLINE = ("fd_openl3", "kl_passt", "clap_score")
DIRECTIONS = {"fd_openl3": "lower", "kl_passt": "lower", "clap_score": "higher"}
SUITE = {"name": "mini", "version": "1", "digest": "ab" * 32, "protocol": "mini-1", "size": "mini"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Run folders of four models of known truth over the same prompts, scored by evalkit's own metrics."""
    root = tmp_path_factory.mktemp("runs")
    return [_write(root / f"m{place}", place, far) for place, far in enumerate(DISTANCES)]


def _write(folder: Path, place: int, far: float) -> Path:
    import pyarrow
    from pyarrow import parquet

    hard, own = np.random.default_rng(0), np.random.default_rng(10 + place)
    shared = hard.standard_normal((CLIPS, 1, 8))
    wild = np.random.default_rng(1).standard_normal((200, 4, 8)).astype(np.float32)
    features = list((0.8 * shared + 0.6 * own.standard_normal((CLIPS, 4, 8)) + far).astype(np.float32))
    inputs = MetricInputs(IDS, IDS, features, set_reference=set_from_features(list(wild)))
    levels = 2 * shared[:, 0, 0] ** 2, shared[:, 0, 1]
    values = {
        "kl_passt": (levels[0] + 2 * far + 0.3 * own.standard_normal(CLIPS)).tolist(),
        "clap_score": (levels[1] - far + 0.3 * own.standard_normal(CLIPS)).tolist(),
    }
    scores = {"fd_openl3": _entry(FD.compute(inputs), "lower"), "kad_openl3": _entry(KAD.compute(inputs), "lower")}
    for name, each in values.items():
        result = mean_result(dict(zip(IDS, each, strict=True)), IDS)
        scores[name] = _entry(result, "higher" if name == "clap_score" else "lower")
    scores["kad_openl3"]["headline"] = False
    facts = {"schema": 1, "status": "success", "run_id": folder.name, "suite": SUITE, "samples_per_prompt": 1}
    facts |= {"model": {"name": folder.name, "size": "mini"}, "metrics": {name: {"key": "k"} for name in scores}}
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(facts))
    (folder / "scores.json").write_text(json.dumps(scores))
    table = {"id": IDS, "group": IDS, "status": ["ok"] * CLIPS, "prompt": IDS, **values}
    parquet.write_table(pyarrow.table(table), folder / "samples.parquet")
    return folder


def _entry(result: MetricResult, direction: str) -> dict[str, Any]:
    return {**as_json(result, direction, 0, "mini-1", "w"), "headline": True}


def agree(folders: Sequence[Path]) -> tuple[int, int]:
    """Hold the three against each other, for every two runs and each headline metric: (how many pairs are separated,
    how many would be by intervals that do not overlap)."""
    sides = [read_run(folder) for folder in folders]
    (board,) = boards(read_runs(folders))
    told = {(each.metric, each.first, each.second): each for each in pairs(sides, list(HEADLINE))}
    apart = without = 0
    assert tuple(column.metric for column in board.columns) == HEADLINE
    for column, outcome in zip(board.columns, board.outcomes, strict=True):
        for first, second in combinations(range(len(folders)), 2):
            on_board, compared = outcome.differences[first, second], told[column.metric, first, second]
            assert compared.found is not None
            checked = evalkit.compare(folders[second], folders[first], metrics=[column.metric])[column.metric]
            assert on_board.value == -compared.found.value and checked.difference == compared.found.value
            assert on_board.p == compared.found.p == checked.p
            assert (checked.low, checked.high) == (compared.found.low, compared.found.high)
            assert outcome.adjusted[first, second] == compared.adjusted
            standings = outcome.standings[first], outcome.standings[second]
            assert standings[0] is not None and standings[1] is not None
            verdicts = {checked.verdict}
            verdicts.add(
                evalkit.compare(folders[first], folders[second], metrics=[column.metric])[column.metric].verdict
            )
            if compared.better is None:
                assert second in standings[0].tied
            else:
                assert second not in standings[0].tied and "worse" in verdicts
                worse = second if compared.better == first else first
                back = evalkit.compare(folders[worse], folders[compared.better], metrics=[column.metric])
                assert back[column.metric].verdict == "worse"
                apart += 1
            without += not _overlap(sides[first].metrics[column.metric], sides[second].metrics[column.metric])
    return apart, without


def _overlap(here: Any, there: Any) -> bool:
    return bool(here["low"] <= there["high"] and there["low"] <= here["high"])


def test_four_models_of_known_truth(folders: list[Path]) -> None:
    """All six pairs and three metrics say the same in all three places, and more are told apart than by overlap: all
    that differ, and not the two that are alike."""
    apart, without = agree(folders)
    assert apart == 15 > without


def _board(folders: list[Path]) -> Board:
    (board,) = boards(read_runs(folders))
    return board


def test_rank_sets_stand_in_every_output(folders: list[Path]) -> None:
    """The two that are alike share places 3 and 4, the first is the best, in text, Markdown, CSV and JSON."""
    board = _board(folders)
    by_run = {row.entrant.name: row for row in board.rows}
    for place, text in ((0, "1"), (1, "2"), (2, "3–4"), (3, "3–4")):
        cells = by_run[f"m{place}"].cells
        assert [cell.standing.text for cell in cells if cell.standing] == [text] * 3
        assert [cell.best for cell in cells] == [place == 0] * 3
    assert sum("rank 3–4" in cell for row in rows(board) for cell in row) == 6
    assert markdown(board).count("rank 3–4") == 6
    found = [each for each in records([board]) if each["kind"] == "headline"]
    spans = {(each["model"], each["rank_best"], each["rank_worst"]) for each in found}
    assert spans == {("m0", 1, 1), ("m1", 2, 2), ("m2", 3, 4), ("m3", 3, 4)}
    assert csv_text([board]).count(",3,4,") == 6


def test_how_ranks_are_made_is_said_under_the_table(folders: list[Path]) -> None:
    text = markdown(_board(folders))
    assert "Holm" in text and "18 comparisons" in text
    assert "Holm" not in markdown(_board(folders[:1]))


def test_a_kernel_distance_is_compared_by_its_parts_from_the_files(folders: list[Path]) -> None:
    found = evalkit.compare(folders[3], folders[0], metrics=["kad_openl3"])["kad_openl3"]
    assert (found.method, found.verdict) == ("paired U-statistic", "worse")


def _hurt(side: Record, lost: Sequence[str]) -> Record:
    """The run where these prompts' sounds failed."""
    metrics = {}
    for name, score in side.metrics.items():
        values = {i: each for i, each in score["per_prompt"].items() if i not in lost}
        mean = {"value": sum(values.values()) / len(values)} if values else {}
        metrics[name] = {**score, **mean, "per_prompt": values, "n": CLIPS - len(lost), "n_failed": len(lost)}
    return replace(side, metrics=metrics, groups={i: g for i, g in side.groups.items() if i not in lost})


def test_what_sounds_that_failed_do_is_the_same_to_board_compare_and_gate(folders: list[Path]) -> None:
    """Over the prompts that both have for a mean, not at all for a distance of sets, in the same words."""
    one, other = _hurt(read_run(folders[0]), IDS[:3]), _hurt(read_run(folders[1]), IDS[2:5])
    names = ("the second", "the first")
    board = outcomes([Contest(name, [other, one], better, names=names) for name, better in DIRECTIONS.items()])
    for outcome, (name, _), pair in zip(board, DIRECTIONS.items(), pairs([one, other], list(DIRECTIONS)), strict=True):
        (checked,) = check(other, one, [name])
        words = [text.replace("the run", names[0]).replace("the baseline", names[1])
                 for text in (checked.reason, checked.told)]  # fmt: skip
        if name == "fd_openl3":
            assert outcome.unlike[0, 1] == pair.reason == words[0] and checked.verdict == "invalid"
            assert "3 of 120 sounds of the second failed" in pair.reason and not outcome.differences
            continue
        assert pair.found is not None and outcome.differences[0, 1] == pair.found
        assert (checked.difference, checked.low, checked.p) == (pair.found.value, pair.found.low, pair.found.p)
        assert outcome.told[0, 1] == pair.told == words[1]
        assert pair.told.endswith("compared over the 115 prompts that both have")
        here, there = (side.metrics[name]["per_prompt"] for side in (other, one))
        both = sorted(here.keys() & there.keys())
        assert len(both) == 115
        assert pair.found.value == pytest.approx(sum(here[i] - there[i] for i in both) / 115, rel=1e-12)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_five_minis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on real sounds: the runs that the board tied by overlap and `check` told apart."""
    monkeypatch.chdir(tmp_path)
    names = ("stable-audio-mini", "stable-audio-1-mini", "stable-audio-3-mini", "audiogen-mini", "audioldm-mini")
    runs = [evalkit.run(name) for name in names]
    found = [run.folder for run in runs if run.folder is not None]
    apart, without = agree(found)
    assert len(found) == 5 and apart > without
