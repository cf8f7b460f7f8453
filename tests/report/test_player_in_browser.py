"""The player in a real browser: one position for all sounds of a prompt, one loudness, no name in blind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from evalkit_at_the_page import faults
from evalkit_ramps import ENDLESS

from evalkit.audio.pictures import FRAME

WITHIN = 0.05  # seconds: what a listener takes for the same place

HEARD = """
new Promise(async (done) => {
  const sounds = Array.from(document.querySelectorAll('.entry')[0].querySelectorAll('audio'));
  const context = new AudioContext(), found = [];
  await context.resume();
  const ears = new Map(sounds.map((one) => {
    const ear = context.createAnalyser();
    Object.assign(ear, { fftSize: 4096, smoothingTimeConstant: 0 });
    context.createMediaElementSource(one).connect(ear).connect(context.destination);
    return [one, ear];
  }));
  window.ears = ears;
  window.context = context;
  done(context.state);
})
"""


@pytest.fixture
def page(page_of_ramps: Path) -> Path:
    return page_of_ramps


def typed(key: str) -> str:
    """JavaScript that presses a key where the focus is."""
    event = f"new KeyboardEvent('keydown', {{ key: {key!r}, bubbles: true, cancelable: true }})"
    return f"document.activeElement.dispatchEvent({event})"


def press(browser: Any, *keys: str) -> None:
    for key in keys:
        browser.run(typed(key))


def slide(browser: Any, seconds: float) -> None:
    value = f"s.value = {seconds}; s.dispatchEvent(new Event('input'));"
    browser.run(f"(s => {{ {value} }})(document.querySelector('.transport input'))")


def focus(browser: Any, entry: int = 0) -> None:
    browser.run(f"document.querySelectorAll('.entry')[{entry}].querySelector('.play').focus()")


STATE = (
    "Array.from(document.querySelectorAll('.entry')[0].querySelectorAll('audio'))"
    ".map((one) => [one.paused, one.currentTime, one.volume])"
)
UNPAUSED = "Array.from(document.querySelectorAll('.entry')[0].querySelectorAll('audio')).find((one) => !one.paused)"
APART = """
new Promise(async (done) => {
  const rate = window.context.sampleRate, found = [];
  while (found.length < 9) {
    await new Promise(requestAnimationFrame);
    const [one, ear] = Array.from(window.ears).find(([one]) => !one.paused);
    const levels = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(levels);
    const best = levels.indexOf(levels.reduce((a, b) => Math.max(a, b)));
    found.push(Math.abs((best * rate / 4096 - 500) / 300 + 2048 / rate - one.currentTime));
  }
  done(found.sort((a, b) => a - b)[4]);
})
"""
"""Seconds between the place that is heard and the place that the player says: the median of nine looks."""

SWITCH = """
(() => {{
  const before = {unpaused}.currentTime;
  {typed};
  const [one] = Array.from(document.querySelectorAll('.chosen audio'));
  return [before, one.currentTime, one.paused];
}})()
"""
"""The position before and after a key, both of one moment of the page."""


def playing(browser: Any) -> tuple[int, float]:
    """Which sound is heard, and where it stands."""
    (found,) = [(place, at) for place, (paused, at, _) in enumerate(browser.run(STATE)) if not paused]
    return found


def test_a_switch_between_four_models_and_the_reference_stays_at_its_place(page: Path, browser: Any) -> None:
    """By what is heard, not by what the player says of itself: a jump in a lossy file need not arrive where it says."""
    browser.open(page)
    assert browser.run(HEARD) == "running"
    browser.run(ENDLESS)
    focus(browser)
    press(browser, " ")
    browser.until(f"{UNPAUSED} && {UNPAUSED}.currentTime > 0.3")
    for key, place in (("2", 2), ("3", 3), ("r", 0), ("4", 4), ("1", 1), ("0", 0)):
        before, after, paused = browser.run(SWITCH.format(unpaused=UNPAUSED, typed=typed(key)))
        assert not paused
        assert after == pytest.approx(before, abs=WITHIN), "the switch itself takes no time"
        assert playing(browser)[0] == place
        browser.until(f"{UNPAUSED}.currentTime !== {after} && !{UNPAUSED}.seeking")
        # What is heard lags while the machine is busy, and recovers; a jump that arrives elsewhere stays there.
        browser.until(f"{APART}.then((apart) => apart <= {WITHIN + 2048 / 44100})")
    assert faults(browser) == []


def test_a_switch_in_pause_keeps_the_place_and_plays_from_there(page: Path, browser: Any) -> None:
    browser.open(page)
    browser.run(ENDLESS)
    focus(browser)
    press(browser, "ArrowRight", "ArrowRight", "3")
    assert all(paused for paused, _, _ in browser.run(STATE))
    press(browser, "r", "2")
    assert browser.run("document.querySelector('.transport input').value") == "2"
    assert browser.run(f"{typed(' ')}, [{UNPAUSED}.currentTime]") == [2]
    assert playing(browser)[0] == 2
    browser.until(f"{UNPAUSED}.currentTime > 2.1")
    press(browser, " ", "4")
    paused_at = float(browser.run("document.querySelector('.transport input').value"))
    state = browser.run(STATE)
    assert all(paused for paused, _, _ in state)
    assert [state[2][1], state[4][1]] == pytest.approx([paused_at, paused_at], abs=WITHIN)
    press(browser, "ArrowLeft")
    assert browser.run(STATE)[4][1] == pytest.approx(paused_at - 1, abs=WITHIN)


def test_one_prompt_sounds_at_a_time(page: Path, browser: Any) -> None:
    heard = "Array.from(document.querySelectorAll('audio')).filter((one) => !one.paused).map((one) => "
    places = heard + "one.closest('.entry').dataset.place).join()"
    browser.open(page)
    focus(browser)
    press(browser, " ")
    browser.until(f"{places} === '1'")
    focus(browser, 1)
    press(browser, " ")
    browser.until(f"{places} === '2'")


def test_the_end_of_a_sound_is_no_end_of_the_player(page: Path, browser: Any) -> None:
    """A jump into the last frames of an MP3 is an error to Chromium, after which the sound stays dumb."""
    browser.open(page)
    focus(browser)
    broken = "Array.from(document.querySelectorAll('audio')).filter((one) => one.error).length"
    for key in ("1", "2", "3", "4", "r"):
        press(browser, key, *["ArrowRight"] * 7)
        slide(browser, 5.995)
        assert float(browser.run("document.querySelector('.transport input').value")) > 5.9
        press(browser, " ")
        # `played` is told of the beginning for good, also where the sound has ended before anybody looks.
        browser.until("(one => one.played.length && one.played.end(0) > 0.05)(document.querySelector('.chosen audio'))")
        browser.run(f"{UNPAUSED} && {typed(' ')}, 0")
    assert browser.run(broken) == 0
    assert faults(browser) == []


def test_a_sound_that_fails_while_it_plays_is_read_once_more(page: Path, browser: Any) -> None:
    browser.open(page)
    browser.run(ENDLESS)
    focus(browser)
    press(browser, "ArrowRight", "ArrowRight", " ")
    browser.until(f"{UNPAUSED} && {UNPAUSED}.currentTime > 2.1")
    browser.run(f"{UNPAUSED}.dispatchEvent(new Event('error'))")
    browser.until(f"{UNPAUSED} && {UNPAUSED}.readyState >= 3 && {UNPAUSED}.currentTime > 2.2")
    spoiled = "(one => { one.src = 'data:audio/mpeg;base64,AAAA'; one.load(); })"
    browser.run(f"{spoiled}(document.querySelector('.chosen audio'))")
    browser.until("document.querySelector('.time').textContent === 'this sound cannot be played here'")
    assert browser.run("document.querySelector('.play').textContent") == "Play"


def test_a_browser_that_cannot_play_previews_says_so(page: Path, browser: Any) -> None:
    """Safari before 17.4: a dumb button would be all that its user sees."""
    told = "(n => n && n.checkVisibility() && n.textContent)(document.querySelector('.unplayable'))"
    browser.open(page)
    assert not browser.run(told)
    deaf = {"source": "HTMLMediaElement.prototype.canPlayType = () => ''"}
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", deaf)["identifier"]
    browser.open(page)
    assert browser.run(told).startswith("This browser cannot play these sounds, which are Opus in WebM.")
    browser.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})


FRAMES = """
new Promise((done) => {
  const one = %s;
  let low = Infinity, high = 0, gap = 0, wraps = 0, last = one.currentTime, before = performance.now();
  const look = (now) => {
    const at = one.currentTime;
    gap = Math.max(gap, (now - before) / 1000);
    wraps += at < last - 0.1;
    [low, high, last, before] = [Math.min(low, at), Math.max(high, at), at, now];
    if (wraps < 3) requestAnimationFrame(look); else done([low, high, gap]);
  };
  requestAnimationFrame(look);
})
"""
"""The lowest and highest position while a part is heard three times, and the longest time between two frames."""


def test_all_of_a_sound_and_a_part_of_it_loop(page: Path, browser: Any) -> None:
    browser.open(page)
    browser.run(ENDLESS)
    focus(browser)
    press(browser, *["ArrowRight"] * 6, "ArrowLeft", "ArrowRight")
    slide(browser, 5.9)
    press(browser, " ")
    browser.until(f"{UNPAUSED}.currentTime < 1")
    press(browser, " ")
    slide(browser, 2)
    press(browser, "[")
    slide(browser, 2.3)
    press(browser, "]")
    assert "loop 2.0 s – 2.3 s" in browser.run("document.querySelector('.time').textContent")
    press(browser, " ")
    low, high, gap = browser.run(FRAMES % UNPAUSED)
    assert low >= 1.95
    assert high <= 2.3 + gap + WITHIN, "the end of the part is seen once a frame"


def test_same_loudness_turns_down_to_the_quietest_and_says_by_how_much(page: Path, browser: Any) -> None:
    browser.open(page)
    assert {volume for _, _, volume in browser.run(STATE)} == {1}
    browser.run("document.querySelector('.match').click()")
    volumes = [volume for _, _, volume in browser.run(STATE)]
    told = browser.run(
        "Array.from(document.querySelectorAll('.entry')[0].querySelectorAll('.gain')).map(n => n.textContent)"
    )
    # Levels 0.5 of two channels, 0.1 of one (the quietest), 0.2 of two, 0.3 of two, 0.4 of one.
    wanted = [0.1 / 0.5 / 2**0.5, 1.0, 0.1 / 0.2 / 2**0.5, 0.1 / 0.3 / 2**0.5, 0.25]
    assert volumes == pytest.approx(wanted, rel=0.03)
    assert told[1] == "±0.0 dB"
    assert [float(text.removesuffix(" dB").replace("−", "-").replace("±", "")) for text in told] == pytest.approx(
        [20 * math.log10(each) for each in wanted], abs=0.3
    )


def test_blind_hides_names_and_order_until_they_are_asked_for(page: Path, browser: Any) -> None:
    browser.open(page)
    order = (
        "Array.from(document.querySelectorAll('.entry')[0].querySelectorAll('.take'))"
        ".map(n => n.querySelector('audio').src.length)"
    )
    written = browser.run(order)
    browser.run("document.querySelector('.blindly').click()")
    seed = "(s => {{ s.value = {}; s.dispatchEvent(new Event('change')); }})(document.querySelector('.seed'))"
    assert browser.run("document.querySelector('.seed').checkVisibility()")
    orders = set()
    for number in range(6):
        browser.run(seed.format(number))
        orders.add(tuple(browser.run(order)))
    assert len(orders) > 1
    browser.run(seed.format(7))
    first = browser.run(order)
    browser.run(seed.format(8))
    browser.run(seed.format(7))
    assert browser.run(order) == first, "a seed gives its order again"
    shown = browser.run("document.querySelector('.entries').innerText")
    assert "model-" not in shown
    assert "Reference" not in shown
    assert "LUFS" not in shown, "what a run's sounds have in common tells whose they are"
    labels = browser.run(
        "Array.from(document.querySelectorAll('.entries [aria-label], .entries img')).filter(n => n.checkVisibility())"
        ".map(n => (n.getAttribute('aria-label') || '') + (n.alt || '')).join(' ')"
    )
    assert "model-" not in labels
    assert "eference" not in labels
    browser.run("document.querySelector('.reveal').click()")
    assert "model-2" in browser.run("document.querySelectorAll('.entry')[0].innerText")
    assert "model-" not in browser.run("document.querySelectorAll('.entry')[1].innerText")
    assert browser.run(order) == first
    browser.run("document.querySelector('.blindly').click()")
    assert browser.run(order) == written
    assert faults(browser) == []


def test_a_press_in_the_picture_is_a_place_in_time(page: Path, browser: Any) -> None:
    browser.open(page)
    browser.run("document.querySelectorAll('.view')[2].scrollIntoView({ behavior: 'instant' })")
    left, top, width = browser.run(
        "(b => [b.left, b.top, b.width])(document.querySelectorAll('.view')[2].getBoundingClientRect())"
    )
    x, y = left + width * (FRAME.left + 0.5 * (1 - FRAME.left - FRAME.right)), top + 20
    for kind in ("mousePressed", "mouseReleased"):
        browser.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})
    assert float(browser.run("document.querySelector('.transport input').value")) == pytest.approx(3.0, abs=WITHIN)
    assert browser.run("document.querySelectorAll('.choose')[2].getAttribute('aria-pressed')") == "true"
    cursor = browser.run("document.querySelectorAll('.cursor')[0].getBoundingClientRect().left")
    box = browser.run("(b => [b.left, b.width])(document.querySelectorAll('.view')[0].getBoundingClientRect())")
    assert cursor == pytest.approx(box[0] + box[1] * (FRAME.left + 0.5 * (1 - FRAME.left - FRAME.right)), abs=3)
    height, up, down = browser.run(
        "((v, c) => [v.height, c.top - v.top, v.bottom - c.bottom])(document.querySelectorAll('.view')[0]"
        ".getBoundingClientRect(), document.querySelectorAll('.cursor')[0].getBoundingClientRect())"
    )
    assert [up / height, down / height] == pytest.approx([FRAME.top, FRAME.bottom], abs=0.02)


def test_without_script_each_sound_has_the_browsers_own_player(page: Path, browser: Any) -> None:
    browser.open(page, script=False)
    seen = "Array.from(document.querySelectorAll('audio')).filter(one => one.controls && one.checkVisibility()).length"
    assert browser.run(seen) == 13
    assert browser.run("document.querySelectorAll('.transport').length") == 0
