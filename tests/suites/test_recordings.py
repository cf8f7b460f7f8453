"""A folder of reference audio: whose each recording is, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.core.ids import safe_name
from evalkit.suites.base import Prompt
from evalkit.suites.recordings import Belonging, belonging, pairs_from_features, reference_files, require_all


def prompts(*ids: str, group: str | None = None) -> list[Prompt]:
    return [Prompt(each, "a sound", 1.0, each if group is None else group) for each in ids]


def test_a_folder_of_audio_is_listed_by_name(tmp_path: Path) -> None:
    for name in ("b.wav", "a.FLAC", "notes.txt"):
        (tmp_path / name).touch()
    assert list(reference_files(tmp_path)) == ["a.FLAC", "b.wav"]


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reference audio: .*no such folder"):
        reference_files(tmp_path / "gone")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for suffix in ("wav", "flac"):
        (tmp_path / f"a.{suffix}").touch()
    with pytest.raises(UserError, match=r"both a\.flac and a\.wav"):
        reference_files(tmp_path)


def test_a_recording_is_found_by_its_own_or_its_file_safe_name() -> None:
    names = ["1.wav", f"{safe_name('../x')}.wav"]
    found = belonging("ref", prompts("1", "../x", "7"), names)
    assert found.names == {"1": names[0], "../x": names[1]}
    assert not found.notes


def test_a_recording_serves_all_captions_of_its_source() -> None:
    """A folder of AudioCaps recordings is named by clip, the prompts by caption; a caption's own comes first."""
    asked = [*prompts("1", "2", "7", group="yt0"), *prompts("8", group="yt9")]
    found = belonging("ref", asked, ["yt0.wav", "7.wav"])
    assert found.names == {"1": "yt0.wav", "2": "yt0.wav", "7": "7.wav"}


def test_a_name_that_nearly_fits_is_taken_and_told() -> None:
    found = belonging("ref", [*prompts("rain "), *prompts("1", group="Yt0")], ["rain.wav", "yt0.flac"])
    assert found.names == {"rain ": "rain.wav", "1": "yt0.flac"}
    (note,) = found.notes
    assert "2 names nearly fit" in note


def test_the_source_to_the_letter_comes_before_a_name_that_is_near() -> None:
    found = belonging("ref", prompts("Rain", group="yt0"), ["rain.wav", "yt0.wav"])
    assert found.names == {"Rain": "yt0.wav"}
    assert not found.notes


def test_gaps_that_nobody_meant_are_refused_with_the_name_that_may_be_one_of_them() -> None:
    asked, names = prompts("dog-1", "dog-2", "cat-1"), ["dog_1.wav", "cat-1.wav"]
    with pytest.raises(UserError, match=r"ref: no reference for 2 of 3 prompts: 'dog-1', 'dog-2'.*is 'dog_1.wav' one"):
        require_all("ref", asked, belonging("ref", asked, names), names)
    with pytest.raises(UserError, match=r"no_reference = \["):
        require_all("ref", asked, Belonging({"dog-1": "a"}), ["a"])
    require_all("ref", asked, Belonging(dict.fromkeys(("dog-1", "dog-2", "cat-1"), "a")), ["a"])


def test_many_gaps_are_counted_and_names_that_fit_nothing_are_shown() -> None:
    asked = prompts(*(f"p{number}" for number in range(9)))
    with pytest.raises(UserError, match=r"9 of 9 prompts: 'p0', .* and 4 more \(it holds 'sound_77.wav'"):
        require_all("ref", asked, belonging("ref", asked, ["sound_77.wav"]), ["sound_77.wav"])


def test_a_pair_is_the_mean_over_its_recordings_frames() -> None:
    rows = {"a": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)}
    pairs = pairs_from_features(rows, {"1": "a", "2": "a"})
    assert {key: row.tolist() for key, row in pairs.items()} == {"1": [2.0, 3.0], "2": [2.0, 3.0]}
