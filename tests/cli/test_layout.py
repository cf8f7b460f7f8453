"""Tables in terminals of any width: what stands in them is read, compared and typed again, so none of it breaks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from evalkit.cli.layout import blocks, paragraph, table

INTERVALS = ["52.9 [48.8, 57.0]\nrank 1, n 64", "−0.007 [−0.120, 0.106]\nrank 1–2", "0.182 [0.152, 0.213] 95%"]
WORD = st.text("abcdefghijklmnop-/", min_size=1, max_size=20)


@pytest.mark.parametrize("width", [44, 60, 80, 200])
def test_no_interval_is_broken_whatever_the_width(width: int) -> None:
    console = Console(width=width, color_system=None)
    columns = [["run", "A  stable-audio-mini\n(mini)", "B  mock", "C  m"], *([name, *INTERVALS] for name in "pqrstu")]
    for told in (
        blocks(console, columns),
        table(console, [[each.replace("\n", " ") for each in c] for c in columns]),
    ):
        assert told.count("[48.8, 57.0]") == told.count("[−0.120, 0.106]") == told.count("[0.152, 0.213] 95%") == 6
        for name in ("stable-audio-mini", *"pqrstu"):
            assert re.search(rf"(?<!\S){name}(?!\S)", told), name


def test_a_boards_columns_go_on_below_under_the_runs_again() -> None:
    columns = [["run", "A  one", "B  two"], *([f"metric-{at}", "52.9 [48.8, 57.0]", "1 [0, 2]"] for at in range(6))]
    lines = blocks(Console(width=80, color_system=None), columns).splitlines()
    assert max(map(len, map(str.rstrip, lines))) <= 80
    assert sum(line.startswith("A  one") for line in lines) == 2
    assert [each for line in lines for each in re.findall(r"metric-\d", line)] == [f"metric-{at}" for at in range(6)]


@given(st.lists(st.lists(st.lists(WORD, max_size=4).map(" ".join), min_size=3, max_size=3), min_size=1, max_size=8))
def test_every_word_is_there_whole_and_nothing_is_wider_than_it_must_be(columns: list[list[str]]) -> None:
    words = sorted(word for cells in columns for cell in cells for word in cell.split())
    console = Console(width=50, color_system=None)
    told = table(console, columns)
    assert sorted(told.split()) == words
    told = blocks(console, columns)
    assert set(told.split()) == set(words) and max(map(len, map(str.rstrip, told.splitlines())), default=0) <= 50


def test_markup_in_a_name_is_plain_text() -> None:
    told = blocks(Console(width=200), [["run", "[/bold] [link=x]m[/link]"], ["v", "1"]])
    assert "[/bold] [link=x]m[/link]" in told


@given(st.lists(WORD, min_size=1, max_size=40), st.integers(10, 100), st.sampled_from(["", "speed:  ", "  a_metric: "]))
def test_prose_breaks_between_words_alone_and_says_all_of_them(words: list[str], width: int, label: str) -> None:
    told = paragraph(Console(width=width, color_system=None), label, " ".join(words))
    assert (label + " ".join(words)).split() == told.split()
    for line in told.splitlines():
        assert len(line) <= width or len(line.removeprefix(label).split()) == 1, "one word alone may be too wide"


def test_a_line_about_speed_fits_the_terminal() -> None:
    text = (
        "0.464 s per clip, 0.0928 s per second of audio (cpu, float32, 50 steps, warm-up included), peak memory 640 MiB"
    )
    told = paragraph(Console(width=80, color_system=None), "speed:  ", text)
    assert max(map(len, told.splitlines())) <= 80
    assert told.splitlines()[1].startswith("        ")
    told = paragraph(Console(width=30, color_system=None), "note 1: ", "the loss is 4.1 [−2.3, 9.8] 95% here")
    assert "4.1 [−2.3, 9.8] 95%" in told
