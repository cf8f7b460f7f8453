"""A sensitivity card as a table and a picture: all its ladders, and nothing of a stranger's as markup."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from evalkit.metrics.base import METRICS
from evalkit.metrics.sensitivity import Rungs, Sensitivity, Step, judged
from evalkit.report.sensitivity import HEADS, brief_told, picture, rows

SVG = "{http://www.w3.org/2000/svg}"


def card() -> Sensitivity:
    falling = [
        Step(None, 5, 4, 6),
        *(Step(at, 5 - at, 4.5 - at, 5.5 - at, -at, -at - 1, 1 - at, at > 1) for at in (1.0, 2.0)),
    ]
    still = [Step(None, 1, None, None), Step(1.0, 1, None, None, 0.0)]
    found = [Rungs("noise", tuple(falling)), Rungs("gain", tuple(still)), Rungs("mono", (), told="mono already")]
    ladders = judged(METRICS.load("clap_score").card, found)
    return Sensitivity(
        "mine",
        "Mine <&>",
        "higher",
        "",
        "clap-mini",
        "ab" * 32,
        "mini",
        "d <x>",
        "cd" * 32,
        "nothing",
        5,
        0,
        "0",
        ladders,
    )


def test_every_ladder_has_a_row_and_what_was_not_measured_says_why() -> None:
    noise, gain, mono = rows(card())
    assert all(len(row) == len(HEADS) for row in rows(card()))
    assert (
        noise[0].startswith("noise: 40 30")
        and noise[1] == "5.00 4.00 3.00*"
        and noise[3:] == ("heard, down", "2", "down")
    )
    assert gain[3] == "not heard" and gain[5] == "still"
    assert mono[1] == "not measured: mono already"
    told = brief_told(card())
    assert "mini, weights abababababab" in told[0] and "heard: noise from 2 dB below the sound" in told
    assert "not heard: gain" in told and "not measured: mono (mono already)" in told


def test_a_claim_that_is_false_is_said() -> None:
    (noise, *_) = card().ladders
    assert rows(replace(card(), ladders=(replace(noise, claim="still", borne_out=False),)))[0][5] == "still: FALSE"


def test_the_picture_is_one_file_with_a_panel_for_each_ladder_that_was_measured() -> None:
    found = ElementTree.fromstring(picture(card()))
    assert len(found.findall(f".//{SVG}polyline")) == 2
    texts = ["".join(each.itertext()) for each in found.iter(f"{SVG}text")]
    assert any("Mine <&>" in text for text in texts) and any("d <x>" in text for text in texts)
    width, height = float(found.attrib["width"]), float(found.attrib["height"])
    for each in found.iter(f"{SVG}circle"):
        assert 0 < float(each.attrib["cx"]) < width and 0 < float(each.attrib["cy"]) < height
    assert picture(card()) == picture(card())
