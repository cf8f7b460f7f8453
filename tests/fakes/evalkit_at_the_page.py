"""Listeners in a real browser: they hear every sound, answer every question and go on, with the mouse or with keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit.listening.answers import Sheet, read_sheet
from evalkit.listening.study import Item, Study

HEADING = "document.querySelector('h1').textContent"
_NOTICED = (
    "document.querySelectorAll('audio').forEach((one) => one.addEventListener('playing',"
    " () => { one.dataset.heard = '1'; }))"
)


def forgotten(browser: Any) -> None:
    """The browser keeps nothing of a listener who was here before."""
    browser.go("about:blank")
    browser.send("Storage.clearDataForOrigin", {"origin": "file://", "storageTypes": "local_storage"})


def faults(browser: Any) -> list[Any]:
    """What the browser wrote to its console, and exceptions."""
    return [one for one in browser.events if one.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown")]


class Listener:
    """One who gives each sound the `score` that a function says, and of two prefers the higher; by `keys` alone, or
    with the mouse."""

    def __init__(
        self, browser: Any, study: Study, downloads: Path, score: Callable[[Item], int], keys: bool = False
    ) -> None:
        self.browser, self.study, self.downloads, self.score, self.keys = browser, study, downloads, score, keys
        downloads.mkdir(exist_ok=True)
        browser.send("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})

    def heading(self) -> str:
        return str(self.browser.run(HEADING))

    def click(self, found: str) -> None:
        """Press the mouse in the middle of the one element that a JavaScript expression gives."""
        middle = (
            "((one) => { one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect();"
            f" return [box.x + box.width / 2, box.y + box.height / 2]; }})({found})"
        )
        x, y = self.browser.run(middle)
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            self.browser.send("Input.dispatchMouseEvent", event)

    def button(self, words: str) -> None:
        self.click(f"Array.from(document.querySelectorAll('button')).find((b) => b.textContent === {words!r})")

    def going_on(self, act: Callable[[], None]) -> None:
        """Act, and wait until another screen is there."""
        self.browser.run("document.querySelector('form').dataset.old = '1'")
        act()
        self.browser.until("!document.querySelector('form').dataset.old")

    def onward(self, words: str = "Next") -> None:
        """To the next screen: by its button, or by Enter."""
        self.going_on(lambda: self.browser.press("Enter", 13) if self.keys else self.button(words))

    def hear(self) -> None:
        """Every sound is started, one after the other, by its key where there are several."""
        several = self.browser.run("document.querySelectorAll('.choices button').length")
        self.browser.run(_NOTICED)
        if self.keys:
            self.browser.run("document.querySelector('h1').focus()")
            self.browser.press(" ", 32)
        for place in range(several or 1):
            if self.keys and several:
                key = self.browser.run(f"document.querySelectorAll('.choices button')[{place}].textContent")
                key = "r" if key == "Reference" else str(place + (self.study.kind != "mushra"))
                self.browser.press(key, ord(key.upper()))
            elif not self.keys:
                which = f"document.querySelectorAll('.choices button')[{place}]" if several else "null"
                self.click(f"{which} || document.querySelector('.play')")
            self.browser.until(f"document.querySelectorAll('audio')[{place}].dataset.heard")

    def radio(self, name: str, value: object) -> None:
        """Choose one point: a click on it, or arrows from the first, which go round."""
        if not self.keys:
            self.click(f'document.querySelector(\'input[name="{name}"][value="{value}"]\')')
            return
        every = f"Array.from(document.querySelectorAll('input[name=\"{name}\"]'), (one) => one.value)"
        values = self.browser.run(every)
        self.browser.run(f"document.querySelector('input[name=\"{name}\"]').focus()")
        for _ in range(values.index(str(value)) or len(values)):
            self.browser.press("ArrowDown", 40)
        chosen = f"document.querySelector('input[name=\"{name}\"]:checked').value"
        assert self.browser.run(chosen) == str(value)

    def slide(self, name: str, score: int) -> None:
        self.browser.run(
            f"(() => {{ const one = document.querySelector('[data-question=\"{name}\"]');"
            f" one.value = {score}; one.dispatchEvent(new Event('input')); }})()"
        )

    def headphones(self) -> None:
        for turn, quiet in enumerate(self.study.headphones):
            self.radio(f"tone {turn}", quiet)
            self.onward()

    def count(self, right: bool) -> None:
        code = self.browser.run("document.querySelector('input[type=radio]').name")
        beeps = next(each.beeps for each in self.study.checks if each.code == code)
        self.radio(code, beeps if right else 8)

    def judge(self) -> None:
        radios = "Array.from(new Set(Array.from(document.querySelectorAll('input[type=radio]'), (one) => one.name)))"
        for name in self.browser.run(radios):
            trial, *rest = name.split(" ")
            if self.study.kind == "ab":
                one, other = self.study.trial[trial].items
                first, second = self.score(self.study.item[one]), self.score(self.study.item[other])
                self.radio(name, "" if first == second else one if first > second else other)
            else:
                self.radio(name, self.score(self.study.item[rest[0]]))
        sliders = "Array.from(document.querySelectorAll('.slider input'), (one) => one.dataset.question)"
        for name in self.browser.run(sliders):
            self.slide(name, self.score(self.study.item[name.split(" ")[1]]))

    def screen(self, attentive: bool = True) -> None:
        self.hear()
        if self.heading() == "Count the beeps":
            self.count(attentive)
        else:
            self.judge()
        self.onward()

    def begin(self, number: int | None = None) -> None:
        if number is not None:
            self.browser.run("document.querySelector('input[type=number]').focus()")
            self.browser.send("Input.insertText", {"text": str(number)})
        self.onward("Begin")
        self.headphones()

    def finish(self, attentive: bool = True) -> None:
        while self.heading() not in ("Done", "Not all is answered"):
            self.screen(attentive)

    def download(self) -> Path:
        self.button("Download my answers")
        until = time.monotonic() + 30
        while not (found := list(self.downloads.glob("*.json"))) and time.monotonic() < until:
            self.browser.run("new Promise((done) => setTimeout(done, 50))")
        (path,) = found
        return path

    def sheet(self) -> Sheet:
        return read_sheet(self.download(), self.study)
