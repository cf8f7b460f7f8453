"""The clips that both sides score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.audio.decode import decode
from evalkit.audio.encode import mp3_bytes, wav_bytes
from evalkit.originals.clips import MADE, sounds_for


def test_without_a_folder_some_are_made_alike_on_every_machine(tmp_path: Path) -> None:
    """Every rate, one and two channels, quiet, and longer than a window; the same bytes each time."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    made, left_out = sounds_for(None, tmp_path / "a")
    again, _ = sounds_for(None, tmp_path / "b")
    assert [each.path.read_bytes() for each in made] == [each.path.read_bytes() for each in again]
    assert not left_out and len(made) == len(MADE)
    clips = [decode(each.path) for each in made]
    assert {clip.rate for clip in clips} == {16000, 32000, 44100, 48000} and {clip.channels for clip in clips} == {1, 2}
    assert max(clip.seconds for clip in clips) > 10
    assert all(np.ptp(clip.samples) > 0 for clip in clips)


def test_what_evalkit_reads_is_written_as_the_originals_read_it(tmp_path: Path) -> None:
    """An MP3 becomes the WAV file of what evalkit decodes; its name in words is its caption."""
    folder = tmp_path / "clips"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, (1, 16000)).astype(np.float32)
    (folder / "a-dog_barks.mp3").write_bytes(mp3_bytes(sound, 16000))
    for name in "bcd":
        (folder / f"{name}.wav").write_bytes(wav_bytes(sound, 16000))
    found, left_out = sounds_for(folder, tmp_path)
    assert not left_out and [each.caption for each in found] == ["a dog barks", "b", "c", "d"]
    written, original = decode(found[0].path), decode(folder / "a-dog_barks.mp3")
    np.testing.assert_allclose(written.samples, original.samples, atol=2**-23)


@pytest.mark.parametrize(("samples", "reason"), [(100, "needs 0.2 s"), (0, "")])
def test_a_clip_that_an_original_fails_on_is_told(tmp_path: Path, samples: int, reason: str) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    sound = np.full((1, 16000), 0.5, np.float32)
    for name in "abcd":
        (folder / f"{name}.wav").write_bytes(wav_bytes(sound, 16000))
    (folder / "e.wav").write_bytes(wav_bytes(sound[:, :samples], 16000))
    _, left_out = sounds_for(folder, tmp_path)
    assert len(left_out) == 1 and "e.wav" in left_out[0] and reason in left_out[0]
