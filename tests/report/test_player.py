"""What a page has to listen to beside the runs' sounds: recordings that a run names, badges told once, the loudness."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.report.page import write_report
from evalkit.report.prompts import prompts_of
from evalkit.report.records import read_runs
from evalkit.report.view import build

Make = Callable[..., Path]
Named = Callable[..., Callable[..., None]]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The reference of the prompt `clock`: a sine of 997 Hz at -20 dB of full scale, 1.5 s."""
    path = tmp_path / "reference" / "clock.wav"
    path.parent.mkdir()
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * 997 * np.arange(24_000) / 16_000), 16_000)
    return path


def naming(path: Path, **changed: Any) -> Callable[..., None]:
    """A change for `make_run` that names `path` as the reference of `clock`."""

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        name, digest = path.name, hashlib.sha256(path.read_bytes()).hexdigest()
        entry = [changed.get("name", name), changed.get("digest", digest)]
        facts["recordings"] = {"folder": changed.get("folder", str(path.parent)), "files": {"clock": entry}}

    return change


def reference_of(run: Path, **asked: Any) -> Any:
    section = build(read_runs([run]), "sample", **asked).sections[0]
    return section, next(entry for entry in section.entries if entry.id == "clock").reference


def test_the_recording_that_a_run_names_stands_beside_its_sounds(make_run: Make, recording: Path) -> None:
    section, reference = reference_of(make_run(change=naming(recording)))
    assert reference.sound.startswith("data:audio/webm;base64,")
    assert reference.picture.startswith("data:image/png;base64,")
    assert reference.seconds == 1.5
    assert reference.loudness == pytest.approx(-23.0, abs=0.1), "BS.1770: a sine of 997 Hz"
    assert "R is the reference recording (1 of 8 prompts)." in section.audio_note
    assert [entry.id for entry in section.entries if entry.reference] == ["clock"]


def test_what_is_not_the_recorded_file_of_the_reference_folder_is_not_played(
    make_run: Make, recording: Path, tmp_path: Path
) -> None:
    """A run folder from anywhere must not put this machine's files into a page that is passed on."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(recording.read_bytes())
    link = recording.with_name("link.wav")
    link.symlink_to(secret)
    os.mkfifo(recording.with_name("pipe.wav"))
    for place, changed in enumerate(
        [
            {"digest": "0" * 64},
            {"name": "link.wav"},
            {"name": "pipe.wav"},
            {"name": "absent.wav"},
            {"name": "a\0b.wav"},
        ]
    ):
        _, reference = reference_of(make_run(seed=place, change=naming(recording, **changed)))
        assert not reference.sound, changed
        assert not reference.picture, changed
        assert reference.note, "the reader is told why"


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../secret.wav"}, {"name": "/etc/passwd"}, {"name": ".."}, {"name": 7}, {"digest": ""},
        {"folder": "reference"}, {"folder": ["x"]}, {"folder": None},
    ],
)  # fmt: skip
def test_what_names_no_file_of_a_folder_is_as_if_nothing_were_named(
    make_run: Make, recording: Path, changed: dict[str, Any]
) -> None:
    section, reference = reference_of(make_run(change=naming(recording, **changed)))
    assert reference is None
    assert "No reference recordings" in section.audio_note


def test_recordings_can_be_left_out(make_run: Make, recording: Path) -> None:
    section, reference = reference_of(make_run(change=naming(recording)), reference=False)
    assert reference is None
    assert "--no-reference" in section.audio_note


def test_a_verdict_that_nearly_every_sound_has_is_said_once(make_run: Make, tmp_path: Path) -> None:
    """`dc_offset` on each of 400 sounds hides the one that is clipped."""

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        for row in rows[1:]:
            if row["status"] == "ok":
                row["verdicts"] = [*row["verdicts"], "dc_offset"]

    run = make_run(change=change)
    section = build(read_runs([run]), "none").sections[0]
    assert section.common == (("dc_offset", 6, 7),)
    badges = {entry.id: entry.takes[0].badges for entry in section.entries}
    assert badges["dog-once"] == ("no dc_offset",)
    assert badges["clock"] == ("clipped",)
    assert badges["fire-baby"] == ()
    assert [entry.id for entry in section.entries if entry.flagged] == ["clock", "sneeze-right"]
    page = write_report([run], tmp_path / "r.html", "none").read_text(encoding="utf-8")
    assert "6 of 7 sounds here, so it is not repeated below" in page


def test_prompts_know_how_far_the_runs_lie_apart(make_run: Make) -> None:
    from evalkit.report.board import boards

    def shift(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        for place, row in enumerate(rows):
            row["clap_score"] = 0.1 * place if row["clap_score"] is not None else None

    runs = read_runs([make_run("a", change=shift), make_run("b")])
    entries = prompts_of(boards(runs, ())[0], "p", "none").entries
    titles = [title for title, _ in prompts_of(boards(runs, ())[0], "p", "none").sorts]
    place = titles.index("CLAP score")
    for entry in entries:
        values = [take.scores[place].value for take in entry.lines if take.scores]
        known = [value for value in values if value is not None]
        assert entry.apart[place] == (pytest.approx(max(known) - min(known)) if len(known) > 1 else None)
