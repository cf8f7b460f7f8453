"""Two runs compared by what their files hold: the kernel distance by its parts, by its folds where there are none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalkit.comparison.difference import difference
from evalkit.comparison.record import Record
from evalkit.metrics.base import MetricInputs
from evalkit.metrics.kad_openl3 import METRIC
from evalkit.run.baseline import read_baseline, save_baseline
from evalkit.run.gate import check
from evalkit.run.score import as_json
from evalkit.suites.references import set_from_features

CLIPS = 60
IDS = [f"p{place}" for place in range(CLIPS)]
GROUPS = {each: f"g{place // 2}" for place, each in enumerate(IDS)}
SUITE = dict.fromkeys(("name", "version", "digest", "protocol", "size"), "s")
PARTS = ("influences", "reference_influences")


def run(shift: float, seed: int) -> Record:
    """Sounds of the same prompts, `shift` away from the reference."""
    shared = np.random.default_rng(0).standard_normal((CLIPS, 1, 6))
    own = np.random.default_rng(seed).standard_normal((CLIPS, 3, 6))
    features = list((0.8 * shared + 0.6 * own + shift).astype(np.float32))
    wild = np.random.default_rng(1).standard_normal((80, 3, 6)).astype(np.float32)
    inputs = MetricInputs(IDS, list(GROUPS.values()), features, set_reference=set_from_features(list(wild)))
    score = as_json(METRIC.compute(inputs), "lower", 0, "1", "w")
    metrics = {"kad_openl3": {**score, "embedder": "e", "per_prompt": {}}}
    return Record(f"run {seed}", "success", SUITE, {}, str(seed), GROUPS, metrics)


def changed(record: Record, **fields: Any) -> Record:
    return replace(record, metrics={"kad_openl3": {**record.metrics["kad_openl3"], **fields}})


def test_a_kernel_distance_is_compared_as_a_u_statistic() -> None:
    """The difference and its sign are the values'; who is clearly nearer is so from either side."""
    near, far = run(0.2, 3), run(0.6, 4)
    found, back = difference("kad_openl3", near, far), difference("kad_openl3", far, near)
    values = [side.metrics["kad_openl3"]["value"] for side in (near, far)]
    assert found.value == pytest.approx(values[0] - values[1])
    assert (found.method, found.freedom) == ("paired U-statistic", CLIPS / 2 - 1)
    assert found.low is not None and found.high is not None and found.high < 0
    assert (back.low, back.high, back.p) == (-found.high, -found.low, found.p)
    assert [each.verdict for each in (*check(near, far, ["kad_openl3"]), *check(far, near, ["kad_openl3"]))] == [
        "pass",
        "worse",
    ]


def test_a_run_against_itself_is_no_difference() -> None:
    same = run(0.2, 3)
    assert check(same, same, ["kad_openl3"])[0].verdict == "pass"


@pytest.mark.parametrize(
    "lost",
    [
        dict.fromkeys(PARTS),
        {"influences": {}},
        {"reference_influences": []},
        {"reference_influences": [0.1]},
        {"influences": {"elsewhere": 0.1}},
        {"influences": {f"g{place}": math.nan for place in range(30)}},
        {"influences": "x"},
    ],
)
def test_files_without_the_parts_are_compared_by_folds_and_it_is_said(lost: dict[str, Any]) -> None:
    for sides in ((run(0.2, 3), changed(run(0.6, 4), **lost)), (changed(run(0.2, 3), **lost), run(0.6, 4))):
        found = difference("kad_openl3", *sides)
        assert (found.method, found.freedom) == ("paired jackknife", 24)
        assert check(*sides, ["kad_openl3"])[0].method == "paired jackknife"


def test_the_two_routes_agree() -> None:
    near, far = run(0.2, 3), run(0.6, 4)
    by_parts = difference("kad_openl3", near, far)
    by_folds = difference("kad_openl3", changed(near, **dict.fromkeys(PARTS)), far)
    assert by_parts.error is not None and by_folds.error is not None
    assert by_parts.value == by_folds.value
    assert by_parts.error == pytest.approx(by_folds.error, rel=0.6)


def test_a_baseline_file_keeps_the_parts(tmp_path: Any) -> None:
    near, far = run(0.2, 3), run(0.6, 4)
    save_baseline(far, tmp_path / "b.json")
    kept = read_baseline(tmp_path / "b.json")
    assert difference("kad_openl3", near, kept) == difference("kad_openl3", near, far)
