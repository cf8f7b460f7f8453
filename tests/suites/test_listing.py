"""Prompts wherever people keep them: the right column is found, what was guessed is said, what is unclear refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from evalkit.core.errors import UserError
from evalkit.suites.brief import Brief
from evalkit.suites.listing import Listing, list_prompts, prompt_in_name


def listed(folder: Path, data: str, name: str = "p.csv", sounds: Sequence[str] = (), **more: Any) -> Listing:
    path = folder / name
    path.write_text(data, encoding="utf-8")
    if sounds:
        (folder / "sounds").mkdir(exist_ok=True)
        for each in sounds:
            (folder / "sounds" / each).touch()
        more["sounds"] = [folder / "sounds"]
    return list_prompts(Brief(path, **more))


def facts(listing: Listing) -> list[tuple[str, str, float]]:
    return [(prompt.id, prompt.text, prompt.seconds) for prompt in listing.prompts]


@pytest.mark.parametrize(
    "header",
    [
        "ID,Caption,Duration", "file_name,text,seconds", "filename,prompt,length", "Path,description,duration",
        "ytid,caption,seconds_total", "youtube_id,captions,duration_s", "Audio Path,TEXT,Length",
    ],
)  # fmt: skip
def test_columns_are_found_by_the_names_that_people_give_them(tmp_path: Path, header: str) -> None:
    found = listed(tmp_path, f"{header}\na,rain,2.5\nb,wind,3\n")
    assert facts(found) == [("a", "rain", 2.5), ("b", "wind", 3.0)]
    assert all(column in found.notes[0] for column in header.split(","))


def test_columns_that_are_named_come_before_those_that_are_found(tmp_path: Path) -> None:
    table = "id,who,caption,said\na,x,rain,wind\n"
    assert facts(listed(tmp_path, table, columns={"id": "who", "text": "SAID"})) == [("x", "wind", 0.0)]
    with pytest.raises(UserError, match=r"--columns text=nope: .*no such column.*columns here: id, who, caption, said"):
        listed(tmp_path, table, columns={"text": "nope"})
    with pytest.raises(UserError, match="did you mean text"):
        listed(tmp_path, table, columns={"txt": "said"})


def test_two_columns_that_may_be_the_prompt_are_refused_with_the_option_to_type(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"prompt and caption may each be the prompt.*--columns text=prompt"):
        listed(tmp_path, "id,caption,prompt\na,rain,wind\n")
    assert facts(listed(tmp_path, "id,caption,prompt\na,rain,rain\n")) == [("a", "rain", 0.0)]


def test_a_table_without_a_prompt_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no column is called .*caption.*--columns text=NAME.*columns here: id, words"):
        listed(tmp_path, "id,words\na,rain\n")


def test_a_file_without_a_header_is_told_what_its_first_line_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the first line names the columns"):
        listed(tmp_path, '1,"rain, on a roof"\n2,wind\n')


def test_no_line_of_a_file_that_is_no_table_is_printed(tmp_path: Path) -> None:
    """`--prompts` may be a link to anything."""
    with pytest.raises(UserError) as caught:
        listed(tmp_path, "root:$6$secret:19000:0:99999\ndaemon:*:19000\n")
    assert "secret" not in str(caught.value)


def test_audiocaps_five_captions_of_a_clip_keep_their_source(tmp_path: Path) -> None:
    table = "audiocap_id,youtube_id,caption\n1,yt,rain\n2,yt,wind\n"
    found = listed(tmp_path, table)
    assert [(prompt.id, prompt.group) for prompt in found.prompts] == [("1", "yt"), ("2", "yt")]


def test_the_id_is_the_column_by_which_the_sounds_are_named(tmp_path: Path) -> None:
    table = "audiocap_id,youtube_id,caption\n1,yt,rain\n2,yt,wind\n3,yu,dog\n"
    found = listed(tmp_path, table, sounds=["yt.wav", "yu.wav"])
    assert facts(found) == [("yt", "rain", 0.0), ("yu", "dog", 0.0)]
    assert "the first is taken (1 left out)" in " ".join(found.notes)


def test_rows_without_an_id_are_numbered_as_the_sounds_are(tmp_path: Path) -> None:
    table = "caption\nrain\nwind\ndog\n"
    assert [prompt.id for prompt in listed(tmp_path, table).prompts] == ["1", "2", "3"]
    found = listed(tmp_path, table, sounds=["000.wav", "001.wav", "002.wav"])
    assert [prompt.id for prompt in found.prompts] == ["0", "1", "2"] and found.numbered
    assert "numbered from 0" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("p.json", '[{"id": "a", "captions": ["rain", "wind"]}]'),
        ("p.json", '{"a": ["rain", "wind"]}'),
        ("p.csv", 'id,captions\na,"[""rain"", ""wind""]"\n'),
        ("p.csv", "id,caption_1,caption_2\na,rain,wind\n"),
    ],
)
def test_of_several_captions_the_first_is_taken_and_said(tmp_path: Path, name: str, data: str) -> None:
    found = listed(tmp_path, data, name)
    assert facts(found) == [("a", "rain", 0.0)]
    assert "caption_1" in found.notes[0] or "cells with several captions (1)" in found.notes[1]


def test_a_list_as_python_prints_it_is_refused(tmp_path: Path) -> None:
    """CLAP would be asked for brackets and quotes."""
    with pytest.raises(UserError, match="line 2: 'caption' is a list as Python prints it"):
        listed(tmp_path, "id,caption\na,\"['rain', 'wind']\"\n")


def test_sounds_in_cells_are_named_by_their_path(tmp_path: Path) -> None:
    data = json.dumps([{"audio": {"path": "clips/a.wav", "bytes": None}, "text": "rain"}])
    assert facts(listed(tmp_path, data, "p.json")) == [("clips/a.wav", "rain", 0.0)]


def test_rows_without_labels_or_source_go_without(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "x", "labels": None, "group": None},
        {"id": "b", "text": "y", "labels": 3, "group": "g"},
    ]
    found = listed(tmp_path, json.dumps(rows), "p.json").prompts
    assert [(prompt.group, prompt.labels) for prompt in found] == [("a", ()), ("g", ("3",))]


def test_one_length_for_all_takes_the_column_s_place(tmp_path: Path) -> None:
    table = "id,caption,length\na,rain,57 words\n"
    assert facts(listed(tmp_path, table, seconds=4.0)) == [("a", "rain", 4.0)]
    with pytest.raises(UserError, match=r"--seconds is 0\.0"):
        listed(tmp_path, table, seconds=0.0)


def test_prompts_given_by_id_are_read_as_strictly(tmp_path: Path) -> None:
    assert facts(list_prompts(Brief({"a": "rain"}, seconds=2.0))) == [("a", "rain", 2.0)]
    with pytest.raises(UserError, match="entry 2: 'prompt' is empty"):
        list_prompts(Brief({"a": "rain", "b": " "}))
    with pytest.raises(UserError, match="holds no prompts"):
        list_prompts(Brief({}))


@pytest.mark.parametrize(
    ("stem", "prompt"),
    [
        ("a_dog_barks-3", "a dog barks"),
        ("rain on a tin roof", "rain on a tin roof"),
        ("glass-breaking_(2)", "glass breaking"),
        ("808 drum", "808 drum"),
        ("wind", "wind"),
    ],
)
def test_a_name_says_its_prompt(stem: str, prompt: str) -> None:
    assert prompt_in_name(stem) == prompt


def test_takes_of_one_prompt_are_one_source(tmp_path: Path) -> None:
    """Else an interval would take two takes for two sounds."""
    for name in ("rain-1.wav", "rain-2.wav", "wind.wav"):
        (tmp_path / name).touch()
    found = list_prompts(Brief("names", sounds=[tmp_path])).prompts
    assert [(prompt.id, prompt.group) for prompt in found] == [("rain-1", "rain"), ("rain-2", "rain"), ("wind", "wind")]


def test_texts_beside_the_sounds(tmp_path: Path) -> None:
    for name in ("a.wav", "b.mp3"):
        (tmp_path / name).touch()
    (tmp_path / "a.txt").write_text("rain\non a roof\n", encoding="utf-8")
    (tmp_path / "b.json").write_text('{"caption": "wind"}', encoding="utf-8")
    assert facts(list_prompts(Brief(sounds=[tmp_path]))) == [("a", "rain on a roof", 0.0), ("b", "wind", 0.0)]
    for name in ("c.wav", "d.wav"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"c\.wav: neither c\.txt nor c\.json lies beside it; .*d\.wav"):
        list_prompts(Brief(sounds=[tmp_path]))


def test_folders_must_agree_on_a_prompt(tmp_path: Path) -> None:
    for folder, text in (("x", "rain"), ("y", "wind")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.wav").touch()
        (tmp_path / folder / "a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="not that of 'a' in another folder"):
        list_prompts(Brief(sounds=[tmp_path / "x", tmp_path / "y"]))


@pytest.mark.parametrize("brief", [Brief(), Brief("names"), Brief(columns={"id": "x"})])
def test_no_prompts_at_all_says_the_option(brief: Brief) -> None:
    with pytest.raises(UserError, match="--prompts FILE"):
        list_prompts(brief)


def sampled(folder: Path, names: list[str], samples: int, prompts: Literal["names"] | None = "names") -> dict[str, str]:
    for name in names:
        (folder / name).touch()
    found = list_prompts(Brief(prompts=prompts, sounds=[folder], samples=samples))
    return {prompt.id: prompt.text for prompt in found.prompts}


def test_sounds_that_differ_in_their_number_alone_are_of_one_prompt(tmp_path: Path) -> None:
    names = ["a_dog.wav", "a_dog.s1.wav", "door-2.wav", "door-2.s1.wav"]
    assert sampled(tmp_path, names, 2) == {"a_dog": "a dog", "door-2": "door"}
    assert list(sampled(tmp_path, names, 1)) == ["a_dog.s1", "a_dog", "door-2.s1", "door-2"]


def test_the_numbers_of_others_are_taken_where_evalkits_own_are_not_there(tmp_path: Path) -> None:
    assert sampled(tmp_path, ["a_dog_1.wav", "a_dog_2.wav", "rain_1.wav", "rain_2.wav"], 2) == {
        "a_dog": "a dog",
        "rain": "rain",
    }


def test_a_text_beside_the_first_sound_or_beside_each_is_that_of_all(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a dog")
    for name in ("y.txt", "y.s1.txt"):
        (tmp_path / name).write_text("rain")
    assert sampled(tmp_path, ["x.wav", "x.s1.wav", "y.wav", "y.s1.wav"], 2, None) == {"x": "a dog", "y": "rain"}
    (tmp_path / "y.s1.txt").write_text("snow")
    with pytest.raises(UserError, match=r"its text is not that of 'y' in another file"):
        sampled(tmp_path, [], 2, None)


def test_evalkits_own_number_is_no_word_of_a_prompt() -> None:
    assert prompt_in_name("rain.s1") == "rain" and prompt_in_name("a_dog-3") == "a dog"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("unclosed.csv", 'id,caption\na,"rain\nb,wind\n', ("is not CSV",)),
        ("late.csv", 'id, caption\na, "rain"\nb, "wind"\n', ("lines 2, 3: a quote stands behind a space", "take the")),
        ("nested.json", '[{"id": "a", "caption": {"en": "rain"}}, {"id": "b", "caption": [[1]]}]', ("entries 1, 2: ",)),
        ("strange.csv", "id,words\na,rain\nb\n", ("no column is called prompt", "line 3: has 1 fields")),
        (
            "late.jsonl",
            '{"id": "a", "words": "rain"}\n{"id"',
            ("no column is called prompt", "line 2: cannot be read as JSON"),
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_what_is_wrong_with_its_columns(
    name: str, content: str, told: tuple[str, ...], tmp_path: Path
) -> None:
    """A quote that nobody closes was told as a column that is missing; `a, "rain"` was a prompt with its quotes."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        list_prompts(Brief(prompts=tmp_path / name))
    assert all(each in str(refused.value) for each in told), str(refused.value)


@pytest.mark.parametrize(("stem", "text"), [
    ("a%20dog%2C%20far%20away", "a dog, far away"), ("a+dog+barks", "a dog barks"), ("c++ is loud", "c++ is loud"),
    ("100%_rain", "100% rain"), ("caf%C3%A9_music-2", "caf\u00e9 music"),
])  # fmt: skip
def test_a_name_as_addresses_write_it_is_read_as_the_prompt_that_it_was(stem: str, text: str) -> None:
    assert prompt_in_name(stem) == text


def test_two_texts_beside_a_sound_must_be_one(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    for name, said in (("a", "rain "), ("b", "wind")):
        (tmp_path / f"{name}.txt").write_text("rain\n", encoding="utf-8")
        (tmp_path / f"{name}.json").write_text(json.dumps({"caption": said}), encoding="utf-8")
    with pytest.raises(UserError, match=r"b\.txt and b\.json beside it say different texts") as refused:
        list_prompts(Brief(sounds=[tmp_path]))
    assert "a.txt" not in str(refused.value)


def test_a_list_of_prompts_in_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "metadata.csv").write_text("id,caption\na,rain\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"or say --prompts .*metadata\.csv"):
        list_prompts(Brief(sounds=[tmp_path]))
