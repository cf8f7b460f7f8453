"""Slices on the page: chosen by column, readable without a script, on a narrow screen and in print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.comparison.pairs import pairs
from evalkit.report.board import boards
from evalkit.report.comparison import write_comparison
from evalkit.report.entrants import entrants_of
from evalkit.report.page import write_report
from evalkit.report.records import read_runs
from evalkit.report.slice_view import MOST_WAYS, slices_of
from evalkit.store.prompt_columns import column_name

Make = Callable[..., Path]
HOSTILE = "</option></script><img src=x onerror=window.pwned=1>"
PROMPTS = [(f"p{place}", "One two." + " three" * (place % 3), ["dog"]) for place in range(12)]
CHOICE = "Array.from(document.querySelectorAll('.choice input'))"
SHOWN = "Array.from(document.querySelectorAll('.slice')).map(one => one.getClientRects().length > 0)"


def with_columns(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for name in ("kl_passt", "clap_score"):
        values = [row[name] for row in rows if row[name] is not None]
        scores[name] |= {"value": sum(values) / len(values), "n": len(values), "n_failed": len(rows) - len(values)}
    for place, row in enumerate(rows):
        row[column_name("genre")] = [HOSTILE, "jazz"][place % 2]
        row[column_name(HOSTILE)] = float(place)
        if place < 2:
            row[column_name("rare")] = "few"
        else:
            row[column_name("rare")] = None


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slices") / "page.html"


@pytest.fixture
def page(make_run: Make, kept: Path) -> Path:
    """Two runs with columns of their own; made once."""
    if kept.exists():
        return kept
    runs = [
        make_run("a", prompts=PROMPTS, fail=("p0", "p1"), change=with_columns),
        make_run("b", seed=1, prompts=PROMPTS, fail=("p0", "p1"), change=with_columns),
    ]
    return write_report(runs, kept, "none", published=())


def choose(browser: Any, by: str) -> None:
    browser.run(
        "(() => { const one = document.querySelector('.slice-by');"
        f" one.selectedIndex = Array.from(one.options).findIndex(each => each.text === {by!r});"
        " one.dispatchEvent(new Event('change')); })()"
    )


def test_a_column_is_chosen_and_its_table_alone_is_shown(page: Path, browser: Any) -> None:
    browser.open(page)
    names = browser.run("Array.from(document.querySelector('.slice-by').options).map(one => one.text)")
    assert names == ["labels", "words", "seconds", "genre", HOSTILE, "rare"]
    assert browser.run(SHOWN) == [True, *[False] * 5]
    choose(browser, "genre")
    assert browser.run(SHOWN).index(True) == 3 and sum(browser.run(SHOWN)) == 1
    assert browser.run("document.getElementById('announce').textContent") == "Slices by genre"
    text = browser.run("document.querySelectorAll('.slice')[3].innerText")
    assert HOSTILE in text and "jazz" in text and "KL-PaSST" in text and "A − B" in text and "5 sources" not in text
    assert "1 failed" in text and "not sliced: FD-OpenL3" in text
    choose(browser, "rare")
    text = browser.run("document.querySelectorAll('.slice')[5].innerText")
    assert "n 0, 2 failed" in text and "n/a" in text, "a slice in which all failed is told"
    assert browser.run("window.pwned") is None


def test_a_page_that_is_read_again_keeps_what_was_chosen_and_shows_it(page: Path, browser: Any) -> None:
    """Firefox restores a form's values: the table must be that of the choice."""
    browser.open(page)
    browser.run("document.querySelector('.slice-by').selectedIndex = 4")
    script = (page.read_text(encoding="utf-8").split("// One table of slices")[1]).split("</script>")[0]
    browser.run(f"//{script}\n0")
    assert browser.run(SHOWN).index(True) == 4


