"""No text can disturb the line, the terminal or the file that it stands in, and none is an error to print."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.text import carried, clean, escaped, one_line, part_of, visible


@given(st.text())
def test_any_text_becomes_text_that_can_be_written(text: str) -> None:
    """A lone surrogate or a NUL in a prompt must not stop the report."""
    shown = clean(text)
    shown.encode("utf-8")
    assert not any(char < " " and char not in "\n\t" for char in shown)


def test_lone_surrogates_controls_and_overrides_are_made_visible() -> None:
    assert clean("a\ud800b") == "a?b"
    assert clean("a\0b\x1b[31m") == "a␀b␛[31m"
    assert clean("good\u202elive") == "good[U+202E]live"


def test_a_huge_text_is_cut_and_says_so() -> None:
    assert clean("x" * 1_000_000) == "x" * 2000 + "… (1,000,000 characters)"
    assert one_line(" a\n b ") == "a b"


@given(st.text())
def test_nothing_visible_moves_a_cursor_or_turns_a_line_around(text: str) -> None:
    shown = visible(text)
    assert not any((char < " " and char not in "\n\t") or "\x7f" <= char < "\xa0" for char in shown)
    assert not any("\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" for char in shown)


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp1252", "utf-8"]))
def test_every_text_can_be_carried_by_every_output(text: str, encoding: str) -> None:
    carried(visible(text), encoding).encode(encoding)


def test_signs_become_words_where_they_cannot_be_carried() -> None:
    assert carried("FD ↓ 3.2 × −1 · mini", "ascii") == "FD lower 3.2 x -1 | mini"
    assert carried("FD ↓ 3.2 × −1 · mini", "utf-8") == "FD ↓ 3.2 × −1 · mini"
    assert carried("naïve ☃", "latin-1") == "naïve \\u2603"


@given(st.text())
def test_escaped_json_is_the_same_value_without_a_control_character(text: str) -> None:
    written = escaped(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(written) == {"a": text}
    written.encode("utf-8")
    assert visible(written) == written


def test_a_part_is_counted_as_a_person_says_it() -> None:
    """Not "1 of 1 prompts have"."""
    assert part_of(1, 1, "prompt", "has", "have") == "1 of 1 prompt has"
    assert part_of(1, 1200, "sound", "is", "are") == "1 of 1,200 sounds is"
    assert part_of(0, 2, "sound") == "0 of 2 sounds" and part_of(2, 2, "sound", "is", "are") == "2 of 2 sounds are"
