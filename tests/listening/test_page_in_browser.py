"""The listening test in a real browser: a listener goes through it by clicks and keys; the answers are read back."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.listening.answers import Sheet, read_sheet
from evalkit.listening.study import Study, read_key

Make = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]
PROMPTS = [("dog-once", "A dog barks once.", ["dog"]), ("cat", "<b>A cat</b> & </script>", ["cat"])]

HEADING = "document.querySelector('h1').textContent"


@pytest.fixture
def built(make_run: Make, evalkit: Call, tmp_path: Path) -> Callable[..., tuple[Path, Study]]:
    """built(kind, out, *options) -> the page of a study of two models and two prompts, and its key."""
    recording = tmp_path / "reference" / "one.wav"
    recording.parent.mkdir()
    soundfile.write(recording, 0.1 * np.random.default_rng(0).standard_normal((16_000, 1)), 16_000)
    entry = [recording.name, hashlib.sha256(recording.read_bytes()).hexdigest()]

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["recordings"] = {"folder": str(recording.parent), "files": {key: entry for key, _, _ in PROMPTS}}

    def build(kind: str, out: str, *options: str) -> tuple[Path, Study]:
        runs = [str(make_run(f"model-{n}", seed=n, fail=(), prompts=PROMPTS, change=change)) for n in (1, 2)]
        code, _, err = evalkit("listen", *runs, "--kind", kind, "--listeners", "3", "--out", out, *options)
        assert code == 0, err
        place = tmp_path / out
        page = place if place.suffix else place / "index.html"
        return page, read_key(place.with_suffix("").with_name(place.stem + ".key.json"))[0]

    return build


class Listener:
    """One who prefers model-1: hears every sound, answers every question and goes on, with the mouse and with keys."""

    def __init__(self, browser: Any, page: Path, study: Study, downloads: Path) -> None:
        self.browser, self.page, self.study, self.downloads = browser, page, study, downloads
        downloads.mkdir(exist_ok=True)
        browser.send("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})

    def heading(self) -> str:
        return str(self.browser.run(HEADING))

    def click(self, words: str) -> None:
        found = self.browser.run(
            f"Array.from(document.querySelectorAll('button')).filter((b) => b.textContent === {words!r})"
            ".map((b) => b.click()).length"
        )
        assert found == 1, words

    def going_on(self, act: Callable[[], None]) -> None:
        """Act, and wait until another screen is there."""
        self.browser.run("document.querySelector('form').dataset.old = '1'")
        act()
        self.browser.until("!document.querySelector('form').dataset.old")

    def hear(self) -> None:
        """Every sound is started, one after the other, by its key where there are several."""
        several = self.browser.run("document.querySelectorAll('.choices button').length")
        self.browser.run(
            "document.querySelectorAll('audio').forEach((one) => one.addEventListener('playing',"
            " () => { one.dataset.heard = '1'; }))"
        )
        for place in range(several or 1):
            if several:
                self.browser.run(f"document.querySelectorAll('.choices button')[{place}].click()")
            else:
                self.browser.run("document.querySelector('.play').click()")
            self.browser.until(f"document.querySelectorAll('audio')[{place}].dataset.heard")

    def radio(self, name: str, value: object) -> None:
        self.browser.run(f'document.querySelector(\'input[name="{name}"][value="{value}"]\').click()')

    def headphones(self) -> None:
        for turn, quiet in enumerate(self.study.headphones):
            self.radio(f"tone {turn}", quiet)
            self.going_on(lambda: self.click("Next"))

    def count(self, right: bool) -> None:
        code = self.browser.run("document.querySelector('input[type=radio]').name")
        beeps = next(each.beeps for each in self.study.checks if each.code == code)
        self.radio(code, beeps if right else 8)

    def judge(self) -> None:
        for name in self.browser.run(
            "Array.from(new Set(Array.from(document.querySelectorAll('input[type=radio]'), (one) => one.name)))"
        ):
            trial, *rest = name.split(" ")
            items = self.study.trial[trial].items
            if self.study.kind == "ab":
                self.radio(name, next(each for each in items if self.good(each)))
            else:
                self.radio(name, 5 if self.good(rest[0]) else 2)
        for name in self.browser.run(
            "Array.from(document.querySelectorAll('.slider input'), (one) => one.dataset.question)"
        ):
            item = self.study.item[name.split(" ")[1]]
            score = {"reference": 100, "low_3500": 10, "low_7000": 40}.get(
                item.role, 80 if self.good(item.code) else 30
            )
            self.browser.run(
                f"(() => {{ const one = document.querySelector('[data-question=\"{name}\"]');"
                f" one.value = {score}; one.dispatchEvent(new Event('input')); }})()"
            )

    def good(self, item: str) -> bool:
        return self.study.item[item].run.startswith("model-1")

    def screen(self, attentive: bool = True) -> None:
        self.hear()
        if self.heading() == "Count the beeps":
            self.count(attentive)
        else:
            self.judge()
        self.going_on(lambda: self.click("Next"))

    def begin(self, number: int | None = None) -> None:
        if number is not None:
            self.browser.run(f"document.querySelector('input[type=number]').value = {number}")
        self.going_on(lambda: self.click("Begin"))
        self.headphones()

    def finish(self, attentive: bool = True) -> None:
        while self.heading() not in ("Done", "Not all is answered"):
            self.screen(attentive)

    def download(self) -> Sheet:
        self.click("Download my answers")
        until = time.monotonic() + 30
        while not (found := list(self.downloads.glob("*.json"))) and time.monotonic() < until:
            self.browser.run("new Promise((done) => setTimeout(done, 50))")
        (path,) = found
        return read_sheet(path, self.study)


def faults(browser: Any) -> list[Any]:
    return [one for one in browser.events if one.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]


@pytest.mark.parametrize(("kind", "out"), [("mos", "study"), ("ab", "study.html")])
def test_a_listener_answers_everything_and_the_file_says_so(
    kind: str, out: str, built: Callable[..., tuple[Path, Study]], browser: Any, tmp_path: Path
) -> None:
    """With a reload in the middle, which goes on where it was, and nothing in the file but codes and whole seconds."""
    page, study = built(kind, out)
    browser.open(page)
    listener = Listener(browser, page, study, tmp_path / "downloads")
    listener.begin(2)
    listener.screen()
    at = listener.heading()
    browser.open(page)
    assert listener.heading() == at, "a reload goes on where it was"
    listener.finish()
    assert listener.heading() == "Done"
    sheet = listener.download()
    assert (sheet.complete, sheet.seat, sheet.failed) == (True, 2, ())
    for rating in sheet.ratings:
        assert rating.score == (5 if listener.good(rating.item) else 2)
    for preference in sheet.preferences:
        assert listener.good(preference.chosen)
    text = sheet.path.read_text(encoding="utf-8")
    for word in ("model-", str(tmp_path), "dog", "http", "2026"):
        assert word not in text.replace(study.id, "")
    assert all(isinstance(value, int) for value in find(json.loads(text), "seconds"))
    assert faults(browser) == []


def find(value: Any, key: str) -> list[Any]:
    """What stands under a key, anywhere in a JSON value."""
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    own = [value[key]] if isinstance(value, dict) and key in value else []
    return own + [found for each in inner for found in find(each, key)]


def test_mushra_by_keys_alone(built: Callable[..., tuple[Path, Study]], browser: Any, tmp_path: Path) -> None:
    """Sounds by their digits and r, sliders by arrows, the form by Enter; what is missing is told and stood at."""
    page, study = built("mushra", "study.html", "--prompts", "1")
    browser.open(page)
    listener = Listener(browser, page, study, tmp_path / "downloads")
    listener.begin()
    while listener.heading() == "Count the beeps":
        listener.screen()
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
    listener.going_on(lambda: browser.press("Enter", 13))
    listener.finish()
    sheet = listener.download()
    assert sorted(rating.score for rating in sheet.ratings) == [1, 2, 3, 4, 5]
    assert sheet.failed == ("hidden reference: under 90 in 1 of 1 trials",)
    assert faults(browser) == []


def test_where_the_browser_keeps_nothing_the_test_works_and_says_so(
    built: Callable[..., tuple[Path, Study]], browser: Any, tmp_path: Path
) -> None:
    page, study = built("ab", "study.html", "--prompts", "1")
    refuse = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", {"source": refuse})["identifier"]
    try:
        browser.open(page)
        assert "keeps nothing" in browser.run("document.body.textContent")
        listener = Listener(browser, page, study, tmp_path / "downloads")
        listener.begin()
        listener.finish(attentive=False)
        sheet = listener.download()
    finally:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})
    assert sheet.complete
    assert sheet.failed == ("attention: 2 of 2 checks wrong",)


def test_a_hostile_description_is_shown_as_it_is(built: Callable[..., tuple[Path, Study]], browser: Any) -> None:
    page, _ = built("mos", "study.html")
    browser.open(page)
    stored = "JSON.parse(document.getElementById('study').textContent).prompts.map((one) => one.text)"
    assert "<b>A cat</b> & </script>" in browser.run(stored)
    assert browser.run("document.querySelectorAll('script').length") >= 3
    assert browser.run("document.querySelectorAll('b').length") == 0
    assert faults(browser) == []


def test_no_request_leaves_but_to_the_address_that_was_set(
    built: Callable[..., tuple[Path, Study]], browser: Any
) -> None:
    page, _ = built("mos", "study.html", "--post", "https://answers.example.org/in")
    browser.open(page)
    probe = "fetch({!r}).then(() => 'went', (error) => 'refused')"
    assert browser.run(probe.format("https://elsewhere.example.org/")) == "refused"
    blocked = [str(one) for one in browser.events if one.get("method") == "Log.entryAdded"]
    assert any("connect-src https://answers.example.org/in" in one for one in blocked)
    assert "send them to answers.example.org" in browser.run("document.body.textContent")


@pytest.mark.parametrize(("width", "dark"), [(390, True), (390, False), (1280, False)])
@pytest.mark.parametrize("kind", ["mos", "mushra"])
def test_axe_finds_nothing_on_any_screen(
    kind: str, width: int, dark: bool, built: Callable[..., tuple[Path, Study]], browser: Any, tmp_path: Path
) -> None:
    """axe-core 4.4 (MPL-2.0), as the wheel axe-core-python brings it; and nothing is wider than the screen."""
    axe = Path(pytest.importorskip("axe_core_python").__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page, study = built(kind, "study.html", "--prompts", "1")
    browser.open(page, width=width, dark=dark)
    browser.run(axe + ";0")
    found = "axe.run().then((all) => all.violations.map((one) => [one.id, one.nodes[0].html.slice(0, 120)]))"

    def look() -> None:
        assert browser.run(found) == []
        assert browser.run("document.documentElement.scrollWidth") <= width

    listener = Listener(browser, page, study, tmp_path / "downloads")
    look()
    listener.going_on(lambda: listener.click("Begin"))
    look()
    listener.headphones()
    while listener.heading() != "Done":
        look()
        listener.screen()
    look()
