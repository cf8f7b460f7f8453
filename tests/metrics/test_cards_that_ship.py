"""The cards that ship are of the metrics, judges and sounds that ship, and bear out what each metric claims to hear."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.embed.load import load_embedder
from evalkit.metrics.base import METRICS
from evalkit.metrics.sensitivity import CARDS, HEARD, IN_ORDER, NOT_HEARD, Sensitivity, judged, shipped
from evalkit.mini.card.ladders import BRIEF, measurable, measured, stand_ins
from evalkit.report.sensitivity import brief_told, picture
from evalkit.run.ladders import Trial, measure
from evalkit.run.progress import Silent

OWN = [name for name in METRICS.targets() if METRICS.is_builtin(name)]
NAMES = sorted(path.stem for path in CARDS.glob("*.json"))


def card_of(name: str) -> Sensitivity:
    found = shipped(name)
    assert found is not None, name
    return found


def test_each_has_its_picture_and_its_metric(repository: Path) -> None:
    assert set(NAMES) == set(OWN), "a metric ships with its card: nox -s cards -- NAME"
    pictures = repository / "reports" / "cards"
    assert sorted(path.stem for path in pictures.glob("*.svg")) == NAMES
    for name in NAMES:
        assert (pictures / f"{name}.svg").read_bytes() == picture(card_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_card_bears_out_what_the_metric_claims(name: str) -> None:
    """Held to the metric's card as it is now: a claim that is added without being measured fails here."""
    card, found = METRICS.load(name).card, card_of(name)
    assert card.deaf_to and (card.hears or found.size == "seeded"), "a metric says what it hears, and what not"
    rungs = {each.ladder: each for each in judged(card, found.ladders)}
    worse = {"lower": "up", "higher": "down"}.get(card.direction)
    for ladder, way in card.hears.items():
        each = rungs[ladder]
        assert each.verdict == HEARD and each.borne_out, ladder
        assert each.rho is not None and each.rho * (1 if way == "up" else -1) >= IN_ORDER - 1e-9, ladder
        assert worse is None or way == worse
    assert {ladder: rungs[ladder].verdict for ladder in card.deaf_to} == dict.fromkeys(card.deaf_to, NOT_HEARD)
    assert found.ladders == tuple(rungs.values()), "nox -s cards makes it again"
    assert brief_told(found)[0].startswith("by ")


def test_the_cards_are_of_the_judges_that_ship() -> None:
    """A mini that was trained again has other ears."""
    names = {card_of(name).judge for name in NAMES}
    with stand_ins() as weights:
        now = {name: load_embedder(name, overrides=weights).spec.weights for name in names}
    for name in NAMES:
        found = card_of(name)
        assert found.size in ("mini", "none", "seeded") and found.n >= 20
        assert found.weights == now[found.judge], name


def close(new: Sensitivity, old: Sensitivity) -> None:
    known = {each.ladder: each for each in old.ladders}
    for each in new.ladders:
        for step, before in zip(each.steps, known[each.ladder].steps, strict=True):
            assert step.value == pytest.approx(before.value, rel=2e-3, abs=1e-4), (new.metric, each.ladder, step.at)


def test_two_ladders_of_two_metrics_measured_again() -> None:
    names, ladders = ("loudness_lufs", "side_mid"), ("gain", "repeated")
    for found in measure(Trial(names, BRIEF, ladders), Silent()):
        close(found, card_of(found.metric))


def test_a_judge_that_learnt_something_else_says_so_first() -> None:
    """No reader must take made-up axes, or weights of a seed, for the published network."""
    told = {name: brief_told(card_of(name))[0] for name in NAMES}
    assert "taught by made-up axes, no raters' answers" in told["aesthetics_quality"]
    assert (
        "seeded" in told["clap_score_ms"] and "shows nothing of what the published one hears" in told["clap_score_ms"]
    )
    assert [name for name, line in told.items() if "taught by" in line] == [
        *sorted(name for name in OWN if name.startswith("aesthetics_")), "clap_score_ms",
    ]  # fmt: skip


@pytest.mark.slow
def test_all_of_them_measured_again() -> None:
    with stand_ins() as weights:
        here, without = measurable(OWN, weights)
        assert not without
        cards = measured(here, weights, Silent())
    for found in cards:
        assert found.broken == ()
        close(found, card_of(found.metric))
