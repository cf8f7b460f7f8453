"""Which sound of a prompt a file is: evalkit's own names always, others' where that is no guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.audio.numbered import match_numbered
from evalkit.core.errors import UserError
from evalkit.store.layout import RunFolder

IDS = st.lists(
    st.one_of(st.text(min_size=1, max_size=12), st.from_regex(r"[ab](\.s[0-2]|_[0-2])?", fullmatch=True)),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip


def files(
    ids: list[str], names: list[str], samples: int, others: list[str] | None = None
) -> dict[tuple[str, int], str]:
    return dict(match_numbered("here", ids, others or [], names, samples).files)


@given(ids=IDS, samples=st.integers(1, 4))
def test_what_evalkit_writes_is_found_again_whatever_the_ids(
    ids: list[str], samples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The ids `a` and `a.s1`, or `a` and `a_1`, would else take each other's sounds."""
    folder = RunFolder(tmp_path_factory.getbasetemp())
    written = {(each, sample): folder.clip(each, sample).name for each in ids for sample in range(samples)}
    assert len(set(written.values())) == len(written)
    assert files(ids, sorted(written.values()), samples) == written


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["rain_0.wav", "rain_1.wav", "rain_2.wav"], "rain_0.wav"),
        (["rain_1.wav", "rain_2.wav", "rain_3.wav"], "rain_1.wav"),
        (["rain.flac", "rain-1.flac", "rain-2.flac"], "rain.flac"),
        (["Rain.0.wav", "Rain.1.wav", "Rain.2.wav"], "Rain.0.wav"),
    ],
)
def test_the_numbers_of_others_count_from_0_or_from_1_and_that_is_said(names: list[str], first: str) -> None:
    found = match_numbered("here", ["rain"], [], names, 3)
    assert [found.files["rain", sample] for sample in range(3)] == names
    assert found.files["rain", 0] == first
    assert any("numbered NAME" in note for note in found.notes)


def test_other_numbers_are_no_sounds_where_evalkits_own_are_there() -> None:
    """A prompt `rain_1` beside `rain`, whose second sound failed, keeps its file."""
    assert files(["rain", "rain_1"], ["rain.wav", "rain_1.wav", "rain_1.s1.wav"], 2) == {
        ("rain", 0): "rain.wav",
        ("rain_1", 0): "rain_1.wav",
        ("rain_1", 1): "rain_1.s1.wav",
    }


def test_a_file_that_may_be_of_two_sounds_is_refused() -> None:
    with pytest.raises(UserError, match=r"rain_1\.wav may be sound 1 of prompt 'rain', or a sound of 'rain_1'"):
        files(["rain", "rain_1"], ["rain.wav", "rain_1.wav"], 2)


def test_two_files_for_one_sound_are_refused() -> None:
    with pytest.raises(UserError, match=r"two files for the first sound of 'rain': rain\.wav and rain\.s0\.wav"):
        files(["rain"], ["rain.wav", "rain.s0.wav", "rain.s1.wav"], 2)
    with pytest.raises(UserError, match=r"two files for prompt 'rain': rain\.flac and rain\.wav, both with \.s1"):
        files(["rain"], ["rain.wav", "rain.s1.flac", "rain.s1.wav"], 2)


def test_sounds_that_were_not_asked_for_are_told_and_never_taken_for_another() -> None:
    found = match_numbered(
        "here", ["rain"], ["dog"], ["dog.wav", "dog.s1.wav", "rain.wav", "rain.s1.wav", "rain.s2.wav"], 1
    )
    assert found.files["rain", 0] == "rain.wav"
    assert found.notes == ["further sounds of prompts are left out: rain.s1.wav and 1 more; --samples 3 takes them too"]


def test_one_sound_each_is_read_as_before() -> None:
    """Numbers at the end of a name belong to the name: `take_1` is an id as good as any."""
    assert files(["take_1", "take_2"], ["take_1.wav", "take_2.wav", "take_2.s0.wav"], 1) == {
        ("take_1", 0): "take_1.wav",
        ("take_2", 0): "take_2.wav",
    }


def test_zeros_before_the_number_of_a_sound() -> None:
    """As `{:03d}` writes it."""
    padded = {("rain", number): f"rain_{number:03d}.wav" for number in range(3)}
    assert files(["rain"], list(padded.values()), 3) == padded
    with pytest.raises(UserError, match=r"two files of one number: rain_1\.wav and rain_01\.wav"):
        files(["rain"], ["rain_0.wav", "rain_1.wav", "rain_01.wav"], 2)
