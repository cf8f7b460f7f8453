"""Which keys a metric has in a suite's manifest, and the values of its conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.core.errors import UserError, unknown_name
from evalkit.metrics.base import METRICS, MetricCard

PLAIN_KEYS = ("weights", "reference", "count")
"""Keys that every metric has."""


def metric_names(section: Mapping[str, Any]) -> list[str]:
    """The names that `[metrics]` may hold: the registered ones, and any that says itself where its code is."""
    return [*METRICS.names(), *(name for name in section if ":" in name)]


def metric_keys(name: str, plan: Mapping[str, Any]) -> list[str]:
    """The keys that the table of a metric may hold.

    A metric of evalkit's own is asked for its card where the table has more than the plain ones. Code of anybody
    else's is not imported to read a file: its keys are checked by :func:`chosen_options`, once a run has loaded it.
    """
    further = [key for key in plan if key not in PLAIN_KEYS]
    if further and METRICS.is_builtin(name):
        further = list(METRICS.load(name).card.options)
    return [*PLAIN_KEYS, *further]


def refuse_values(where: str, name: str, options: Mapping[str, str]) -> None:
    """Raises UserError for a value that a metric of evalkit's own does not have for its convention."""
    if options and METRICS.is_builtin(name):
        card: MetricCard = METRICS.load(name).card
        try:
            chosen_options(card, {key: value for key, value in options.items() if key in card.options})
        except UserError as error:
            raise UserError(f"{where}: {error.message}", error.hint) from None


def chosen_options(card: MetricCard, options: Mapping[str, str]) -> dict[str, str]:
    """A value for each option of the card. Raises UserError for an option, or a value, that the card does not have."""
    for name, value in options.items():
        if name not in card.options:
            raise unknown_name(f"option of {card.name}", name, card.options)
        if value not in card.options[name]:
            raise unknown_name(f"{name} of {card.name}", value, card.options[name])
    return {name: options.get(name, values[0]) for name, values in card.options.items()}
