"""Each rule finds the metric that breaks it, and evalkit's own keep them all."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import own_metrics
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, MetricResult
from evalkit.metrics.results import mean_result, set_result
from evalkit.run.metric_rules import RULES, check_metric, check_rules
from evalkit.stats.intervals import assign_folds

ROOT = Path(__file__).resolve().parents[2]


class Own(own_metrics.Own):
    """The mean loudness."""

    def compute(self, inputs: MetricInputs) -> Any:
        rows = zip(inputs.ids, inputs.features, strict=True)
        return self.changed(inputs, mean_result({key: float(each[0, 3]) for key, each in rows}, inputs.groups))

    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return result


class Draws(Own):
    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return replace(result, value=result.value + random.random() * 1e-9, low=None, high=None)


class InPlace(Own):
    def compute(self, inputs: MetricInputs) -> Any:
        for each in inputs.features:
            each -= each.mean()
        return super().compute(inputs)


class Last(Own):
    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return replace(result, value=list(result.per_prompt.values())[-1], low=None, high=None)


class Aside(Own):
    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return replace(result, low=result.value + 1, high=result.value + 2)


class Outside(Own):
    """Bounds that it does not keep."""

    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return replace(result, value=-1.0, low=None, high=None)


class OneEnd(Own):
    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return replace(result, high=None)


class LeaveOuts(Own):
    """The values of each fold alone, instead of those without it."""

    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        values, folds = np.array(list(result.per_prompt.values())), assign_folds(inputs.groups)
        alone = [float(values[folds == fold].mean()) for fold in sorted(set(folds.tolist()))]
        return replace(set_result(result.value, alone, inputs, 0), low=None, high=None)


class Options(Own):
    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return replace(result, value=float("nan")) if inputs.options.get("mean") == "geometric" else result


class One(Own):
    def changed(self, inputs: MetricInputs, result: MetricResult) -> Any:
        return replace(result, value=result.value * len(inputs.ids) / (len(inputs.ids) - 1), low=None, high=None)


class Zero(Own):
    """0 where there is nothing to measure: the best or the worst of all, by chance."""

    def compute(self, inputs: MetricInputs) -> Any:
        if inputs.ids and np.isfinite(inputs.features[0]).all():
            return super().compute(inputs)
        return MetricResult(0.0, None, None, 0.95, "none", 0, 0, {})


@pytest.mark.parametrize(
    ("rule", "metric", "told"),
    [
        ("repeats", Draws(), "instead of"),
        ("inputs", InPlace(), "it changes the features"),
        ("order", Last(), "instead of"),
        ("interval", Aside(), "does not hold the value"),
        ("interval", Outside(bounds=(0.0, 10.0)), "not between the bounds 0 and 10"),
        ("interval", OneEnd(), "one end alone"),
        ("leave-outs", LeaveOuts(), "without fold"),
        ("options", Options(options={"mean": ("plain", "geometric")}), "mean=geometric gave nan"),
        ("one", One(), "ZeroDivisionError"),
        ("none", Zero(), "gave 0 all the same"),
        ("broken", Zero(), "gave 0 all the same"),
        ("runs", own_metrics.RAISES, "ZeroDivisionError: no clips"),
        ("runs", own_metrics.LOW_NAN, "low is nan"),
    ],
)
def test_what_breaks_a_rule_is_found(rule: str, metric: Any, told: str) -> None:
    found = {each.rule: each for each in check_rules(metric, "own")}
    assert found[rule].ok is False and told in found[rule].detail, found[rule]
    assert tuple(found) == RULES


def test_a_good_one_keeps_them_all() -> None:
    assert [each for each in check_rules(Own(), "own") if not each.ok] == []


OURS = [
    *METRICS.names(),
    f"{ROOT / 'evalkit/skeletons/metric.py'}:METRIC",
    f"{ROOT / 'examples/own_metric.py'}:DIVERSITY",
]


@pytest.mark.parametrize("name", OURS)
def test_evalkits_own_keep_them_all(name: str) -> None:
    """The skeleton's and the example's, too."""
    assert [each for each in check_metric(name) if not each.ok] == []


def test_what_cannot_be_tried_is_told() -> None:
    found = check_metric("own_metrics:SIDE")
    assert (
        found[0].ok is False and "direction is 'lowr'" in found[0].detail and all(each.ok is None for each in found[1:])
    )
    with pytest.raises(UserError, match="did you mean fd_openl3"):
        check_metric("fd_opnl3")
