from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from evalkit.audio.containers.mpeg import frame_bytes
from evalkit.audio.containers.survey import survey

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, (30000, 2))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_frames_follow_each_other_to_the_end(rate: int, mode: str) -> None:
    """A size that is wrong for some rate would call every file of that rate cut."""
    with io.BytesIO() as file:
        soundfile.write(file, SOUND, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode)
        data = file.getvalue()
    at = frames = 0
    while at < len(data):
        size = frame_bytes(data[at : at + 6])
        assert size, f"no frame at {at} of {len(data)}"
        at, frames = at + size, frames + 1
    assert at == len(data)
    assert frames >= len(SOUND) // 1152
    assert not survey(data).open_end, "its Info frame says how long it is"


def test_what_is_no_frame() -> None:
    for head in (
        b"",
        b"\xff\xfb",
        b"RIFF\0\0",
        bytes(6),
        b"\xff\xe8\0\0\0\0",
        b"\xff\xfb\xf0\0\0\0",
        b"\xff\xfb\x9c\0\0\0",
    ):
        assert frame_bytes(head) is None
    assert frame_bytes(b"\xff\xf1\x50\x80\x2e\x7f") == 0x173, "ADTS states it in 13 bits"
