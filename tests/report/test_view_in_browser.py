"""What a reader changes of the page: which runs and columns are shown, its colours, its width, and paper."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.report.page import write_report
from evalkit.report.trend import write_trend

Make = Callable[..., Path]
ROWS = (
    "Array.from(document.querySelectorAll('table.board tbody tr')).filter(n => n.checkVisibility())"
    ".map(n => n.dataset.run).sort().join('')"
)
HEADS = (
    "Array.from(document.querySelectorAll('table.board thead [data-metric]')).filter(n => n.checkVisibility())"
    ".map(n => n.dataset.metric).join()"
)
CHOICE = "Array.from(document.querySelectorAll('.choice input'))"
NOTE = "document.querySelector('.hidden-note')"
HOSTILE = (
    "#s1-scores?hide=%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E&hide=s1.%22%5D%2Cbody%5B%22&hide=%E0%A4%A",
    "#%22%5D<script>window.pwned=1</script>?hide=constructor&hide=s1.__proto__&hide=s9.A",
    "#?hide=" + "s1.Z&hide=" * 20_000,
    "#?????&&&===%00%ff",
)


def wrong(browser: Any) -> list[Any]:
    """Errors of the page, and what it asked of anything but itself."""
    return [
        event
        for event in browser.events
        if event.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
        or (
            event.get("method") == "Network.requestWillBeSent"
            and not event["params"]["request"]["url"].startswith(("file:", "data:"))
        )
    ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("view") / "r.html"


@pytest.fixture
def page(make_run: Make, with_further: Any, kept: Path) -> Path:
    """Three runs, one without a distance; made once."""
    if kept.exists():
        return kept
    runs = [make_run(name, fd=fd, seed=at, change=with_further) for at, (name, fd) in enumerate([("a", 90), ("b", 70)])]
    return write_report([*runs, make_run("a-very-long-name-of-a-model/of-somebody", fd=None, seed=3)], kept)


def go(browser: Any, address: str) -> None:
    """Open the page that is open, anew, at another hash."""
    browser.run(f"location.hash = {json.dumps(address)}")
    browser.events.clear()
    browser.send("Page.reload")
    while not any(event.get("method") == "Page.loadEventFired" for event in browser.events):
        browser.events.append(browser._next())


def test_hidden_runs_and_columns_are_told_and_stay_in_the_address(page: Path, browser: Any) -> None:
    browser.open(page)
    assert browser.run(ROWS) == "ABC"
    browser.run(f"{CHOICE}[1].click()")
    browser.run(f"{CHOICE}[4].click()")
    heads = browser.run(HEADS)
    assert browser.run(ROWS) == "AC"
    assert len(heads.split(",")) == 2
    seen = "Array.from(document.querySelectorAll('[data-run=\"B\"]')).filter(n => n.getClientRects().length).length"
    assert browser.run(seen) == 0, "charts, players, failed items and speed leave out what is hidden too"
    assert "b" in browser.run(f"{NOTE}.innerText") and "Ranks stay those of all 3 runs" in browser.run(
        f"{NOTE}.innerText"
    )
    browser.run("document.querySelector('.parts a').click()")
    browser.until("location.hash.startsWith('#s1-scores?hide=')")
    address = browser.run("location.hash")
    go(browser, address)
    assert [browser.run(ROWS), browser.run(HEADS), browser.run("location.hash")] == ["AC", heads, address]
    browser.run(f"{NOTE}.querySelector('button').click()")
    assert browser.run(ROWS) == "ABC"
    assert browser.run("location.hash") == "#s1-scores"
    assert wrong(browser) == []


def test_a_hidden_run_is_not_heard(page: Path, browser: Any) -> None:
    browser.open(page)
    keys = "Array.from(document.querySelector('.entry').querySelectorAll('.choose')).filter(n => n.checkVisibility())"
    assert browser.run(f"{keys}.map(n => n.textContent).join('')") == "123"
    browser.run(f"{CHOICE}[0].click()")
    assert browser.run(f"{keys}.map(n => n.textContent).join('')") == "12"
    chosen = "document.querySelector('.entry .chosen').dataset.run"
    assert browser.run(chosen) == "B", "the player goes to a sound that is there"
    for place in (1, 2):
        browser.run(f"{CHOICE}[{place}].click()")
    assert browser.run("document.querySelector('.entry .transport').checkVisibility()") is False
    browser.run(f"{CHOICE}[2].click()")
    assert browser.run(f"{keys}.map(n => n.textContent).join('')") == "1"
    assert wrong(browser) == []


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_address_does_nothing(page: Path, browser: Any, address: str) -> None:
    browser.open(page)
    go(browser, address)
    assert browser.run(ROWS) == "ABC"
    assert browser.run("typeof window.pwned") == "undefined"
    assert browser.run(f"{NOTE}.hidden") is True
    browser.run(f"{CHOICE}[0].click()")
    assert browser.run("new URLSearchParams(location.hash.split('?').pop()).getAll('hide').join()") == "s1.A"
    assert wrong(browser) == []


def test_a_theme_is_kept(page: Path, tmp_path: Path, browser: Any) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    choose = (
        "(s => {{ s.value = {!r}; s.dispatchEvent(new Event('change')); }})(document.querySelector('.theme select'))"
    )
    light, dark = "rgb(250, 249, 245)", "rgb(20, 23, 26)"
    try:
        browser.open(page)
        assert browser.run(ground) == light
        browser.run(choose.format("dark"))
        assert browser.run(ground) == dark
        browser.open(page)
        assert browser.run(ground) == dark, "kept"
        browser.run(choose.format("light"))
        browser.open(page, dark=True)
        assert browser.run(ground) == light, "whatever the machine has"
        browser.run("localStorage.setItem('evalkit-theme', '\"><script>')")
        browser.open(page, dark=True)
        assert browser.run(ground) == dark
        assert wrong(browser) == []
    finally:
        browser.run("localStorage.removeItem('evalkit-theme')")


def test_the_bar_and_a_tables_head_stay_in_sight(page: Path, browser: Any) -> None:
    browser.open(page)
    place = "document.querySelector('{}').getBoundingClientRect().top"
    browser.run(
        "(n => scrollTo({ top: n.getBoundingClientRect().top + scrollY, behavior: 'instant' }))"
        "(document.querySelector('table.board tbody tr:first-child'))"
    )
    browser.until(f"{place.format('.parts')} === 0")
    bar = browser.run("document.querySelector('.parts').offsetHeight")
    browser.until(f"Math.abs({place.format('table.board thead th')} - {bar}) <= 1")
    targets = "Array.from(document.querySelectorAll('.parts a')).map(n => !!document.getElementById(n.hash.slice(1)))"
    assert set(browser.run(targets)) == {True}
    assert "findings" in browser.run("document.querySelector('.parts').innerHTML")


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_telephone_the_headline_numbers_need_no_sideways_scrolling(page: Path, browser: Any, width: int) -> None:
    browser.open(page, width=width)
    box = "document.querySelector('table.board').parentElement"
    assert browser.run(f"{box}.scrollWidth <= {box}.clientWidth")
    assert browser.run("document.scrollingElement.scrollWidth") <= width
    lines = "Array.from(document.querySelectorAll('.board .interval')).map(n => { const r = document.createRange();"
    lines += "r.selectNodeContents(n.lastChild); return r.getClientRects().length; })"
    assert set(browser.run(lines)) == {1}, "an interval stays whole"
    right = (
        "Math.max(...Array.from(document.querySelectorAll('.board td *')).map(n => n.getBoundingClientRect().right))"
    )
    assert browser.run(right) <= width
    names = "Array.from(document.querySelectorAll('.board td.value')).map(n => getComputedStyle(n, '::before').content)"
    assert browser.run(names)[0] == '"FD-OpenL3"', "each number says of what it is"
    assert browser.run("document.querySelectorAll('.board thead button').length") == 4, "sorting stays"


def test_paper_has_the_tables_and_no_players(page: Path, browser: Any) -> None:
    browser.open(page)
    browser.send("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    gone = "Array.from(document.querySelectorAll('audio, .entry, .transport, .parts, .theme, .choice, .tools'))"
    assert browser.run(f"{gone}.filter(n => n.checkVisibility()).length") == 0
    told = browser.run("document.body.innerText")
    for words in (
        "FD-OpenL3",
        "Ranges are 95 % intervals",
        "protocol mini-1",
        "Further measures",
        "evalkit run --model",
    ):
        assert words in told
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = base64.b64decode(browser.send("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})["data"])
    browser.send("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_the_trend(tmp_path: Path, browser: Any, width: int, dark: bool) -> None:
    score = {"value": 52.9, "low": 50, "high": 55, "direction": "lower", "n": 64, "baseline": 53, "verdict": "pass"}
    line = {"schema": 1, "kind": "evalkit-history", "time": "2026-11-20T03:10:00Z", "commit": "9f" * 20, "run_id": "r"}
    line |= {"model": "m", "suite": "mini", "protocol": "mini-1", "baseline": "b", "verdict": "pass"}
    history = tmp_path / "h.jsonl"
    history.write_text(f"{json.dumps(line | {'metrics': {'fd_openl3': score}})}\n" * 3)
    write_trend(history, tmp_path / "t.html")
    browser.open(tmp_path / "t.html", width=width, dark=dark)
    assert browser.run("document.scrollingElement.scrollWidth") <= width
    assert browser.violations() == []
    assert wrong(browser) == []


def test_axe_finds_nothing_where_all_is_unfolded(page: Path, browser: Any) -> None:
    browser.open(page, width=390)
    browser.run("document.querySelectorAll('details').forEach(n => { n.open = true; })")
    browser.run(f"{CHOICE}[1].click()")
    assert browser.violations() == []


def test_names_stay_whole_and_in_sight_beside_a_papers_many_columns(
    make_run: Make, tmp_path: Path, browser: Any
) -> None:
    """`meanaudio_1nf` and `e` below it are no name, and a number far to the right is nobody's."""

    def many(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        scores |= {f"own_{at}": {**scores["fd_openl3"], "headline": True} for at in range(6)}

    names = ("meanaudio_ac_25nfe", "consistencytta_1nfe", "m" * 90)
    runs = [make_run(name, seed=at, change=many) for at, name in enumerate(names)]
    browser.open(write_report(runs, tmp_path / "page.html"))
    lines = "Array.from(document.querySelectorAll('table.board .name bdi'), n => n.getClientRects().length)"
    assert sorted(browser.run(lines))[:2] == [1, 1]
    table = "document.querySelector('.board').closest('.scroll')"
    assert browser.run(f"{table}.scrollWidth > {table}.clientWidth + 300")
    browser.run(f"{table}.scrollLeft = 300")
    left = "document.querySelector('table.board tbody th').getBoundingClientRect().left"
    assert browser.run(f"{left} - {table}.getBoundingClientRect().left") == 0
    assert wrong(browser) == []
