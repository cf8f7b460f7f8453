"""Who does what, whichever way the workers are reached: handing out, taking in, and going on where one dies.

A unit of work (a batch, a chunk) is handed out whole. A worker that dies costs what it had in hand, which the next one
does again as it was. What kills a second worker is tried item by item, to find the one that does it, and an item that
kills two by itself is given up. Where none does, the workers died of something else, and the unit is done whole once
more, so that its sounds are those of an undisturbed run. An answer counts once, from the worker that was asked for it.

What each worker is asked for once, to close its model or to let a judge go, is no unit: one that dies of it has nothing
left to close or to keep, which is told and counts for nothing else.

Besides the units there may be work that is welcome early and not needed: a worker has it where no unit is left while
others are still at theirs. It is small beside a unit, so whoever would wait for the last batch has something to do;
done any earlier, it would be missing there. What fails of it is simply not done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.execute.wire import Message
from evalkit.execute.worker import raise_told

DEATHS = 2
"""Workers that one piece of work may kill."""
_STARTS_IN_A_ROW = 4
_DEATHS_IN_A_ROW = 8
"""After so many without an answer in between, the run ends: each costs the loading of the model."""
_LOOK = 0.5
SILENCE = 300.0
"""Seconds without a sign of life after which a worker is ended: something holds the whole process."""


class Hand(Protocol):
    """One worker. `device` is where it works."""

    device: str

    def send(self, task: Message) -> None:
        """Ask for something; what the worker cannot take is found out as its death."""
        ...

    def end(self) -> str:
        """End it, where it has not ended, and say how it did, with what it last printed."""
        ...


class Crew(Protocol):
    """Where workers come from: processes here, actors of a cluster. `devices` has one entry for each worker; `far` ones
    do not see this machine's files."""

    far: bool
    kind: Literal["pool", "ray"]

    @property
    def devices(self) -> Sequence[str]: ...

    def hire(self, place: int) -> Hand | None:
        """Start the worker of a place; None where there is room for those alone that are at work. Raises UserError."""
        ...

    def heard(self, seconds: float) -> Iterator[tuple[Hand, Message | None]]:
        """What the workers say within so many seconds; None from one that is gone, `unfit` from one that cannot do this
        work where others can. Raises UserError where none can."""
        ...

    def close(self) -> None:
        """End all of them."""
        ...


@dataclass(frozen=True)
class Piece:
    """Items of a unit that one worker does together: their `places` in it. `deaths` counts the workers it killed."""

    unit: int
    places: tuple[int, ...]
    deaths: int = 0


@dataclass(frozen=True)
class Lost:
    """Why a piece of one item has no answer."""

    kind: Literal["error", "hung"]
    why: str


@dataclass
class _Place:
    """One worker's place. `task` is the number of what it was asked last, `loss` what it says of its own end, `extras`
    {number of a task: who hears its answer} of what is no unit's; it has `loaded` what some work needs."""

    hand: Hand
    piece: Piece | None = None
    task: int = 0
    ready: bool = False
    loaded: bool = False
    heard: float = 0.0
    loss: tuple[tuple[int, ...], str] | None = None
    extras: dict[int, Heard] = field(default_factory=dict)


@dataclass
class _Apart:
    """A unit whose items are tried one by one, and the answers so far; `again` once it is done whole after that."""

    places: tuple[int, ...]
    answers: list[tuple[Piece, Message | Lost]] = field(default_factory=list)
    again: bool = False


Ask = Callable[[Piece, str], Message]
"""The task for a piece, on a device."""
Heard = Callable[[Message | None], object]
Spare = Callable[[str], tuple[Message, Heard] | None]
"""A task for a worker with time to spare, on a device, and who hears what came of it (None: nothing did)."""
_EXTRA, _ONCE = -1, -2
"""In the place of a unit's number: what is welcome early, and what each worker is asked for once."""


