"""FD-, KL- and IS-PANNs on drawn rows: against audioldm_eval's own steps (golden/panns.npz), and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.metrics.base import METRICS, MetricInputs, MetricResult
from evalkit.metrics.panns_rows import CLASSES
from evalkit.suites.references import set_from_features

GOLDEN = Path(__file__).parents[1] / "parity" / "golden" / "panns.npz"


def inputs() -> MetricInputs:
    """The rows that tests/parity/oracle_panns.py draws."""
    draw = np.random.default_rng(5)
    ours, theirs = (draw.normal(shift, 2, (300, 64 + CLASSES)).astype(np.float32) for shift in (0.0, 0.2))
    ids = [f"{place:03d}" for place in range(len(ours))]
    return MetricInputs(
        ids,
        ids,
        [row[None] for row in ours],
        set_reference=set_from_features([row[None] for row in theirs]),
        pair_reference=dict(zip(ids, theirs, strict=True)),
        options={"splits": "10"},
    )


def computed(name: str, given: MetricInputs) -> MetricResult:
    return METRICS.load(name).compute(given)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["fd_panns", "kl_panns", "is_panns"])
def test_it_is_audioldm_evals(name: str) -> None:
    with np.load(GOLDEN, allow_pickle=False) as golden:
        wanted = float(golden[f"metrics/{name}"])
    found = computed(name, inputs())
    assert found.value == pytest.approx(wanted, rel=1e-6)
    assert found.low is not None and found.high is not None
    assert found.low < found.value < found.high


def test_fd_takes_statistics_of_features_alone() -> None:
    """Shipped statistics of the 2,048 features are used as they are; those of whole rows are cut to the same."""
    given = inputs()
    assert given.set_reference is not None
    rows = given.set_reference.rows
    assert rows is not None
    alone = replace(given, set_reference=set_from_features([row[None, :64] for row in rows]))
    assert computed("fd_panns", alone).value == pytest.approx(computed("fd_panns", given).value, rel=1e-9)


def test_kl_is_of_the_real_clip_to_the_generated_one() -> None:
    """The other way round is another number, and without the 1e-6 it has no bound."""
    given = inputs()
    sure, even = np.zeros((1, 64 + CLASSES), np.float32), np.zeros((1, 64 + CLASSES), np.float32)
    sure[0, -1] = 60.0
    pair = MetricInputs(["a"], ["a"], [sure], pair_reference={"a": even[0]})
    floored = computed("kl_panns", pair).value
    assert floored == pytest.approx(-np.log(527) - 526 / 527 * np.log(1e-6), rel=1e-4)
    unbounded = computed("kl_panns", replace(pair, options={"epsilon": "0"})).value
    assert unbounded == pytest.approx(526 / 527 * 60 - np.log(527), rel=1e-4)
    turned = MetricInputs(["a"], ["a"], [even], pair_reference={"a": sure[0]})
    assert computed("kl_panns", turned).value == pytest.approx(np.log(527), rel=1e-3)
    assert computed("kl_panns", replace(given, pair_reference={"000": given.features[0][0]})).n == 1


def test_is_does_not_depend_on_the_order_of_the_sounds() -> None:
    """The split goes by names, so that a run that was resumed has the same number."""
    given = inputs()
    turned = replace(given, ids=given.ids[::-1], groups=given.groups[::-1], features=given.features[::-1])
    assert computed("is_panns", turned).value == computed("is_panns", given).value
    assert computed("is_panns", replace(given, options={})).value > computed("is_panns", given).value


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("fd_panns", {"set_reference": None}, "fd_openl3 needs|fd_panns needs"),
        ("kl_panns", {"pair_reference": None}, "needs the rows"),
        ("kl_panns", {"pair_reference": {}}, "no scored clip"),
        ("kl_panns", {"pair_reference": {"000": np.full(CLASSES, 1 / CLASSES, np.float32)}}, "527 wide, not 591"),
        ("is_panns", {"features": [np.zeros((1, CLASSES), np.float32)] * 300}, "not features and 527 logits"),
        ("is_panns", {"ids": [], "groups": [], "features": []}, "there is no clip"),
        ("fd_panns", {"features": [np.zeros((1, 5), np.float32)] * 300}, "not features and 527 logits"),
    ],
)
def test_what_gives_no_number_is_one_line(name: str, change: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        computed(name, replace(inputs(), **change))  # type: ignore[arg-type]


def test_a_score_in_parts_says_why_it_has_no_interval() -> None:
    """Ten clips in ten parts leave nine to be cut into ten; that they are of few sources would be false."""
    given = inputs()
    few = replace(given, ids=given.ids[:10], groups=given.groups[:10], features=given.features[:10])
    (told,) = [each for each in computed("is_panns", few).warnings if each.startswith("no interval")]
    assert "10 clips less those of one source are fewer than its 10 parts" in told
    (told,) = [each for each in computed("is_panns", replace(few, groups=["a"] * 10)).warnings if "no interval" in each]
    assert "at least 5 sources" in told
