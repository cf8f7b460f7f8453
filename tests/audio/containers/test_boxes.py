from __future__ import annotations

import fuzz_sounds
import pytest

from evalkit.audio.containers.survey import survey


@pytest.mark.parametrize("suffix", ["m4a", "webm", "mka"])
def test_whole_and_cut(suffix: str) -> None:
    data = fuzz_sounds.whole()[suffix]
    assert survey(data).cut == ""
    for share in (0.5, 0.9):
        assert survey(data[: int(share * len(data))]).cut


def test_a_segment_of_unknown_size_is_open_and_its_last_cluster_still_measured() -> None:
    """A browser's recorder cannot go back."""
    data = fuzz_sounds.whole()["webm"]
    place = data.index(b"\x18\x53\x80\x67") + 4
    width = 9 - data[place].bit_length()
    streamed = data[:place] + bytes([0xFF >> (width - 1)]) + b"\xff" * (width - 1) + data[place + width :]
    assert (survey(streamed).cut, survey(streamed).open_end) == ("", True)
    assert survey(streamed[:-3]).cut
    assert not survey(data).open_end


def test_elements_without_end_are_left_to_the_decoder() -> None:
    head = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
    assert survey(head + b"\xec\x80" * 1_500_000).cut == ""
