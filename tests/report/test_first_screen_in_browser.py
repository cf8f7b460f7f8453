"""The first screen in a real browser, and the way from it: one prompt plays, few stops of Tab, no fault for axe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evalkit_at_the_page import faults
from evalkit_ramps import ENDLESS, Make

from evalkit.report.page import write_report


@pytest.fixture
def page(page_of_ramps: Path) -> Path:
    return page_of_ramps


def test_the_first_screen_plays_each_run_and_the_reference_of_one_prompt(page: Path, browser: Any) -> None:
    buttons = "Array.from(document.querySelectorAll('.first .remote button'))"
    heard = "Array.from(document.querySelectorAll('audio')).filter((one) => !one.paused).map((one) => "
    whose = heard + "one.closest('.take').dataset.run || 'R').join()"
    browser.open(page)
    browser.run(ENDLESS)
    names = browser.run(f"{buttons}.map(n => n.textContent)")
    typical = browser.run("document.querySelector('.first').dataset.entry")
    wanted = browser.run(
        f"Array.from(document.getElementById({typical!r}).querySelectorAll('.choose'), n => n.ariaLabel)"
    )
    assert names == wanted
    assert browser.run(f"Math.max(...{buttons}.map(n => n.getBoundingClientRect().bottom)) < innerHeight")
    assert browser.run(f"{buttons}.filter(n => n.tabIndex === 0).length") == 1
    browser.run(f"{buttons}[1].click()")
    browser.until(f"{whose} === 'A'")
    browser.until(f"{buttons}.map(n => n.getAttribute('aria-pressed')).join() === 'false,true,false,false,false'")
    browser.run(f"{buttons}[0].click()")
    browser.until(f"{whose} === 'R'")
    browser.run(f"{buttons}[0].click()")
    browser.until(f"{whose} === ''")
    browser.run("document.querySelector('.blindly').click()")
    assert "model" not in browser.run("document.querySelector('.first').innerText")
    browser.run(f"{buttons}[0].focus()")
    browser.press("ArrowRight", 39)
    assert browser.run(f"{buttons}.indexOf(document.activeElement)") == 1
    assert faults(browser) == []


def test_the_only_sound_of_a_prompt_is_played_by_a_button_that_says_so(
    make_run: Make, tmp_path: Path, browser: Any
) -> None:
    """A page of one run does not repeat its name at each sound; a button labelled "1:" tells nobody what it does."""
    browser.open(write_report([make_run()], tmp_path / "page.html", published=()))
    assert browser.run("document.querySelector('.first .remote button').textContent") == "Play"
    assert browser.run("document.querySelector('.choose').ariaLabel") == "1: sound"


def test_the_player_of_a_page_of_one_run_stands_above_its_sound(make_run: Make, tmp_path: Path, browser: Any) -> None:
    """A grid of two rows had no third: button and slider stood behind the picture of the only sound, out of reach."""
    browser.open(write_report([make_run()], tmp_path / "page.html", published=()))
    place = "getBoundingClientRect()"
    gaps = browser.run(
        "Array.from(document.querySelectorAll('.solo .transport'),"
        f" n => n.nextElementSibling.{place}.top - n.{place}.bottom)"
    )
    assert gaps and min(gaps) >= 0


def test_without_a_script_the_first_screen_leads_to_the_prompt(page: Path, browser: Any) -> None:
    browser.open(page, script=False)
    link = browser.run("document.querySelector('.first a').hash")
    assert browser.run(f"document.querySelector({link!r}).querySelectorAll('audio[controls]').length") >= 4


def test_a_keyboard_reaches_the_table_and_a_prompt_in_under_ten_stops(page: Path, browser: Any) -> None:
    def stops(wanted: str) -> int:
        for count in range(1, 40):
            browser.press("Tab", 9)
            if browser.run(f"!!document.activeElement.closest({wanted!r})"):
                return count
            skip = "document.activeElement.matches('.skip') && document.activeElement.hash.endsWith('-prompts')"
            if "entry" in wanted and browser.run(skip):
                browser.press("Enter", 13)
        raise AssertionError("never")

    browser.open(page)
    assert stops("table.board, .scroll") < 10
    browser.open(page)
    assert stops(".entry") < 10
    browser.press("Tab", 9)
    assert browser.run("document.activeElement.closest('.entry').dataset.place") == "2", "one stop a prompt"


def test_prompts_in_the_order_of_what_one_looks_for(page: Path, browser: Any) -> None:
    browser.open(page)
    choose = (
        "(o => {{ o.value = Array.from(o.options).find(one => one.text === {!r}).value;"
        "o.dispatchEvent(new Event('change')); }})(document.querySelector('.order'))"
    )
    values = "Array.from(document.querySelectorAll('.entry')).map(n => Number(n.getAttribute('data-{}')))"
    browser.run(choose.format("CLAP score, worst first"))
    place = browser.run("document.querySelector('.order').value.split(' ')[0]")
    assert browser.run(values.format(place)) == sorted(browser.run(values.format(place)))
    browser.run(choose.format("CLAP score, best first"))
    assert browser.run(values.format(place)) == sorted(browser.run(values.format(place)), reverse=True)
    browser.run(choose.format("CLAP score, most different between runs first"))
    apart = browser.run(values.format(place.replace("order", "apart")))
    assert apart == sorted(apart, reverse=True)
    browser.run(choose.format("by tag"))
    assert browser.run("Array.from(document.querySelectorAll('.entry')).map(n => n.dataset.tag)") == [
        "bee",
        "cat",
        "dog",
    ]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(page: Path, browser: Any, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    assert browser.violations() == []
    browser.run("document.querySelector('.blindly').click()")
    assert browser.violations() == []
