"""Answers that go to their author's server: they arrive, and where they do not, nothing is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from evalkit_at_the_page import Listener, forgotten

from evalkit.listening.answers import read_sheets
from evalkit.listening.study import Study, read_key

ALERT = "document.querySelector('[role=alert]').textContent"


@dataclass
class Postbox:
    """`statuses` are what the next answers meet (0: the connection ends without a word); `letters` are what came."""

    url: str
    statuses: list[int] = field(default_factory=list)
    letters: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            status = box.statuses.pop(0) if box.statuses else 204
            if not status:
                return
            box.letters.append((dict(self.headers), content))
            self.send_response(status)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box = Postbox(f"http://127.0.0.1:{server.server_port}/in?study=1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield box
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def at_the_end(
    make_run: Callable[..., Path], evalkit: Callable[..., tuple[int, str, str]], browser: Any, tmp_path: Path
) -> Callable[[str], tuple[Listener, Study]]:
    """at_the_end(url) -> a listener who has answered all of a small study, whose answers go there."""

    def come(url: str) -> tuple[Listener, Study]:
        prompts = [("dog-once", "A dog barks once.", ["dog"])]
        runs = [str(make_run(f"model-{n}", seed=n, fail=(), prompts=prompts)) for n in (1, 2)]
        code, _, err = evalkit("listen", *runs, "--kind", "ab", "--scales", "quality", "--post", url, "--out", "s.html")
        assert code == 0, err
        study = read_key(tmp_path / "s.key.json")[0]
        forgotten(browser)
        browser.open(tmp_path / "s.html")
        one = Listener(browser, study, tmp_path / "downloads", lambda item: int(item.run.startswith("model-1")))
        one.begin(1)
        one.finish()
        return one, study

    return come


def test_answers_arrive_as_they_are_downloaded(
    postbox: Postbox, at_the_end: Callable[[str], tuple[Listener, Study]], browser: Any, tmp_path: Path
) -> None:
    """After a server that is down, one that refuses and one that is silent: each is told, the answers are still
    here, also after a reload, and are sent again. What came twice counts once."""
    one, study = at_the_end(postbox.url)
    for status in (0, 500):
        postbox.statuses = [status]
        one.button("Send my answers")
        browser.until(f"{ALERT}.includes('not certain')")
        buttons = browser.run("Array.from(document.querySelectorAll('button'), (one) => one.textContent)")
        assert "Download my answers" in buttons
    browser.open(tmp_path / "s.html")
    assert one.heading() == "Done"
    postbox.letters.clear()
    for _ in range(2):
        one.button("Send my answers")
        browser.until(f"{ALERT}.includes('have arrived')")
    downloaded = one.download()
    (headers, letter), (_, again) = postbox.letters
    assert json.loads(letter) == json.loads(again) == json.loads(downloaded.read_bytes())
    assert not {"Cookie", "Referer"} & set(headers) and headers["Origin"] == "null"
    sent = tmp_path / "sent.json"
    sent.write_bytes(letter)
    (sheet,) = read_sheets([sent, downloaded], study)
    assert sheet.complete and not sheet.failed and len(sheet.preferences) == 1


def test_a_server_that_is_down_or_silent_costs_nothing(
    at_the_end: Callable[[str], tuple[Listener, Study]], browser: Any
) -> None:
    """Nobody listens at that port; and of a wait without an end the page gets tired."""
    one, _ = at_the_end("http://127.0.0.1:9/in")
    one.button("Send my answers")
    browser.until(f"{ALERT}.includes('not certain')")
    browser.run(
        "AbortSignal.timeout = ((real) => (wait) => { window.waited = wait; return real.call(AbortSignal, 50); })"
        "(AbortSignal.timeout);"
        "window.fetch = (url, how) => new Promise((_, no) => how.signal.addEventListener('abort', no))"
    )
    browser.run("document.querySelector('[role=alert]').textContent = ''")
    one.button("Send my answers")
    browser.until(f"{ALERT}.includes('not certain')")
    assert browser.run("window.waited") == 30_000
    assert one.sheet().complete
