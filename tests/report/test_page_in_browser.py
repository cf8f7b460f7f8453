"""The page in a real browser: hostile text does nothing, sorting and filtering work, every size and theme fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.report.page import write_report

Make = Callable[..., Path]

PAYLOADS = [
    "</script><script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '" onmouseover="window.pwned=1" autofocus onfocus="window.pwned=1" x="',
    "javascript:window.pwned=1",
    "${window.pwned=1}",
    "{{ 6*7 }}{% for x in ().__class__.__mro__ %}{{ x }}{% endfor %}",
    "\u2028window.pwned=1//\u2029'\";window.pwned=1//",
    "<!-- --><script>window.pwned=1</script><!--",
    "</style><style>body{background:url(http://outside.invalid/x)}</style>",
    "<svg onload=window.pwned=1><script>window.pwned=1</script></svg>",
    "]]><script>window.pwned=1</script></title><script>window.pwned=1</script>",
    "<b onclick=window.pwned=1>huge</b>" * 30_000,
]

ORDER = "Array.from(document.querySelectorAll('table.board tbody .name')).map(node => node.textContent.trim())"


def poisoned(payload: str) -> Callable[[dict[str, Any], dict[str, Any], list[dict[str, Any]]], None]:
    """A change that puts `payload` into every text field of a run folder, keys included."""

    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {f"{key}": poison(inner) for key, inner in value.items()} | {payload: payload}
        if isinstance(value, list):
            return [*(poison(inner) for inner in value), payload]
        return payload if isinstance(value, str) else value

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        size = facts["suite"]["size"]
        poisoned_facts = poison(facts)
        facts.clear()
        facts.update(poisoned_facts)
        facts["error"] = payload
        if size == "mini":
            facts["suite"]["size"] = "mini"
        for score in scores.values():
            keep = score["direction"]
            score |= {name: payload for name, value in score.items() if isinstance(value, str)}
            score |= {"direction": keep, "warnings": [payload]}
        scores[payload] = dict(scores["clap_score"], direction=payload)
        for place, row in enumerate(rows):
            text = {"prompt": payload, "id": f"{place}{payload}", "labels": [payload], "group": payload}
            row |= text | {"error": payload, "verdicts": [payload], "lyrics": payload, payload: 0.5}
            row |= {"status": payload} if place == 3 else {}
            row |= {"audio": payload, "sha256": payload} if place == 2 else {}

    return change


def complaints(browser: Any) -> list[dict[str, Any]]:
    """Script errors, dialogs, policy violations, and requests to anything but the file itself and data."""
    wrong = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
    return [
        event
        for event in browser.events
        if event.get("method") in wrong
        or (
            event.get("method") == "Network.requestWillBeSent"
            and not event["params"]["request"]["url"].startswith(("file:", "data:"))
        )
    ]


def test_twelve_payloads_in_every_text_field_do_nothing(make_run: Make, tmp_path: Path, browser: Any) -> None:
    runs = [
        make_run(
            f"run-{place}", seed=place, size="mini" if place % 2 else "x", fail=("clock",), change=poisoned(payload)
        )
        for place, payload in enumerate(PAYLOADS)
    ]
    out = write_report(runs, tmp_path / "hostile.html")
    browser.open(out)
    browser.run(
        "document.querySelectorAll('*').forEach(node => ['mouseover', 'focus', 'click', 'load', 'error', 'toggle']"
        ".forEach(kind => { if (!node.closest('a')) node.dispatchEvent(new Event(kind)); }))"
    )
    assert browser.run("typeof window.pwned") == "undefined"
    assert complaints(browser) == []
    assert browser.run("[document.scripts.length, document.querySelectorAll('style').length]") == [2, 1]
    assert (
        browser.run("document.querySelectorAll('b, title:not(head > title), svg:not(.track):not(.chart)').length") == 0
    )
    attributes = (
        "Array.from(document.querySelectorAll('*')).flatMap(node => Array.from(node.attributes)).filter(one =>"
        " /^(on|style$|formaction|srcdoc)/.test(one.name) ||"
        " /^(src|href|srcset)$/.test(one.name) && !/^(#|data:(image|audio|text\\/csv|text\\/markdown"
        "|application\\/json|application\\/x-tex))/.test(one.value)"
        ").length"
    )
    assert browser.run(attributes) == 0
    shown = browser.run("document.body.textContent")
    assert "<img src=x onerror=window.pwned=1>" in shown
    assert "{{ 6*7 }}" in shown
    assert len(shown) < 3_000_000
    assert browser.run("document.scrollingElement.scrollWidth") <= 1280, "long words must not widen the page"


def test_columns_sort_by_click_and_by_keyboard(make_run: Make, tmp_path: Path, browser: Any) -> None:
    runs = [
        make_run("a", fd=300.0, clap=0.1, fail=()),
        make_run("b", fd=None, clap=0.3, fail=()),
        make_run("c", fd=20.0, clap=0.2, fail=()),
        make_run("d", fd=100.0, clap=None, fail=()),
    ]
    browser.open(write_report(runs, tmp_path / "r.html", audio="none"))
    names = f"{ORDER}.map(text => text[0]).join('')"
    heads = "document.querySelectorAll('table.board thead th')"
    assert browser.run(names) == "cdab"
    browser.run(f"{heads}[1].querySelector('button').click()")
    assert browser.run(names) == "adcb", "a second click turns the order, and n/a stays last"
    browser.run(f"{heads}[3].querySelector('button').focus()")
    browser.press("Enter", 13)
    assert browser.run(names) == "bcad", "a metric where more is better starts with its highest"
    assert browser.run(f"{heads}[3].getAttribute('aria-sort')") == "descending"
    assert browser.run("document.querySelectorAll('table.board [aria-sort]').length") == 1
    assert "Sorted by CLAP score" in browser.run("document.getElementById('announce').textContent")
    browser.run(f"{heads}[0].querySelector('button').click()")
    assert browser.run(names) == "abcd"
    assert complaints(browser) == []


def test_the_first_table_sorts_while_the_rest_is_still_to_come(make_run: Make, tmp_path: Path, browser: Any) -> None:
    """Megabytes of sound stand behind it: here they never come."""
    runs = [make_run("a", fd=300.0, fail=()), make_run("b", fd=20.0, fail=())]
    text = write_report(runs, tmp_path / "r.html").read_text(encoding="utf-8")
    begun = text[: text.index("</script>") + len("</script>")]
    assert "<audio" not in begun
    assert len(begun) < 100_000
    (tmp_path / "begun.html").write_text(begun, encoding="utf-8")
    browser.open(tmp_path / "begun.html")
    names = f"{ORDER}.map(text => text[0]).join('')"
    assert browser.run(names) == "ba"
    browser.run("document.querySelectorAll('table.board thead th')[1].querySelector('button').click()")
    assert browser.run(names) == "ab"
    assert "Sorted by FD-OpenL3" in browser.run("document.getElementById('announce').textContent")
    assert complaints(browser) == []


def test_prompts_filter_and_reorder(make_run: Make, tmp_path: Path, browser: Any) -> None:
    browser.open(write_report([make_run()], tmp_path / "r.html", audio="none"))
    shown = (
        "Array.from(document.querySelectorAll('.entry')).filter(node => !node.hidden).map(node => node.dataset.place)"
    )
    tools = "document.querySelector('.tools')"
    typed = "Object.assign({}.querySelector('.filter'), {{value: '{}'}}).dispatchEvent(new Event('input'))"
    browser.run(typed.format(tools, "DOG distance"))
    assert browser.run(shown) == ["4"]
    assert browser.run(f"{tools}.querySelector('.tally').textContent") == "1 of 8 prompts"
    browser.run(typed.format(tools, ""))
    browser.run(f"{tools}.querySelector('.flagged').click()")
    assert browser.run(shown) == ["5", "6"], "one with a verdict, one failed"
    browser.run(f"{tools}.querySelector('.flagged').click()")
    browser.run(
        f"(o => {{o.selectedIndex = 1; o.dispatchEvent(new Event('change'));}})({tools}.querySelector('.order'))"
    )
    worst = browser.run(shown)
    values = browser.run(
        "Array.from(document.querySelectorAll('.entry')).map(node => node.getAttribute('data-order-0'))"
    )
    numbers = [float(value) for value in values[:-1]]
    assert numbers == sorted(numbers, reverse=True)
    assert worst[-1] == "6", "the prompt without a value comes last"


def test_pictures_and_sound_really_load(make_run: Make, tmp_path: Path, browser: Any) -> None:
    browser.open(write_report([make_run("a"), make_run("b", fd=300.0)], tmp_path / "r.html"))
    assert browser.run("Array.from(document.images).every(image => image.complete && image.naturalWidth > 100)") is True
    seconds = browser.run(
        "new Promise((done, failed) => { const one = document.querySelector('audio');"
        "one.onloadedmetadata = () => done(one.duration); one.onerror = () => done(-1); one.load(); })"
    )
    assert seconds == pytest.approx(1.0, abs=0.15)
    labels = browser.run("Array.from(document.querySelectorAll('audio')).map(one => one.getAttribute('aria-label'))")
    assert labels[0] == "Prompt 1, run A"
    assert complaints(browser) == []


def test_sounds_and_pictures_in_a_folder_beside_the_page_really_load(
    make_run: Make, tmp_path: Path, browser: Any
) -> None:
    browser.open(write_report([make_run("a")], tmp_path / "a & b.html", "all"))
    assert browser.run("Array.from(document.images).every(image => image.complete && image.naturalWidth > 100)") is True
    browser.run("document.querySelector('.first .remote button').click()")
    browser.until("Array.from(document.querySelectorAll('audio')).some(one => one.played.length && one.duration > 0.8)")
    assert complaints(browser) == []


def test_one_player_sounds_at_a_time_and_the_next_takes_over(make_run: Make, tmp_path: Path, browser: Any) -> None:
    browser.open(write_report([make_run("a"), make_run("b")], tmp_path / "r.html"))
    states = browser.run(
        "(async () => { const [one, two, other] = document.querySelectorAll('audio');"
        "await one.play(); one.currentTime = 0.5; await two.play(); const taken = [one.paused, two.currentTime >= 0.4];"
        "let begins = null; other.onplay = () => { begins = other.currentTime; };"
        "await other.play(); return [...taken, two.paused, begins < 0.1]; })()"
    )
    assert states == [True, True, True, True]


@pytest.mark.parametrize(("width", "dark", "script"), [(400, False, True), (1280, True, True), (1280, False, False)])
def test_narrow_dark_and_scriptless_pages_are_whole(
    make_run: Make, tmp_path: Path, browser: Any, width: int, dark: bool, script: bool
) -> None:
    browser.open(
        write_report([make_run("a"), make_run("b")], tmp_path / "r.html"), width=width, dark=dark, script=script
    )
    assert browser.run("document.scrollingElement.scrollWidth") <= width
    assert browser.run("document.querySelectorAll('table.board tbody tr').length") == 2
    assert browser.run("document.querySelectorAll('audio[controls]').length") == 14
    assert browser.run("document.querySelector('.tools').hidden") is not script
    ground = browser.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 23, 26)" if dark else "rgb(250, 249, 245)")
    corner = (
        "(() => { const image = document.querySelector('.spectrogram'), sheet = document.createElement('canvas');"
        "const pen = sheet.getContext('2d'); pen.drawImage(image, 0, 0);"
        "return pen.getImageData(0, 0, 1, 1).data[3]; })()"
    )
    assert not script or browser.run(corner) == 0, "a picture on a white ground glares in the dark"
    assert complaints(browser) == []


@pytest.mark.parametrize("width", [400, 1280])
def test_further_measures_and_published_rows_fit_and_stay_put_when_sorted(
    make_run: Make, with_further: Any, full_run: Any, figure: Any, tmp_path: Path, browser: Any, width: int
) -> None:
    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        full_run(facts, scores, rows)
        with_further(facts, scores, rows)

    runs = [make_run(name, fd=fd, size="full", change=change) for name, fd in (("a", 300.0), ("b", 100.0))]
    browser.open(write_report(runs, tmp_path / "r.html", "none", [figure]), width=width)
    assert browser.run("document.scrollingElement.scrollWidth") <= width
    assert browser.run("document.querySelectorAll('table.further tbody tr').length") == 4
    for _ in range(2):
        browser.run("document.querySelectorAll('table.board thead th')[1].querySelector('button').click()")
        last = browser.run("Array.from(document.querySelectorAll('table.board tr')).pop().textContent")
        assert "Stable Audio Open" in last, "a cited row is no run, and sorting must not put it among them"
    assert complaints(browser) == []
