from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.audio.folders import sound_files
from evalkit.core.errors import UserError


def test_sounds_come_by_name_and_nothing_else_does(tmp_path: Path) -> None:
    """A sidecar taken for a sound would be a failed item that nobody asked for."""
    for name in ("b.wav", "a.FLAC", "c.mp3", "notes.txt", "b.wav.json"):
        (tmp_path / name).touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "d.ogg").touch()
    assert [path.name for path in sound_files(tmp_path)] == ["a.FLAC", "b.wav", "c.mp3"]


def test_a_folder_that_is_none_or_has_no_sound_says_which(tmp_path: Path) -> None:
    (tmp_path / "file.wav").touch()
    for absent, words in ((tmp_path / "gone", "no such folder"), (tmp_path / "file.wav", "is a file, and no folder")):
        with pytest.raises(UserError, match=words):
            sound_files(absent)
    (tmp_path / "bare").mkdir()
    with pytest.raises(UserError, match=r"bare: holds no audio \(it reads \.wav"):
        sound_files(tmp_path / "bare")
    (tmp_path / "bare" / "deeper").mkdir()
    (tmp_path / "bare" / "deeper" / "a.wav").touch()
    with pytest.raises(UserError, match=r"sub-folders are not searched, and 'deeper' holds some"):
        sound_files(tmp_path / "bare")