def test_with_script_off_the_first_is_shown_and_the_others_are_named(page: Path, browser: Any) -> None:
    browser.open(page, script=False)
    assert browser.run(SHOWN) == [True, *[False] * 5]
    markup = page.read_text(encoding="utf-8")
    assert markup.count('<div class="slice">') == 1 and markup.count('<div class="slice" hidden>') == 5
    assert "<noscript><p" in markup and '<p class="slice-choice" hidden>' in markup
    assert "evalkit report RUN --by COLUMN prints the others" in markup


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_axe_finds_nothing_and_the_page_is_no_wider_than_its_screen(
    page: Path, browser: Any, width: int, dark: bool
) -> None:
    browser.open(page, width=width, dark=dark)
    choose(browser, "genre")
    assert browser.violations("'.slices'") == []
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_print_has_the_chosen_table_and_no_chooser(page: Path, browser: Any) -> None:
    browser.open(page)
    choose(browser, "genre")
    browser.send("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert browser.run(SHOWN).index(True) == 3 and sum(browser.run(SHOWN)) == 1
        assert browser.run("document.querySelector('.slice-choice').getClientRects().length") == 0
    finally:
        browser.send("Emulation.setEmulatedMedia", {"media": ""})


def test_very_many_columns_are_some_and_the_rest_is_named(make_run: Make) -> None:
    def many(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        with_columns(facts, scores, rows)
        for row in rows:
            row |= {column_name(f"c{place}"): "a" for place in range(20)}

    found = slices_of(boards(read_runs([make_run(prompts=PROMPTS, change=many)]))[0])
    assert len(found.tables) == MOST_WAYS and "18 further columns" in found.further


def test_without_values_by_prompt_there_is_no_section(make_run: Make, tmp_path: Path) -> None:
    page = write_report([make_run()], tmp_path / "page.html", "none", published=()).read_text(encoding="utf-8")
    assert 'class="slices"' not in page and ">Slices<" not in page


def test_hidden_runs_and_columns_leave_differences_and_slices(make_run: Make, tmp_path: Path, browser: Any) -> None:
    """On the page of `compare`, where the letters are told before a difference is named by them."""
    made = {"prompts": PROMPTS, "change": with_columns}
    records = read_runs([make_run(name, fd=fd, seed=fd, **made) for name, fd in (("a", 90), ("b", 70))])
    entrants = entrants_of(records)
    sides = [record.side for record in records if record.side is not None]
    write_comparison(entrants, pairs(sides, ["fd_openl3", "clap_score"]), tmp_path / "c.html")
    browser.open(tmp_path / "c.html")
    seen = ".filter(n => n.checkVisibility()).map(n => n.innerText.trim().replace(/\\s+/g, ' '))"
    rows = f"Array.from(document.querySelectorAll('.differences tbody tr')){seen}"
    told = browser.run("document.querySelector('.differences').innerText")
    assert told.index("A a") < told.index("B b") < told.index("B − A")
    first, second = browser.run(rows)
    assert first.startswith("FD-OpenL3 ↓") and "−20" in first and second.startswith("CLAP")
    choose(browser, "words")
    slices = f"Array.from(document.querySelectorAll('.slice')[1].querySelectorAll('thead th')){seen}"
    assert [each[:1] for each in browser.run(slices)[2:]] == ["A", "B", "A"]
    browser.run(f"{CHOICE}[2].click()")
    assert browser.run(rows) == [second], "a column that is hidden"
    browser.run(f"{CHOICE}[2].click()")
    browser.run(f"{CHOICE}[0].click()")
    assert browser.run(rows) == [] and [each[:1] for each in browser.run(slices)[2:]] == ["B"]
    cells = "Array.from(document.querySelectorAll('.slice')[1].querySelectorAll('tbody tr:nth-child(2) td'))"
    assert browser.run(f"{cells}.filter(n => n.checkVisibility()).length") == 2 * browser.run(
        "document.querySelectorAll('.slice')[1].querySelectorAll('tbody').length"
    ), "of each metric how many prompts, and B"
    browser.run("document.querySelector('.hidden-note button').click()")
    assert browser.run(rows) == [first, second]
