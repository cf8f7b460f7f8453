"""Metrics of somebody's own, each wrong in one way: `own_metrics:EXITS`, and so on. `GOOD` is a good one."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult

CARD = MetricCard("own", "Own", "higher", "", "sound", "", False, "", "everything", headline=False)


class Own:
    def __init__(self, change: Callable[[MetricResult], Any] = lambda result: result, **card: Any) -> None:
        self.card = dataclasses.replace(CARD, **card)
        self._change = change

    def compute(self, inputs: MetricInputs) -> Any:
        values = {key: float(each.sum()) for key, each in zip(inputs.ids, inputs.features, strict=True)}
        mean = float(np.mean(list(values.values()))) if values else float("nan")
        return self._change(MetricResult(mean, mean - 1, mean + 1, 0.95, "made up", len(values), 0, values))


def _result(**changes: Any) -> Own:
    return Own(lambda result: dataclasses.replace(result, **changes))


def _raise(error: BaseException) -> Own:
    def change(result: MetricResult) -> Any:
        raise error

    return Own(change)


class NoCard:
    def compute(self, inputs: MetricInputs) -> Any: ...


class NoCompute:
    card = CARD


class InPlace(Own):
    """Works in what it was given, as `x /= norm` does."""

    def compute(self, inputs: MetricInputs) -> Any:
        for each in inputs.features:
            each *= 0
        return super().compute(inputs)


GOOD = Own()
IN_PLACE = InPlace()
NUMPY = Own(lambda result: dataclasses.replace(result, value=np.float32(result.value), n=np.int64(result.n)))
EXITS = Own(lambda result: sys.exit(0))
RAISES = _raise(ZeroDivisionError("no clips"))
ASSERTS = _raise(AssertionError())
BARE = _raise(BaseException("odd"))
NONE = Own(lambda result: None)
FLOAT = Own(lambda result: result.value)
FOREIGN = _result(per_prompt={"zzz": 1.0})
PER_PROMPT_LIST = _result(per_prompt=[1.0])
PER_PROMPT_TEXT = Own(lambda result: dataclasses.replace(result, per_prompt=dict.fromkeys(result.per_prompt, "1")))
VALUE_TEXT = _result(value="0.5")
VALUE_NONE = _result(value=None)
VALUE_ARRAY = _result(value=np.array([0.5]))
LOW_NAN = _result(low=float("nan"))
HIGH_TEXT = _result(high="1")
CROSSED = _result(low=2.0, high=1.0)
LEVEL = _result(level=95)
N_FLOAT = _result(n=3.0)
N_NEGATIVE = _result(n=-1)
WARNINGS_TEXT = _result(warnings="few clips")
LEAVE_OUTS = _result(leave_outs=("1",))
SE = _result(se=-1.0)
FREEDOM = _result(freedom=0)
METHOD = _result(method=None)

SIDE = Own(direction="lowr")
REFERENCE = Own(reference="sets")
NAMELESS = Own(name="")
TEXT_FLAG = Own(text="yes")
OPTIONS = Own(options={"direction": "a||b"})
OPTIONS_EMPTY = Own(options={"direction": ()})
NO_CARD, NO_COMPUTE = NoCard(), NoCompute()
