"""Prompts that the sounds of a folder say themselves, where each has several sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from evalkit.core.errors import UserError
from evalkit.suites.brief import Brief
from evalkit.suites.listing import list_prompts, prompt_in_name


def listed(folder: Path, names: list[str], samples: int, prompts: Literal["names"] | None = "names") -> dict[str, str]:
    for name in names:
        (folder / name).touch()
    found = list_prompts(Brief(prompts=prompts, sounds=[folder], samples=samples))
    return {prompt.id: prompt.text for prompt in found.prompts}


def test_sounds_that_differ_in_their_number_alone_are_of_one_prompt(tmp_path: Path) -> None:
    names = ["a_dog.wav", "a_dog.s1.wav", "door-2.wav", "door-2.s1.wav"]
    assert listed(tmp_path, names, 2) == {"a_dog": "a dog", "door-2": "door"}
    assert list(listed(tmp_path, names, 1)) == ["a_dog.s1", "a_dog", "door-2.s1", "door-2"]


def test_the_numbers_of_others_are_taken_where_evalkits_own_are_not_there(tmp_path: Path) -> None:
    assert listed(tmp_path, ["a_dog_1.wav", "a_dog_2.wav", "rain_1.wav", "rain_2.wav"], 2) == {
        "a_dog": "a dog",
        "rain": "rain",
    }


def test_a_text_beside_the_first_sound_or_beside_each_is_that_of_all(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a dog")
    for name in ("y.txt", "y.s1.txt"):
        (tmp_path / name).write_text("rain")
    assert listed(tmp_path, ["x.wav", "x.s1.wav", "y.wav", "y.s1.wav"], 2, None) == {"x": "a dog", "y": "rain"}
    (tmp_path / "y.s1.txt").write_text("snow")
    with pytest.raises(UserError, match=r"its text is not that of 'y' in another file"):
        listed(tmp_path, [], 2, None)


def test_evalkits_own_number_is_no_word_of_a_prompt() -> None:
    assert prompt_in_name("rain.s1") == "rain" and prompt_in_name("a_dog-3") == "a dog"
