"""Names that nearly fit: taken where there is one candidate, told, and never given to two."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.audio.names import match, nothing_fits, told
from evalkit.core.errors import UserError
from evalkit.core.ids import safe_name

NFC, NFD = "caf\u00e9-1", "cafe\u0301-1"


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("rain.wav", "rain.wav"),  # Clotho
        ("rain.WAV", "rain.flac"),
        ("rain.aiff", "rain.wav"),
        ("rain", "rain.wav.mp3"),
        ("rain.mp3.wav", "rain.wav"),
        (NFC, f"{NFD}.wav"),  # macOS
        (NFD, f"{NFC}.wav"),
        (f"{NFC}.wav", f"{NFD}.wav"),
        ("rain ", "rain.wav"),
        ("\train", "rain .wav"),
        ("rain.wav ", "rain.wav"),
        ("heavy  rain", "heavy rain.wav"),
        ("heavy\u00a0rain", "heavy rain.wav"),
        ("\ufeffrain", "rain.wav"),
        ("Rain", "rain.wav"),
        ("STRASSE", "stra\u00dfe.wav"),
        ("\uff52ain", "rain.wav"),  # full width
        ("eval/rain.wav", "rain.wav"),
        ("clips\\Rain", "rain.wav"),
        ("-0SdAVK79lg", "Y-0SdAVK79lg.wav"),  # AudioCaps' list, and what its tools download
        ("Y-0SdAVK79lg", "audiocaps/-0SdAVK79lg.wav"),
    ],
)
def test_a_name_that_nearly_fits_is_taken_and_told(identifier: str, name: str) -> None:
    found = match("here", [identifier, "other"], [name, "stranger.wav"])
    assert found.files == {identifier: name}
    assert len(told(found)) == 1


def test_what_looks_alike_is_spelled_out() -> None:
    (sentence,) = told(match("here", [NFC], [f"{NFD}.wav"]))
    assert r"caf\xe9" in sentence
    assert r"cafe\u0301" in sentence


def test_an_exact_name_is_not_told_and_comes_before_a_near_one() -> None:
    found = match("here", ["rain", "Rain"], ["rain.wav", "RAIN.wav"])
    assert found.files == {"rain": "rain.wav"}
    assert found.undecided == {"Rain": ["RAIN.wav"]}
    assert not match("here", ["rain", "../x"], ["rain.wav", f"{safe_name('../x')}.ogg"]).nearly


def test_names_that_differ_in_case_alone_keep_apart() -> None:
    """Clotho has such pairs, with suffixes in its ids."""
    found = match("here", ["Rain.wav", "rain.wav"], ["rain.wav", "Rain.wav"])
    assert found.files == {"Rain.wav": "Rain.wav", "rain.wav": "rain.wav"}


def test_the_nearer_form_decides() -> None:
    assert match("here", ["rain "], ["rain.wav", "Rain.wav.flac"]).files == {"rain ": "rain.wav"}


def test_two_ids_that_come_equally_near_get_nothing() -> None:
    found = match("here", ["rain ", " rain"], ["Rain.wav"])
    assert not found.files
    assert "2 names nearly fit more than one" in told(found)[0]


def test_two_files_of_an_equally_near_name_are_not_chosen_from() -> None:
    found = match("here", ["rain "], ["rain.wav", "rain.flac"])
    assert not found.files
    assert told(found) == ["1 name nearly fits more than one; not taken: 'rain ' may be 'rain.wav' or 'rain.flac'"]


def test_where_nothing_fits_some_of_both_sides_are_shown() -> None:
    error = nothing_fits("out", [f"p{i}" for i in range(9)], ["a.wav", "b.wav"])
    assert isinstance(error, UserError)
    assert str(error).startswith("out: no file is named by a prompt")
    assert "'p0', 'p1', 'p2' and 6 more; files 'a.wav', 'b.wav'" in str(error)


TEXT = st.text(alphabet=st.sampled_from("aA \u00e9\u0301e.wavmp3/~\u017f"), min_size=1, max_size=8)


@given(st.lists(TEXT, unique=True, max_size=8), st.lists(TEXT.map("{}.wav".format), unique=True, max_size=8))
def test_no_file_is_given_to_two_and_exact_names_always_win(ids: list[str], names: list[str]) -> None:
    try:
        found = match("here", ids, names)
    except UserError:
        return
    assert len(set(found.files.values())) == len(found.files)
    assert set(found.files) <= set(ids)
    assert set(found.files.values()) <= set(names)
    for identifier in ids:
        if f"{identifier}.wav" in names:
            assert found.files[identifier] == f"{identifier}.wav"
    assert match("here", ids[::-1], names[::-1]).files == found.files
    assert all(identifier not in found.files for identifier in found.undecided)


@given(st.lists(st.text(alphabet="abcdefghij", min_size=1, max_size=5), unique=True, min_size=1, max_size=8))
def test_a_list_that_was_changed_throughout_in_one_way_is_found_whole(ids: list[str]) -> None:
    for change in (str.upper, "{}.wav".format, " {}".format, "audio/{}".format):
        found = match("here", [change(identifier) for identifier in ids], [f"{identifier}.wav" for identifier in ids])
        assert found.files == {change(identifier): f"{identifier}.wav" for identifier in ids}
    accented = [f"{identifier}\u00e9" for identifier in ids]
    files = [unicodedata.normalize("NFD", identifier) + ".wav" for identifier in accented]
    assert match("here", accented, files).files == dict(zip(accented, files, strict=True))


@pytest.mark.parametrize(("identifier", "name", "why"), [
    ("a dog, barking", "a%20dog%2C%20barking.wav", "signs written as %20"),
    ("caf\u00e9", "caf%C3%A9.wav", "signs written as %20"),
    ("50% of it", "50% of it.wav", None),
    ("1.0", "1.wav", "a decimal point behind the number"),
    ("7.00", "0007.wav", "a decimal point behind the number"),
    ("1.5", "1.wav", ""),
    ("%ff", "\ufffd.wav", ""),
])  # fmt: skip
def test_what_addresses_and_spreadsheets_make_of_a_name(identifier: str, name: str, why: str | None) -> None:
    """`1.0` is what a column of numbers with one gap becomes; "" is: no match."""
    found = match("here", [identifier], [name])
    assert found.files == ({} if why == "" else {identifier: name})
    assert found.nearly == ({identifier: why} if why else {})
