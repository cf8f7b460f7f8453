"""Which keys a metric has in a suite's manifest, and the values of its conventions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.tables import Table
from evalkit.metrics.base import METRICS, MetricCard

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")


def options_of(name: str, table: Table) -> dict[str, str]:
    """The conventions that the table of a metric chooses; `name` is the metric whose formula it is.

    One of evalkit's own is asked for its card where the table has more than every metric has. Code of anybody else's is
    not imported to read a file: its options are checked by :func:`chosen_options`, once a run has loaded it.
    """
    further = table.rest()
    if further and METRICS.is_builtin(name):
        choices: Mapping[str, tuple[str, ...]] = METRICS.load(name).card.options
        table.knows(*choices)
        return {key: table.one_of(key, values) for key, values in choices.items() if table.holds(key)}
    return {key: table.text(key) for key in further}


def refuse_likeness(name: str, formula: str) -> None:
    """Raises UserError where `name` cannot stand for the formula of another metric on other features."""
    if name in METRICS.names() or not _NAME.fullmatch(name):
        hint = "letters, digits, _ and -, and no name that `evalkit metrics` lists"
        raise UserError("has `like`, which a metric of a new name has", hint)
    if formula not in METRICS.names():
        raise unknown_name("metric", formula, general_metrics())
    if formula not in general_metrics():
        raise UserError(f"no metric can be like {formula}", f"these can be: {', '.join(general_metrics())}")


def general_metrics() -> list[str]:
    """evalkit's own whose formula holds for the features of any embedder."""
    return [name for name in METRICS.names() if METRICS.is_builtin(name) and METRICS.load(name).card.general]


def chosen_options(card: MetricCard, options: Mapping[str, str]) -> dict[str, str]:
    """A value for each option of the card. Raises UserError for all options and values that the card does not have."""
    wrong = Gathering()
    for name, value in options.items():
        if name not in card.options:
            wrong.add(unknown_name(f"option of {card.name}", name, card.options))
        elif value not in card.options[name]:
            wrong.add(unknown_name(f"{name} of {card.name}", value, card.options[name]))
    wrong.settle()
    return {name: options.get(name, values[0]) for name, values in card.options.items()}
