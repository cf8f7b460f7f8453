"""Why two scores can not be compared at all: of other prompts, protocols, weights, or no numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.comparison.record import Record, number
from evalkit.core.text import one_line, short_digest

SUITE_KEYS = {"name": "suite", "protocol": "protocol", "version": "suite version", "digest": "suite content"}
SCORE_KEYS = {"protocol": "protocol", "direction": "direction", "weights": "weights", "embedder": "embedder settings"}


def unlike_runs(run: Record, baseline: Record) -> str:
    """Why these two can never be compared, or ""."""
    if run.status != "success":
        return f"the run's status is {run.status}, not success"
    for key, words in SUITE_KEYS.items():
        if run.suite.get(key) != baseline.suite.get(key):
            return f"another {words}: {_brief(run.suite.get(key))}, baseline {_brief(baseline.suite.get(key))}"
    if run.samples != baseline.samples:
        return f"another number of sounds per prompt: {run.samples}, baseline {baseline.samples}"
    here, there = set(run.groups), set(baseline.groups)
    if here != there:
        first = min(here ^ there)
        return f"other prompts were scored: {len(here - there)} more, {len(there - here)} fewer (e.g. {first!r})"
    return ""


def unlike_scores(
    current: Mapping[str, Any] | None, base: Mapping[str, Any] | None, names: tuple[str, str] = ("run", "baseline")
) -> str:
    """Why these two scores can never be compared, or ""; `names` is what they are called."""
    for side, score in zip(names, (current, base), strict=True):
        if score is None:
            return f"the {side} does not have this metric"
        if number(score.get("value")) is None:
            return f"the {side} has no value ({score.get('value')!r})"
        if score.get("direction") not in ("lower", "higher"):
            return f"the {side} does not say which direction is better"
        if not isinstance(score.get("n"), int) or score["n"] < 1:
            return f"the {side} has no n"
        if any(score.get(key) is not None and number(score.get(key)) is None for key in ("low", "high", "se")):
            return f"the {side} has an interval that is not a number"
        if (number(score.get("se")) or 0.0) < 0:
            return f"the {side} has a standard error below zero"
    assert current is not None and base is not None
    for key, words in SCORE_KEYS.items():
        if current.get(key) != base.get(key):
            return f"another {words}: {_brief(current.get(key))}, baseline {_brief(base.get(key))}"
    codes = current.get("code"), base.get("code")
    if None not in codes and codes[0] != codes[1]:
        return f"another code of the metric: {_brief(codes[0])}, baseline {_brief(codes[1])}"
    for key in ("n", "n_failed", "n_reference"):
        if current.get(key) != base.get(key):
            return f"another {key}: {current.get(key)}, baseline {base.get(key)}"
    return ""


def _brief(value: object) -> str:
    """A digest is short; words stay whole, as two protocols may differ in the last one alone."""
    return one_line(short_digest(str(value)), 200)
