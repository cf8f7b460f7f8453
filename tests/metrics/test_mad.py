"""MAD: the divergence of clip means, whatever the order of clips; what it needs and refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, MetricResult
from evalkit.run.metric_rules import check_metric
from evalkit.suites.references import set_from_features


def inputs(shift: float, count: int = 60) -> MetricInputs:
    draw = np.random.default_rng(1)
    ours = [draw.normal(shift, 1, (3, 8)).astype(np.float32) for _ in range(count)]
    theirs = [draw.normal(0, 1, (3, 8)).astype(np.float32) for _ in range(80)]
    ids = [f"{place:03d}" for place in range(count)]
    return MetricInputs(ids, ids, ours, set_reference=set_from_features(theirs))


def computed(given: MetricInputs) -> MetricResult:
    return METRICS.load("mad_openl3").compute(given)  # type: ignore[no-any-return]


def test_it_grows_with_the_distance_and_has_an_interval() -> None:
    near, far = computed(inputs(0.0)), computed(inputs(1.0))
    assert near.value < far.value and far.low is not None and far.low <= far.value
    assert len(far.leave_outs) == 25


def test_the_order_of_clips_changes_nothing() -> None:
    given = inputs(0.4)
    turned = replace(given, ids=given.ids[::-1], groups=given.groups[::-1], features=given.features[::-1])
    assert computed(turned).value == pytest.approx(computed(given).value, abs=1e-9)


def test_few_clips_and_bare_statistics_are_refused() -> None:
    given = inputs(0.0)
    with pytest.raises(UserError, match="9 rows are too few"):
        computed(replace(given, ids=given.ids[:9], groups=given.groups[:9], features=given.features[:9]))
    assert given.set_reference is not None
    with pytest.raises(UserError, match="own features"):
        computed(replace(given, set_reference=replace(given.set_reference, rows=None)))


def test_few_clusters_are_told() -> None:
    """Of 22 clips there are two, whose shares hardly anything moves."""
    told = computed(inputs(0.0, 22)).warnings
    assert any("22 clips make 2 clusters" in each and "under 50 clips" in each for each in told)
    assert not any("clusters" in each for each in computed(inputs(0.0)).warnings)


@pytest.mark.parametrize("name", ["mad_openl3", "mad_clap", "fd_passt", "fad_clap", "kl_passt", "is_passt"])
def test_it_keeps_the_rules_of_a_metric(name: str) -> None:
    assert [each.rule for each in check_metric(name) if not each.ok] == []
