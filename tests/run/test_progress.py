"""What a person in front of a log reads of the work that is left: nobody plans an evening by a wild first guess."""

from __future__ import annotations

import pytest

from evalkit.run import progress
from evalkit.run.progress import Lines, Pace, duration


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def left(told: list[str]) -> list[float]:
    """Every promise of seconds, in the order in which it was made."""
    return [float(line.split(", ")[1].split(" ")[0]) for line in told if line.endswith("s left")]


def test_loading_is_no_part_of_the_pace(clock: Clock) -> None:
    """Ten seconds of loading before twenty sounds of one second were promised as 200 seconds, and then as 20."""
    told: list[str] = []
    lines = Lines(told.append)
    lines.start("generate", 20, 0)
    with lines.step("load a-model"):
        clock.now += 10
    for made in range(1, 21):
        clock.now += 1
        lines.advance("generate")
        assert not left(told) or left(told)[-1] <= 20 - made + 2
    lines.finish("generate")
    assert left(told)[0] == 18 and told[1] == "load a-model: done after 10 s"
    assert told[-1] == "generate: done after 30 s", "what it took is told with the loading"


def test_nothing_is_promised_of_the_first_items() -> None:
    pace = Pace(total=100, done=20, now=0.0)
    assert pace.left(5.0) is None
    pace.done += 7
    assert pace.left(5.0) is None, "seven of eighty say little"
    pace.done += 1
    assert pace.left(8.0) == pytest.approx(72.0)


def test_a_stage_that_is_over_at_once_is_two_lines(clock: Clock) -> None:
    told: list[str] = []
    lines = Lines(told.append, "mock")
    lines.start("embed sound", 50, 10)
    for _ in range(40):
        lines.advance("embed sound")
    lines.finish("embed sound")
    assert told == ["mock: embed sound: 10 of 50 there already", "mock: embed sound: done after 0.0 s"]


def test_a_step_by_itself_says_that_it_began_and_one_within_a_stage_only_what_it_took(clock: Clock) -> None:
    """A network of gigabytes that loads alone must not look like a hang; four that load at once must not fill a log."""
    told: list[str] = []
    lines = Lines(told.append)
    with lines.step("score"):
        assert told == ["score"]
    lines.start("embed clap", 3, 0)
    with lines.step("load clap"):
        pass
    assert told == ["score", "embed clap: 3 to do"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (96.4, "96 s"), (119.9, "120 s"), (1062, "18 min"), (12_000, "3 h 20 min")],
)
def test_a_duration_is_told_in_the_unit_that_a_person_would_use(seconds: float, told: str) -> None:
    assert duration(seconds) == told
