"""Anchors as they are kept: never beside a number of another suite, protocol, judge or code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.core.resources import resource
from evalkit.fetch.home import evalkit_home
from evalkit.suites.anchors import FILE, Anchor, every_anchor, keep_anchors, kept_at, known_anchors, on_scale
from evalkit.suites.load import load_suite

ONE = Anchor("noise", "fd_openl3", "p-1", "w" * 64, "", 280.0, 279.0, 281.0, 0.95, 64, 256)
SUITE = {"name": "own", "version": "1", "digest": "a" * 64}


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))


def test_what_is_kept_is_read_again_and_only_for_its_suite() -> None:
    keep_anchors(kept_at(SUITE["digest"]), SUITE, [ONE], "by source")
    assert known_anchors(SUITE["digest"]) == (ONE,)
    assert known_anchors("b" * 64) == () and known_anchors("") == () and known_anchors("../../etc") == ()


def test_a_file_of_another_suite_under_this_name_is_not_believed() -> None:
    keep_anchors(kept_at("b" * 64), SUITE, [ONE], "by source")
    assert known_anchors("b" * 64) == ()


@pytest.mark.parametrize("other", [{"protocol": "p-2"}, {"weights": "x" * 64}, {"code": "c"}, {"metric": "kl_passt"}])
def test_no_anchor_stands_on_a_scale_that_is_not_its_own(other: dict[str, str]) -> None:
    assert on_scale([ONE], *ONE.scale) == (ONE,)
    assert on_scale([replace(ONE, **other)], *ONE.scale) == ()


def test_those_of_other_judges_stay_and_the_same_are_replaced() -> None:
    path = kept_at(SUITE["digest"])
    mine, newer = replace(ONE, weights="x" * 64), replace(ONE, value=279.5)
    keep_anchors(path, SUITE, [ONE], "by source")
    keep_anchors(path, SUITE, [mine], "by source")
    keep_anchors(path, SUITE, [newer], "by source")
    assert set(known_anchors(SUITE["digest"])) == {mine, newer}


def test_a_damaged_file_costs_the_marks_alone() -> None:
    path = kept_at(SUITE["digest"])
    path.parent.mkdir(parents=True)
    for text in ("{", "[]", '{"schema": 1}', '{"schema": 1, "suite": {"digest": "%s"}, "anchors": [{"anchor": 1}]}'):
        path.write_text(text.replace("%s", "a" * 64))
        assert known_anchors(SUITE["digest"]) == () and every_anchor("no_such") == []


def test_the_shipped_ones_are_of_the_shipped_suite_and_judges() -> None:
    """A suite or judge that changed without `nox -s mini_anchors` would silently lose its marks."""
    suite = load_suite("mini")
    said = json.loads((resource("prompts") / "mini" / FILE).read_text())
    assert said["suite"]["digest"] == suite.digest
    marks = {(each.metric, each.anchor): each for each in known_anchors(suite.digest)}
    halves = marks["fd_openl3", "halves"]
    assert halves.value is not None and halves.low is not None and halves.n == 64
    assert {metric for metric, _ in marks} == set(suite.metrics)
    assert all(each.value is not None or each.told for each in marks.values())
    assert not (evalkit_home() / "anchors").exists()
