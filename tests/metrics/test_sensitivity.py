"""What counts as heard; claims on a card are held to it, and a card that ships is what was measured."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.plugins import BrokenPlugin
from evalkit.metrics import contract, sensitivity
from evalkit.metrics.base import METRICS, MetricCard
from evalkit.metrics.sensitivity import Rungs, Sensitivity, Step, as_json, broken_told, judged, keep, shipped, spearman

CARD: MetricCard = METRICS.load("clap_score").card


def card(direction: str = "higher", **claims: object) -> MetricCard:
    return dataclasses.replace(CARD, direction=direction, **{"hears": {}, "deaf_to": (), **claims})  # type: ignore[arg-type]


def rungs(ladder: str, values: list[float], clear: list[bool] | None = None) -> Rungs:
    first, *rest = values
    flags = clear or [True] * len(rest)
    steps = [Step(float(at), value, None, None, value - first, None, None, flags[at]) for at, value in enumerate(rest)]
    return Rungs(ladder, (Step(None, first, None, None), *steps))


def verdict(direction: str, values: list[float], clear: list[bool] | None = None) -> str:
    return judged(card(direction), [rungs("noise", values, clear)])[0].verdict


def test_a_verdict_needs_a_clear_change_in_order() -> None:
    assert verdict("higher", [5, 4, 3, 2, 1]) == "heard"
    assert verdict("higher", [1, 2, 3, 4, 5]) == "wrong way"
    assert verdict("lower", [1, 2, 3, 4, 5]) == "heard"
    assert verdict("none", [1, 2, 3, 4, 5]) == verdict("none", [5, 4, 3, 2, 1]) == "heard"
    assert verdict("higher", [5, 4, 3, 2, 1], [False] * 4) == "not heard"
    assert verdict("higher", [5, 5, 5, 5, 5]) == "not heard"
    assert verdict("higher", [5, 1, 4, 2, 3]) == "uneven"
    assert verdict("higher", [5, 4.9, 3, 3.1, 1]) == "heard"  # one pair of neighbours, rho 0.9


def test_a_change_that_is_small_beside_others_is_none() -> None:
    """Else whatever an embedder's last digits do would be heard, with an interval as narrow as they are."""
    small, large = judged(card(), [rungs("gain", [1, 0.99, 0.98, 0.97, 0.96]), rungs("noise", [1, 0.5, 0.2, 0.1, 0])])
    assert (small.verdict, large.verdict) == ("not heard", "heard")
    assert large.first_clear == 0.0 and large.change == -1


def test_claims_are_held_to_what_was_measured() -> None:
    found = [rungs("noise", [5, 4, 3, 2, 1]), rungs("gain", [5, 5, 5, 5, 5]), rungs("mono", [5, 4, 3, 2, 1])]
    claims = card(hears={"noise": "down", "gain": "down"}, deaf_to=("mono",))
    told = judged(claims, found)
    assert [each.borne_out for each in told] == [True, False, False]
    assert [each.claim for each in told] == ["down", "down", "still"]
    unmeasured = judged(claims, [Rungs("mono", (), told="the recordings are mono already")])[0]
    assert unmeasured.borne_out and not unmeasured.verdict
    sentences = broken_told([made(told)])
    assert len(sentences) == 2 and "under gain" in sentences[0] and "stays as it is under mono" in sentences[1]


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_rho_is_scipys(values: list[int]) -> None:
    found = spearman([float(value) for value in values])
    if len(set(values)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(scipy.stats.spearmanr(range(len(values)), values).statistic, abs=1e-9)


def test_round_off_has_no_order() -> None:
    assert spearman([0.3, 0.3 + 1e-9, 0.3 + 2e-9]) is None


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"hears": {"noisee": "down"}}, "no ladder is called 'noisee' (did you mean noise"),
        ({"hears": {"noise": "up"}}, "expected down"),
        ({"hears": {"noise": "louder"}}, "expected down"),
        ({"hears": ["noise"]}, "hears is a mapping"),
        ({"hears": {"noise": "down"}, "deaf_to": ("noise",)}, "noise is both heard and not heard"),
    ],
)
def test_a_claim_that_cannot_be_is_refused_with_the_card(claims: dict[str, object], said: str) -> None:
    with pytest.raises(BrokenPlugin) as caught:
        contract._require_card(card(**claims), "mine")
    assert said in str(caught.value)


def made(ladders: tuple[Rungs, ...]) -> Sensitivity:
    return Sensitivity("mine", "Mine", "higher", "", "sound", "none", "none", "d", "x", "nothing", 5, 0, "0", ladders)


def test_a_card_is_read_as_it_was_kept_and_a_damaged_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensitivity, "CARDS", tmp_path)
    found = made(judged(card(), [rungs("noise", [5, 4, 3, 2, 1])]))
    path = keep(tmp_path / "mine.json", found)
    assert shipped("mine") == found
    assert json.loads(path.read_text())["ladders"][0]["unit"] == "dB below the sound"
    for text in ("{", "[]", '{"schema": 1}', json.dumps({**as_json(found), "ladders": [{"ladder": 1}]})):
        path.write_text(text)
        assert shipped("mine") is None
    assert shipped("no_such") is None and shipped("../mine") is None
