"""Which keys a metric has in a suite's manifest, and the values of its conventions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.registry import is_file
from evalkit.metrics.base import METRICS, MetricCard

PLAIN_KEYS = ("weights", "reference", "count", "like")
"""Keys that every metric has, the last of them one of a new name alone."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")


def metric_names(section: Mapping[str, Any]) -> list[str]:
    """The names that `[metrics]` may hold: the registered ones, any that says itself where its code is, and any new one
    that says which metric it is like."""
    new = [name for name, plan in section.items() if isinstance(plan, dict) and "like" in plan]
    return [*METRICS.names(), *(name for name in section if ":" in name or is_file(name)), *new]


def metric_keys(name: str, plan: Mapping[str, Any]) -> list[str]:
    """The keys that the table of a metric may hold.

    A metric of evalkit's own is asked for its card where the table has more than the plain ones. Code of anybody
    else's is not imported to read a file: its keys are checked by :func:`chosen_options`, once a run has loaded it.
    """
    further = [key for key in plan if key not in PLAIN_KEYS]
    formula = plan.get("like", name)
    if further and isinstance(formula, str) and METRICS.is_builtin(formula):
        further = list(METRICS.load(formula).card.options)
    return [*(key for key in PLAIN_KEYS if key != "like" or key in plan), *further]


def refuse_values(where: str, name: str, options: Mapping[str, str]) -> None:
    """Raises UserError for a value that a metric of evalkit's own does not have for its convention."""
    if options and METRICS.is_builtin(name):
        card: MetricCard = METRICS.load(name).card
        try:
            chosen_options(card, {key: value for key, value in options.items() if key in card.options})
        except UserError as error:
            raise UserError(f"{where}: {error.message}", error.hint) from None


def refuse_likeness(where: str, name: str, formula: str) -> None:
    """Raises UserError where `name` cannot stand for the formula of another metric on other features."""
    if name in METRICS.names() or not _NAME.fullmatch(name):
        hint = "letters, digits, _ and -, and no name that `evalkit metrics` lists"
        raise UserError(f"{where} has `like`, which a metric of a new name has", hint)
    if formula not in METRICS.names():
        raise unknown_name("metric", formula, general_metrics())
    if formula not in general_metrics():
        raise UserError(f"{where}: no metric can be like {formula}", f"these can be: {', '.join(general_metrics())}")


def general_metrics() -> list[str]:
    """evalkit's own whose formula holds for the features of any embedder."""
    return [name for name in METRICS.names() if METRICS.is_builtin(name) and METRICS.load(name).card.general]


def chosen_options(card: MetricCard, options: Mapping[str, str]) -> dict[str, str]:
    """A value for each option of the card. Raises UserError for an option, or a value, that the card does not have."""
    for name, value in options.items():
        if name not in card.options:
            raise unknown_name(f"option of {card.name}", name, card.options)
        if value not in card.options[name]:
            raise unknown_name(f"{name} of {card.name}", value, card.options[name])
    return {name: options.get(name, values[0]) for name, values in card.options.items()}
