"""CLAP's rows of windows: how many, of what, and that they are the network's own."""

from __future__ import annotations

import pytest
import torch

from evalkit.embed.clap_windows import Windows

RATE = 100


def lengths(windows: Windows, seconds: float) -> list[int]:
    return [len(piece) for piece in windows.of(torch.ones(round(seconds * RATE)), RATE)]


def test_fadtk_has_a_row_for_every_second() -> None:
    """A clip of 10 s has ten rows, nine of them with silence behind the sound."""
    found = Windows(step=1.0, tail="padded").of(torch.ones(10 * RATE), RATE)
    assert [round(float(piece.mean()) * 10) for piece in found] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert lengths(Windows(step=1.0, tail="padded"), 0.4) == [10 * RATE]


@pytest.mark.parametrize(("seconds", "count"), [(10, 1), (19.9, 1), (20, 2), (47, 4)])
def test_stable_audio_tools_drops_what_fills_no_window(seconds: float, count: int) -> None:
    assert lengths(Windows(), seconds) == [10 * RATE] * count


def test_a_short_sound_stays_whole() -> None:
    assert lengths(Windows(), 3.5) == [350]
