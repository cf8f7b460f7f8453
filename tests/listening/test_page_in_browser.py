"""The listening test in a real browser: a listener goes through it by clicks and keys; the answers are read back.

One browser, and each study built once: studies differ by their kind and options, and the browser forgets who was here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from evalkit_at_the_page import Listener, faults, forgotten
from evalkit_pages import runs_in

from evalkit.core.faults import Gathering
from evalkit.listening.build import Wish, outline
from evalkit.listening.make import make, place_of
from evalkit.listening.study import Item, Study

Built = Callable[..., tuple[Path, Study]]
PROMPTS = [("dog-once", "A dog barks once.", ["dog"]), ("cat", "<b>A cat</b> & </script>", ["cat"])]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """studies(kind, out, prompts=…, post=…) -> the page of a study of two models, and its key."""
    place = tmp_path_factory.mktemp("studies")
    recording = place / "reference" / "one.wav"
    recording.parent.mkdir()
    soundfile.write(recording, 0.1 * np.random.default_rng(0).standard_normal((16_000, 1)), 16_000)
    entry = [recording.name, hashlib.sha256(recording.read_bytes()).hexdigest()]

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["recordings"] = {"folder": str(recording.parent), "files": {key: entry for key, _, _ in PROMPTS}}

    made_run = runs_in(place)
    runs = [made_run(f"model-{n}", seed=n, fail=(), prompts=PROMPTS, change=change) for n in (1, 2)]

    @cache
    def build(kind: str, out: str, prompts: int = 2, post: str = "") -> tuple[Path, Study]:
        named = place_of(place / f"{kind}-{prompts}-{len(post)}" / out)
        wish = Wish(kind, prompts=prompts, listeners=3, post=post)
        made = make(outline(runs, wish, Gathering()), named)
        return (named.page if named.in_one else named.page / "index.html"), made.study

    return build


@pytest.fixture
def built(studies: Built, browser: Any) -> Built:
    """`studies`, for a listener whom the browser does not know."""
    forgotten(browser)
    return studies


def score(item: Item) -> int:
    """Who listens here prefers model-1."""
    of_role = {"reference": 100, "low_3500": 10, "low_7000": 40}
    return of_role.get(item.role, 5 if item.run.startswith("model-1") else 2)


@pytest.fixture
def listener(browser: Any, tmp_path: Path) -> Callable[[Study], Listener]:
    return lambda study: Listener(browser, study, tmp_path / "downloads", score)


@pytest.mark.parametrize(("kind", "out"), [("mos", "study"), ("ab", "study.html")])
def test_a_listener_answers_everything_and_the_file_says_so(
    kind: str, out: str, built: Built, browser: Any, listener: Callable[[Study], Listener]
) -> None:
    """With a reload in the middle, which goes on where it was, and nothing in the file but codes and whole seconds."""
    page, study = built(kind, out)
    browser.open(page)
    one = listener(study)
    one.begin(2)
    one.screen()
    at = one.heading()
    browser.open(page)
    assert one.heading() == at, "a reload goes on where it was"
    one.finish()
    assert one.heading() == "Done"
    sheet = one.sheet()
    assert (sheet.complete, sheet.seat, sheet.failed) == (True, 2, ())
    for rating in sheet.ratings:
        assert rating.score == score(study.item[rating.item])
    for preference in sheet.preferences:
        assert score(study.item[preference.chosen]) == 5
    text = sheet.path.read_text(encoding="utf-8")
    for word in ("model-", str(page.parent), "dog", "http", "2026"):
        assert word not in text.replace(study.id, "")
    assert all(isinstance(value, int) for value in find(json.loads(text), "seconds"))
    assert faults(browser) == []


def find(value: Any, key: str) -> list[Any]:
    """What stands under a key, anywhere in a JSON value."""
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    own = [value[key]] if isinstance(value, dict) and key in value else []
    return own + [found for each in inner for found in find(each, key)]


def test_mushra_by_keys_alone(built: Built, browser: Any, listener: Callable[[Study], Listener]) -> None:
    """Sounds by their digits and r, sliders by arrows, the form by Enter; what is missing is told and stood at."""
    page, study = built("mushra", "study.html", prompts=1)
    browser.open(page)
    one = listener(study)
    one.begin()
    while one.heading() == "Count the beeps":
        one.screen()
    browser.run(
        "document.querySelectorAll('audio').forEach((one) => one.addEventListener('playing',"
        " () => { one.dataset.heard = '1'; }))"
    )
    browser.run("document.querySelector('form').requestSubmit()")
    told = browser.run("document.querySelector('[role=alert]').textContent")
    assert "Please listen to: Reference, Sound 1" in told
    assert "Please answer: Sound 1, Sound 2" in told
    assert browser.run("document.activeElement.className") == "play"
    browser.run("document.querySelector('h1').focus()")
    browser.press(" ", 32)
    for place, key in enumerate("r12345"):
        browser.press(key, ord(key.upper()))
        browser.until(f"document.querySelectorAll('audio')[{place}].dataset.heard")
        pressed = "Array.from(document.querySelectorAll('.choices button'), (b) => b.getAttribute('aria-pressed'))"
        assert browser.run(pressed).index("true") == place
    for place in range(5):
        browser.run(f"document.querySelectorAll('.slider input')[{place}].focus()")
        for _ in range(place + 1):
            browser.press("ArrowRight", 39)
    assert browser.run("Array.from(document.querySelectorAll('output'), (o) => o.textContent)") == [
        f"{score} bad" for score in range(1, 6)
    ]
    one.going_on(lambda: browser.press("Enter", 13))
    one.finish()
    sheet = one.sheet()
    assert sorted(rating.score for rating in sheet.ratings) == [1, 2, 3, 4, 5]
    assert sheet.failed == ("hidden reference: under 90 in 1 of 1 trials",)
    assert faults(browser) == []


def test_where_the_browser_keeps_nothing_the_test_works_and_says_so(
    built: Built, browser: Any, listener: Callable[[Study], Listener]
) -> None:
    page, study = built("ab", "study.html", prompts=1)
    refuse = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", {"source": refuse})["identifier"]
    try:
        browser.open(page)
        assert "keeps nothing" in browser.run("document.body.textContent")
        one = listener(study)
        one.begin()
        one.finish(attentive=False)
        sheet = one.sheet()
    finally:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})
    assert sheet.complete
    assert sheet.failed == ("attention: 2 of 2 checks wrong",)


def test_a_hostile_description_is_shown_as_it_is(built: Built, browser: Any) -> None:
    page, _ = built("mos", "study")
    browser.open(page)
    stored = "JSON.parse(document.getElementById('study').textContent).prompts.map((one) => one.text)"
    assert "<b>A cat</b> & </script>" in browser.run(stored)
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert browser.run("document.querySelectorAll('b').length") == 0
    assert faults(browser) == []


def test_no_request_leaves_but_to_the_address_that_was_set(built: Built, browser: Any) -> None:
    page, _ = built("mos", "study.html", prompts=1, post="https://answers.example.org/in")
    browser.open(page)
    probe = "fetch({!r}).then(() => 'went', (error) => 'refused')"
    assert browser.run(probe.format("https://elsewhere.example.org/")) == "refused"
    blocked = [str(one) for one in browser.events if one.get("method") == "Log.entryAdded"]
    assert any("connect-src https://answers.example.org/in" in one for one in blocked)
    assert "send them to answers.example.org" in browser.run("document.body.textContent")


@pytest.mark.parametrize("kind", ["mos", "mushra"])
def test_axe_finds_nothing_on_any_screen(
    kind: str, built: Built, browser: Any, listener: Callable[[Study], Listener]
) -> None:
    """axe-core 4.4 (MPL-2.0), as the wheel axe-core-python brings it; and nothing is wider than the screen."""
    axe = Path(pytest.importorskip("axe_core_python").__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page, study = built(kind, "study.html", prompts=1)
    browser.open(page)
    browser.run(axe + ";0")
    found = "axe.run().then((all) => all.violations.map((one) => [one.id, one.nodes[0].html.slice(0, 120)]))"

    def look() -> None:
        for width, dark in ((390, True), (390, False), (1280, False)):
            browser.seen(width, dark)
            assert browser.run(found) == [], (width, dark)
            assert browser.run("document.documentElement.scrollWidth") <= width

    one = listener(study)
    look()
    one.onward("Begin")
    look()
    one.headphones()
    while one.heading() != "Done":
        look()
        one.screen()
    look()
