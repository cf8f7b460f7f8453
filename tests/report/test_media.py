"""Sound reaches the page only where it is the run's own, unchanged and playable; else the reader is told why."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.report.media import media
from evalkit.report.records import Item, read_run


@pytest.fixture
def folder(make_run: Callable[..., Path]) -> Path:
    return make_run()


@pytest.fixture
def item(folder: Path) -> Item:
    return read_run(folder).items[0]


def test_a_good_clip_has_sound_and_picture(folder: Path, item: Item) -> None:
    found = media(folder, item)
    assert found.sound.startswith("data:audio/webm;base64,")
    assert found.picture.startswith("data:image/png;base64,")
    assert found.note == ""


def test_a_clip_of_a_scored_folder_may_lie_elsewhere(folder: Path, item: Item) -> None:
    """`evalkit score` writes absolute paths; with the right digest they are the run's own."""
    assert media(folder, replace(item, audio=str((folder / item.audio).resolve()))).sound


def test_a_path_out_of_the_run_folder_is_refused(folder: Path, item: Item) -> None:
    (folder.parent / "secret.wav").write_bytes((folder / item.audio).read_bytes())
    (folder / "audio" / "link.wav").symlink_to(folder.parent / "secret.wav")
    for path in ("../secret.wav", "audio/link.wav"):
        found = media(folder, replace(item, audio=path))
        assert found.sound == found.picture == ""
        assert "outside the run folder" in found.note


def test_an_absolute_path_needs_the_recorded_digest(folder: Path, item: Item) -> None:
    """A run folder from elsewhere must not pull sound from this machine into a report."""
    path = str((folder / item.audio).resolve())
    assert media(folder, replace(item, audio=path, sha256="")).sound == ""


def test_sound_that_is_not_what_was_scored_is_not_played(folder: Path, item: Item) -> None:
    found = media(folder, replace(item, sha256="0" * 64))
    assert found.sound == ""
    assert "changed since it was scored" in found.note


@pytest.mark.parametrize("name", ["", "gone.wav", "a\0b.wav", "x" * 300 + ".wav", "audio"])
def test_missing_and_impossible_names_are_told(folder: Path, item: Item, name: str) -> None:
    found = media(folder, replace(item, audio=name))
    assert found.sound == ""
    assert found.note


def test_unplayable_audio_is_told(folder: Path, item: Item) -> None:
    cases = {"text": b"no audio at all", "empty": b""}
    for name, data in cases.items():
        (folder / f"{name}.wav").write_bytes(data)
        assert "cannot be played" in media(folder, replace(item, audio=f"{name}.wav", sha256="")).note
    soundfile.write(folder / "nan.wav", np.full((1600, 1), np.nan), 16000, subtype="FLOAT")
    digest = hashlib.sha256((folder / "nan.wav").read_bytes()).hexdigest()
    assert "NaN" in media(folder, replace(item, audio="nan.wav", sha256=digest)).note
