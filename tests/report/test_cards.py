"""Each metric is explained, and a metric's name from a file imports nothing."""

from __future__ import annotations

import sys

import pytest

from evalkit.metrics.base import METRICS
from evalkit.report.cards import meaning


def test_an_unknown_metric_keeps_its_name() -> None:
    found = meaning("frobnication")
    assert (found.title, found.direction, found.known) == ("frobnication", "", False)


def test_a_target_typed_as_a_metric_is_not_imported() -> None:
    """scores.json comes from outside: a key like this must not run a module."""
    sys.modules.pop("antigravity", None)
    assert not meaning("antigravity:fly").known
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("metric", ["fd_openl3", "kl_passt", "clap_score"])
def test_built_in_metrics_say_what_they_cannot_see(metric: str) -> None:
    assert metric in METRICS.names()
    found = meaning(metric)
    assert found.known
    assert found.direction in ("lower", "higher")
    assert found.blind_to
    assert found.compares


HEADLINES = {"fd_openl3", "kl_passt", "clap_score", "fd_panns", "kl_panns", "fad_vggish", "fad_clap", "fd_passt"}
HEADLINES |= {"clap_score_ms", *(f"aesthetics_{axis}" for axis in ("quality", "enjoyment", "usefulness"))}
"""Which rank systems: those that papers print in the first place. The rest is told beside them."""


@pytest.mark.parametrize("metric", [name for name, at in METRICS.targets().items() if at.startswith("evalkit.")])
def test_every_metric_of_evalkit_has_a_card_for_the_page(metric: str) -> None:
    found = meaning(metric)
    assert found.known
    assert found.direction in ("lower", "higher", "none")
    assert found.blind_to
    assert found.citation
    assert found.compares
    assert found.headline is (metric in HEADLINES)