class Schedule:
    """Work for one crew, whose workers stay for the next kind of work. `most` is how many had something loaded at
    once, on these `devices`, which their makers call by these `names`."""

    def __init__(self, crew: Crew, silence: float = SILENCE) -> None:
        self._crew, self._silence = crew, silence
        self._places: dict[int, _Place] = {}
        self._waiting: deque[Piece] = deque()
        self._apart: dict[int, _Apart] = {}
        self._tasks = self._starts = self._deaths = 0
        self._loaded: Callable[[], object] = lambda: None
        self.most = 0
        self.devices: set[str] = set()
        self.names: set[str] = set()

    def run(
        self,
        units: Iterable[tuple[int, int]],
        ask: Ask,
        spare: Spare = lambda device: None,
        loaded: Callable[[], object] = lambda: None,
    ) -> Iterator[tuple[Piece, Message | Lost]]:
        """An answer for each item of each unit (its number, its size), in any order, several of a unit in one piece.

        `loaded` is called where a worker has loaded what it needs.

        Raises what a worker raised, and UserError where workers die without an answer in between.
        """
        rest, self._loaded = iter(units), loaded
        try:
            self._hand_out(rest, ask, spare)
            while self._is_making() or self._waiting:
                for answer in self._heard():
                    self._hand_out(rest, ask, spare)  # nobody waits while the answer is looked at
                    yield answer
                self._hand_out(rest, ask, spare)
        finally:
            self._forget()

    def begin(self, ask: Callable[[str], Message]) -> None:
        """Start the workers that are not there, and ask each that has nothing in hand for something that it does before
        all else. Nobody hears what came of it."""
        for number in range(len(self._crew.devices)):
            place = self._places.get(number)
            if place is None and (hand := self._crew.hire(number)) is not None:
                place = self._places[number] = _Place(hand)
            if place is not None and place.piece is None:
                self._give_aside(place, ask(place.hand.device), lambda answer: None)
                place.piece = None

    def everyone(self, ask: Callable[[str], Message]) -> Iterator[Message | Lost]:
        """The answer of each worker that is there to one more task, or how that ended it. Raises what one raised."""
        for place in self._places.values():
            self._give(place, Piece(_ONCE, (0,)), lambda piece, device: ask(device))
        try:
            while self._is_making():
                yield from (answer for _, answer in self._heard())
        finally:
            self._forget()

    def again(self, ask: Ask) -> Message | Lost:
        """The answer of another worker to what one has died of. Raises as `run` does."""
        self._waiting.append(Piece(0, (0,), deaths=1))
        ((_, answer),) = self.run((), ask)
        return answer

    @property
    def workers(self) -> int:
        """How many there may be at once."""
        return len(self._crew.devices)

    def close(self) -> None:
        """End all workers, whatever they do."""
        self._places.clear()
        self._waiting.clear()
        self._crew.close()

    def _forget(self) -> None:
        """What was begun and is wanted no more: its answers come too late, but for those of extras."""
        self._waiting.clear()
        self._apart.clear()
        for place in self._places.values():
            place.piece = None

    def _heard(self) -> Iterator[tuple[Piece, Message | Lost]]:
        """What the workers said, or did by dying, in a moment's time."""
        for hand, message in self._crew.heard(_LOOK):
            number = next((number for number, each in self._places.items() if each.hand is hand), None)
            if number is None:
                continue  # the last words of one that was given up
            if message is not None and message.kind == "unfit":
                self._dismiss(number)
            else:
                yield from self._gone(number) if message is None else self._said(self._places[number], message)
        heed()
        for number in [each for each, place in self._places.items() if self._is_silent(place)]:
            yield from self._gone(number)

    def _is_making(self) -> bool:
        """Is a worker at a unit?"""
        return any(place.piece is not None and place.piece.unit != _EXTRA for place in self._places.values())

    def _hand_out(self, rest: Iterator[tuple[int, int]], ask: Ask, spare: Spare) -> None:
        for number in range(len(self._crew.devices)):
            place = self._places.get(number)
            if place is not None and place.piece is not None:
                continue
            piece = self._waiting.popleft() if self._waiting else None
            if piece is None and (unit := next(rest, None)) is not None:
                piece = Piece(unit[0], tuple(range(unit[1])))
            if piece is None:
                self._give_extra(place, spare)
                continue
            hand = self._crew.hire(number) if place is None else place.hand
            if hand is None:
                self._waiting.appendleft(piece)
                continue
            place = self._places.setdefault(number, _Place(hand))
            self._give(place, piece, ask)

    def _give_extra(self, place: _Place | None, spare: Spare) -> bool:
        """Give a worker that is there what is no unit's, while others are at units."""
        found = spare(place.hand.device) if place is not None and place.ready and self._is_making() else None
        if place is None or found is None:
            return False
        self._give_aside(place, *found)
        return True

    def _give_aside(self, place: _Place, task: Message, heard: Heard) -> None:
        self._give(place, Piece(_EXTRA, (0,)), lambda piece, device: task)
        place.extras[place.task] = heard

    def _dismiss(self, number: int) -> None:
        """Another one does what a worker cannot."""
        piece = self._leave(number)[1]
        if piece is not None:
            self._waiting.appendleft(piece)

    def _leave(self, number: int) -> tuple[_Place, Piece | None, str]:
        """A place without its worker, what that had in hand of a unit, and how it ended."""
        place = self._places.pop(number)
        how = place.hand.end()
        for heard in place.extras.values():
            heard(None)
        return place, None if place.piece is None or place.piece.unit == _EXTRA else place.piece, how

    def _give(self, place: _Place, piece: Piece, ask: Ask) -> None:
        self._tasks += 1
        place.piece, place.task, place.heard, place.loss = piece, self._tasks, time.monotonic(), None
        task = ask(piece, place.hand.device)
        place.hand.send(replace(task, facts={**task.facts, "task": self._tasks}))

    def _said(self, place: _Place, message: Message) -> Iterator[tuple[Piece, Message | Lost]]:
        place.heard = time.monotonic()
        if message.kind in ("ready", "done", "raised"):
            self._loaded()
        if message.kind == "ready":
            place.ready, place.loaded, self._starts = True, True, 0
            self.most = max(self.most, sum(each.loaded for each in self._places.values()))
            self.devices.add(place.hand.device)
            self.names.add(str(message.facts.get("name", "")))
        if message.kind == "lost":
            place.loss = tuple(message.facts["places"]), str(message.facts["why"])
        if message.kind in ("done", "raised") and (heard := place.extras.pop(message.facts.get("task", 0), None)):
            heard(message if message.kind == "done" else None)
            if message.facts["task"] == place.task:
                place.piece = None
            return
        if message.kind not in ("done", "raised") or message.facts.get("task") != place.task or place.piece is None:
            return
        piece, place.piece, place.ready = place.piece, None, True
        if message.kind == "raised":
            raise_told(message.facts)
        self._deaths = self._starts = 0
        yield from self._answered(piece, message)

    def _gone(self, number: int) -> Iterator[tuple[Piece, Message | Lost]]:
        """What comes of the piece that a dead worker had."""
        place, piece, how = self._leave(number)
        if piece is None:
            return
        if piece.unit == _ONCE:
            yield piece, Lost("error", how) if place.loss is None else Lost("hung", place.loss[1])
            return
        if place.loss is not None and not place.loss[0]:
            told = f"what a worker has to load does not come back ({place.loss[1]}) and cannot be interrupted"
            raise UserError(told, "--timeout SECONDS gives it longer")
        if place.loss is not None:
            yield from self._hung(piece, *place.loss)
            return
        self._deaths += 1
        if not place.ready:
            self._starts += 1
        if self._starts >= _STARTS_IN_A_ROW or self._deaths >= max(_DEATHS_IN_A_ROW, 4 * len(self._crew.devices)):
            told = "while it loads" if not place.ready else "at work"
            raise UserError(
                f"{max(self._starts, self._deaths)} workers in a row came to nothing, the last {told}: {how}",
                "fewer --workers need less memory; without --workers all is done in one process",
            )
        yield from self._died(replace(piece, deaths=piece.deaths + place.ready), how)

    def _answered(self, piece: Piece, answer: Message | Lost) -> Iterator[tuple[Piece, Message | Lost]]:
        """The answer, or, of one that is tried by itself, all of its unit's once they are there."""
        apart = self._apart.get(piece.unit)
        if apart is None or apart.again:
            self._apart.pop(piece.unit, None)
            yield piece, answer
            return
        apart.answers.append((piece, answer))
        if len(apart.answers) < len(apart.places):
            return
        if any(isinstance(each, Lost) for _, each in apart.answers):
            yield from self._apart.pop(piece.unit).answers
        else:
            apart.again = True
            self._waiting.append(Piece(piece.unit, apart.places))

    def _died(self, piece: Piece, how: str) -> Iterator[tuple[Piece, Message | Lost]]:
        if piece.deaths < DEATHS:
            self._waiting.appendleft(piece)
        elif piece.unit in self._apart and self._apart[piece.unit].again:
            yield from self._apart.pop(piece.unit).answers
        elif len(piece.places) > 1:
            self._try_apart(piece, piece.places)
        else:
            yield from self._answered(piece, Lost("error", f"its worker ended {DEATHS} times: {how}"))

    def _hung(self, piece: Piece, places: tuple[int, ...], why: str) -> Iterator[tuple[Piece, Message | Lost]]:
        """A worker ended itself, as a call did not come back: what was in that call alone is given up, and the others,
        whose sounds went with it, are made again one by one."""
        if piece.unit in self._apart and self._apart[piece.unit].again:
            yield from self._apart.pop(piece.unit).answers
            return
        those = [piece.places[place] for place in places]
        given_up = those if len(those) == 1 else []
        if len(piece.places) > 1:
            self._try_apart(piece, [place for place in piece.places if place not in given_up])
        for place in given_up:
            lost = Lost("hung", f"hung: {why}, and could not be interrupted")
            yield from self._answered(Piece(piece.unit, (place,)), lost)

    def _try_apart(self, piece: Piece, places: Sequence[int]) -> None:
        self._apart[piece.unit] = _Apart(piece.places)
        self._waiting.extend(Piece(piece.unit, (place,)) for place in places)

    def _is_silent(self, place: _Place) -> bool:
        return place.piece is not None and time.monotonic() - place.heard > self._silence
