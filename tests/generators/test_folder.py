"""A scored folder: which file belongs to which prompt, and what is nobody's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.core.ids import safe_name
from evalkit.generators.folder import describe, find


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(name.encode())


def test_files_are_found_by_id_and_by_safe_name_with_any_known_extension(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "B b.FLAC", f"{safe_name('../x')}.ogg", "d.mp3", "notes.txt")
    found = find(tmp_path, ["a", "B b", "../x", "d", "missing"])
    assert {key: path.name for key, path in found.clips.items()} == {
        "a": "a.wav",
        "B b": "B b.FLAC",
        "../x": f"{safe_name('../x')}.ogg",
        "d": "d.mp3",
    }
    assert not found.strangers


def test_two_files_for_one_prompt_are_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "a.mp3")
    with pytest.raises(UserError, match=r"'a': a\.mp3 and a\.wav"):
        find(tmp_path, ["a"])


def test_an_id_and_its_safe_name_are_one_prompt(tmp_path: Path) -> None:
    put(tmp_path, "A b.wav", f"{safe_name('A b')}.wav")
    with pytest.raises(UserError, match="two files"):
        find(tmp_path, ["A b"])


def test_a_file_without_a_prompt_is_reported(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "z.wav")
    assert [path.name for path in find(tmp_path, ["a"]).strangers] == ["z.wav"]


@pytest.mark.parametrize("kind", ["absent", "file", "empty", "text"])
def test_a_folder_without_audio_is_one_clear_line(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    if kind == "file":
        folder.write_bytes(b"")
    elif kind != "absent":
        folder.mkdir()
        put(folder, *(["a.txt"] if kind == "text" else []))
    with pytest.raises(UserError, match=r"no such folder|is a file, and no folder|holds no audio"):
        find(folder, ["a"])


def test_the_folder_is_another_model_when_a_file_changes_and_the_same_when_it_does_not(tmp_path: Path) -> None:
    put(tmp_path, "a.wav", "b.wav", "stranger.wav")
    before = describe(tmp_path, find(tmp_path, ["a", "b"]))
    os.utime(tmp_path / "a.wav", (1, 1))
    put(tmp_path, "stranger2.wav")
    assert describe(tmp_path, find(tmp_path, ["a", "b"])).weights == before.weights
    (tmp_path / "a.wav").write_bytes(b"other")
    assert describe(tmp_path, find(tmp_path, ["a", "b"])).weights != before.weights


def test_a_link_to_nowhere_and_a_pipe_do_not_hang_or_crash(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "b.wav")
    (tmp_path / "c.wav").mkdir()
    assert set(find(tmp_path, ["a", "b", "c"]).digests.values()) == {""}


def test_names_that_nearly_fit_are_found_and_told(tmp_path: Path) -> None:
    """Clotho's ids are file names, one with a space in front; macOS writes NFD."""
    put(tmp_path, "walk.wav", " street.wav", "cafe\u0301.wav", "rain.wav")
    ids = ["walk.wav", " street.wav", "caf\u00e9", "rain "]
    found = find(tmp_path, ids)
    assert list(found.clips) == ids
    assert not found.strangers
    assert len(found.notes) == 1


def test_a_folder_in_which_nothing_fits_is_refused_with_names_of_both_sides(tmp_path: Path) -> None:
    put(tmp_path, "sound_0001.wav", "sound_0002.wav")
    with pytest.raises(UserError, match=r"no file is named .*'dog', 'cat'; files 'sound_0001.wav', 'sound_0002.wav'"):
        find(tmp_path, ["dog", "cat"])


def test_a_prompt_beyond_the_limit_keeps_its_file(tmp_path: Path) -> None:
    """`--limit 1` must not hand the file of a later prompt to an earlier one that is named alike."""
    put(tmp_path, "rain.wav", "dog.wav")
    found = find(tmp_path, ["dog", "Rain"], ["rain"])
    assert set(found.clips) == {"dog"}
    assert not found.strangers
