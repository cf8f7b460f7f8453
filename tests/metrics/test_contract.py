"""A metric's card and result are looked at when they are read; whatever is wrong costs that metric's number alone."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import own_metrics
import pytest

from evalkit.core.errors import UserError
from evalkit.core.plugins import BrokenPlugin
from evalkit.metrics.base import METRICS, MetricCard, MetricInputs, MetricResult
from evalkit.metrics.contract import computed, load_metric

INPUTS = MetricInputs(["a", "b"], ["a", "b"], [np.ones((1, 2), np.float32)] * 2)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("EXITS", "calls sys.exit(0)"),
        ("RAISES", "ZeroDivisionError: no clips"),
        ("ASSERTS", "AssertionError: (no message)"),
        ("BARE", "BaseException: odd"),
        ("NONE", "returned None, expected a MetricResult"),
        ("FLOAT", "returned a float"),
        ("FOREIGN", "per_prompt names 'zzz'"),
        ("PER_PROMPT_LIST", "per_prompt is [1.0]"),
        ("PER_PROMPT_TEXT", "per_prompt['a'] is '1'"),
        ("VALUE_TEXT", "value is '0.5', expected a number"),
        ("VALUE_NONE", "value is None, expected a number"),
        ("VALUE_ARRAY", "value is array([0.5])"),
        ("LOW_NAN", "low is nan"),
        ("HIGH_TEXT", "high is '1'"),
        ("CROSSED", "expected low <= high"),
        ("LEVEL", "level is 95"),
        ("N_FLOAT", "n is 3.0"),
        ("N_NEGATIVE", "n is -1"),
        ("WARNINGS_TEXT", "warnings are 'few clips'"),
        ("LEAVE_OUTS", "leave_outs are ('1',)"),
        ("SE", "se is -1.0"),
        ("FREEDOM", "freedom is 0"),
        ("METHOD", "method is None"),
    ],
)
def test_whatever_compute_does_wrong_is_told(name: str, told: str) -> None:
    with pytest.raises(BrokenPlugin) as raised:
        computed(getattr(own_metrics, name), f"own_metrics:{name}", INPUTS)
    assert told in str(raised.value) and name in str(raised.value) and "\n" not in str(raised.value)


def test_a_good_result_passes_and_numpys_numbers_become_pythons() -> None:
    assert computed(own_metrics.GOOD, "good", INPUTS).value == 2.0
    result = computed(own_metrics.NUMPY, "numpy", INPUTS)
    assert type(result.value) is float and type(result.n) is int


def test_no_clips_are_no_fault() -> None:
    """They give no number, with bounds that are none either; that is an answer."""
    empty = MetricInputs([], [], [])
    assert math.isnan(computed(own_metrics.GOOD, "good", empty).value)

    class Refuses(own_metrics.Own):
        def compute(self, inputs: MetricInputs) -> Any:
            raise UserError("needs clips")

    with pytest.raises(UserError, match="needs clips") as raised:
        computed(Refuses(), "x", empty)
    assert not isinstance(raised.value, BrokenPlugin)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("SIDE", "direction is 'lowr', expected one of 'lower', 'higher', 'none'; did you mean lower"),
        ("REFERENCE", "reference is 'sets'"),
        ("NAMELESS", "name is ''"),
        ("TEXT_FLAG", "text is 'yes', expected True or False"),
        ("OPTIONS", "options['direction'] is 'a||b'"),
        ("OPTIONS_EMPTY", "options['direction'] is ()"),
    ],
)
def test_a_wrong_card_is_told_when_it_is_read(name: str, told: str) -> None:
    with pytest.raises(BrokenPlugin) as raised:
        load_metric(f"own_metrics:{name}")
    assert told in str(raised.value)


def test_every_field_of_a_card_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in fields(MetricCard):
        monkeypatch.setattr(own_metrics.GOOD, "card", replace(own_metrics.CARD, **{field.name: object()}))
        with pytest.raises(BrokenPlugin, match=field.name):
            load_metric("own_metrics:GOOD")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("os:system", "no metric"),
        ("os:sep", "no metric"),
        ("own_metrics:NO_CARD", "no metric"),
        ("own_metrics:NO_COMPUTE", "no metric"),
        ("own_metrics:NoCompute", "is a class"),
        ("own_metrics:GOOOD", "did you mean GOOD"),
    ],
)
def test_what_is_no_metric_is_a_mistyped_name_and_not_a_broken_one(name: str, told: str) -> None:
    with pytest.raises(UserError) as raised:
        load_metric(name)
    assert told in str(raised.value) and not isinstance(raised.value, BrokenPlugin)


@pytest.mark.parametrize("name", METRICS.names())
def test_evalkits_own_metrics_pass(name: str) -> None:
    assert load_metric(name).card.name == name


def test_every_field_of_a_result_is_looked_at() -> None:
    for field in fields(MetricResult):
        metric = own_metrics.Own(lambda result, name=field.name: replace(result, **{name: object()}))  # type: ignore[misc]
        with pytest.raises(BrokenPlugin, match=field.name):
            computed(metric, "m", INPUTS)
