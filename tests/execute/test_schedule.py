"""Handing out and taking in, with workers that are scripts: what counts once, is done again, and is given up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from evalkit.core.errors import UserError
from evalkit.execute.schedule import Hand, Lost, Piece, Schedule
from evalkit.execute.wire import Message

Script = Callable[["Scripted", Message], None]


class Scripted:
    """A worker that does with a task what its crew's script says."""

    device = "cpu"

    def __init__(self, crew: Crew) -> None:
        self.crew, self.ended = crew, False
        self.tasks: list[Message] = []

    def send(self, task: Message) -> None:
        self.tasks.append(task)
        self.crew.script(self, task)

    def end(self) -> str:
        self.ended = True
        return "killed by a test"

    def says(self, kind: str, **facts: object) -> None:
        self.crew.said.append((self, Message({"kind": kind, **facts})))

    def answers(self, task: Message) -> None:
        self.says("done", task=task.facts["task"], of=task.facts["of"])

    def dies(self) -> None:
        self.crew.said.append((self, None))


class Crew:
    far: bool = False
    kind: Literal["pool", "ray"] = "pool"

    def __init__(self, count: int, script: Script) -> None:
        self.devices, self.script = ["cpu"] * count, script
        self.said: deque[tuple[Hand, Message | None]] = deque()
        self.hired: list[Scripted] = []

    room = 1 << 10
    """Workers that there is room for at once."""

    def hire(self, place: int) -> Hand | None:
        if sum(not each.ended for each in self.hired) >= self.room:
            return None
        self.hired.append(Scripted(self))
        return self.hired[-1]

    def heard(self, seconds: float) -> Iterator[tuple[Hand, Message | None]]:
        while self.said:
            yield self.said.popleft()

    def close(self) -> None: ...


def ask(piece: Piece, device: str) -> Message:
    return Message({"of": [piece.unit, *piece.places]})


def answers(crew: Crew, sizes: list[int], silence: float = 300.0) -> dict[tuple[int, int], object]:
    """(unit, place) -> what the answer was told to be of, or why there is none; each item must be answered once."""
    found: dict[tuple[int, int], object] = {}
    for piece, answer in Schedule(crew, silence).run(enumerate(sizes), ask):
        for place in piece.places:
            assert (piece.unit, place) not in found, "answered twice"
            found[piece.unit, place] = answer if isinstance(answer, Lost) else answer.facts["of"]
    assert set(found) == {(unit, place) for unit, size in enumerate(sizes) for place in range(size)}
    return found


def test_an_answer_counts_once_and_from_the_worker_that_was_asked() -> None:
    late: list[Message] = []

    def script(hand: Scripted, task: Message) -> None:
        hand.answers(task)
        hand.answers(task)  # twice
        for each in late:
            hand.answers(each)  # what was asked before, of whomever
        late.append(task)

    found = answers(Crew(2, script), [2] * 6)
    assert all(of == [unit, 0, 1] for (unit, _), of in found.items())


def test_a_result_of_a_worker_that_was_given_up_comes_too_late() -> None:
    def script(hand: Scripted, task: Message) -> None:
        if len(hand.crew.hired) == 1:
            hand.dies()
            hand.answers(task)
        else:
            hand.says("ready")
            hand.answers(task)

    crew = Crew(1, script)
    assert answers(crew, [3]) == {(0, place): [0, 0, 1, 2] for place in range(3)}
    assert len(crew.hired) == 2 and crew.hired[0].ended


def test_what_kills_two_by_itself_is_given_up_and_its_neighbours_are_made() -> None:
    def script(hand: Scripted, task: Message) -> None:
        hand.says("ready")
        if 1 in task.facts["of"][1:]:
            hand.dies()
        else:
            hand.answers(task)

    crew = Crew(1, script)
    found = answers(crew, [3])
    assert found == {
        (0, 0): [0, 0],
        (0, 1): Lost("error", "its worker ended 2 times: killed by a test"),
        (0, 2): [0, 2],
    }
    asked = [task.facts["of"] for each in crew.hired for task in each.tasks]
    assert asked == [[0, 0, 1, 2], [0, 0, 1, 2], [0, 0], [0, 1], [0, 1], [0, 2]]


@pytest.mark.parametrize("deaths", [1, 2])
def test_what_none_of_a_batch_does_is_no_fault_of_the_batch(deaths: int) -> None:
    """Its sounds are those of the whole batch, to the last bit, as if nothing had happened to its workers."""

    def script(hand: Scripted, task: Message) -> None:
        hand.says("ready")
        if len(hand.crew.hired) <= deaths:
            hand.dies()
        else:
            hand.answers(task)

    assert answers(Crew(1, script), [3]) == {(0, place): [0, 0, 1, 2] for place in range(3)}


def test_a_worker_that_is_killed_while_a_batch_is_done_whole_again_costs_no_byte() -> None:
    """Two died of something else, its items were made one by one, and a third is killed before the whole is there."""
    whole = []

    def script(hand: Scripted, task: Message) -> None:
        hand.says("ready")
        whole.append(len(task.facts["of"]) > 2)
        if whole[-1] and sum(whole) <= 3:
            hand.dies()
        else:
            hand.answers(task)

    assert answers(Crew(1, script), [2]) == {(0, place): [0, 0, 1] for place in range(2)}


def test_a_batch_that_kills_whole_and_not_apart_is_made_apart() -> None:
    """Its items together take more memory than there is, and the system ends whoever asks for it."""

    def script(hand: Scripted, task: Message) -> None:
        hand.says("ready")
        if len(task.facts["of"]) > 2:
            hand.dies()
        else:
            hand.answers(task)

    assert answers(Crew(1, script), [2]) == {(0, 0): [0, 0], (0, 1): [0, 1]}


def test_what_never_comes_back_is_given_up_and_its_neighbours_are_made() -> None:
    """The worker says which call it is in, and ends itself."""

    def script(hand: Scripted, task: Message) -> None:
        hand.says("ready")
        if 1 in (places := task.facts["of"][1:]):
            hand.says("lost", places=list(range(len(places))), why="no end after 5 s")
            hand.dies()
        else:
            hand.answers(task)

    found = answers(Crew(1, script), [3])
    assert found == {
        (0, 0): [0, 0],
        (0, 1): Lost("hung", "hung: no end after 5 s, and could not be interrupted"),
        (0, 2): [0, 2],
    }


def test_a_worker_without_a_sign_of_life_is_ended() -> None:
    def script(hand: Scripted, task: Message) -> None:
        if len(hand.crew.hired) > 1:
            hand.answers(task)

    crew = Crew(1, script)
    assert answers(crew, [1], silence=0.01) == {(0, 0): [0, 0]} and crew.hired[0].ended


@pytest.mark.parametrize(("ready", "most"), [(False, 4), (True, 8)])
def test_workers_that_all_die_end_the_run(ready: bool, most: int) -> None:
    """Each costs the loading of the model, and a thousand prompts would cost two thousand."""

    def script(hand: Scripted, task: Message) -> None:
        if ready:
            hand.says("ready")
        hand.dies()

    crew = Crew(2, script)
    with pytest.raises(UserError, match=rf"{most} workers in a row came to nothing.*killed by a test"):
        answers(crew, [1] * 100)
    assert len(crew.hired) <= most + 1


def test_what_a_worker_raises_is_raised_and_the_next_work_begins_with_nothing_of_it() -> None:
    def script(hand: Scripted, task: Message) -> None:
        if task.facts["of"][0] == "wrong":
            hand.says("raised", task=task.facts["task"], type="UserError", message="no such option", hint="")
        elif task.facts["of"][0] != "slow":
            hand.answers(task)

    schedule = Schedule(Crew(2, script))
    words = {0: "slow", 1: "wrong"}
    with pytest.raises(UserError, match="no such option"):
        list(schedule.run([(0, 1), (1, 1)], lambda piece, device: Message({"of": [words[piece.unit]]})))
    assert [answer.facts["of"] for _, answer in schedule.run([(0, 1)], ask) if isinstance(answer, Message)] == [[0, 0]]


def test_nobody_is_hired_for_nothing() -> None:
    crew = Crew(8, lambda hand, task: hand.answers(task))
    answers(crew, [])
    answers(crew, [1, 1])
    assert len(crew.hired) == 2


def extras(crew: Crew, units: int, most: int) -> tuple[list[object], list[object]]:
    """The units that were answered, and what came of each extra, of which there are so many."""
    given, heard = iter(range(most)), []

    def spare(device: str) -> tuple[Message, Callable[[Message | None], object]] | None:
        number = next(given, None)
        return None if number is None else (Message({"of": ["extra", number]}), heard.append)

    found = [piece.unit for piece, _ in Schedule(crew).run([(each, 1) for each in range(units)], ask, spare)]
    return found, [None if each is None else each.facts["of"][1] for each in heard]


def test_who_has_nothing_to_make_does_what_is_extra_while_others_make() -> None:
    """Nobody is hired for it, no unit waits for it, and it ends no run late."""
    waiting: list[tuple[Scripted, Message]] = []

    def script(hand: Scripted, task: Message) -> None:
        if task.facts["of"][0] == 0:
            waiting.append((hand, task))
            return
        hand.answers(task)
        if task.facts["of"] == ["extra", 2]:
            for slow in waiting:
                slow[0].answers(slow[1])

    crew = Crew(2, script)
    units, heard = extras(crew, 3, 5)
    assert units == [1, 2, 0]
    given = [task.facts["of"][:2] for task in crew.hired[1].tasks]
    assert given[:3] == [[1, 0], [2, 0], ["extra", 0]], (
        "with a unit left, it would be the last batch that is waited for"
    )
    assert heard[:3] == [0, 1, 2]
    alone = extras(Crew(1, lambda hand, task: hand.answers(task)), 3, 5)
    assert alone == ([0, 1, 2], []), "there is nobody to do it"


@pytest.mark.parametrize("how", ["dies", "raises"])
def test_what_fails_of_an_extra_costs_nobody_anything(how: str) -> None:
    """Neither the run, nor a unit, nor a death that would count."""

    def script(hand: Scripted, task: Message) -> None:
        if task.facts["of"][0] != "extra":
            hand.answers(task)
        elif how == "dies":
            hand.dies()
        else:
            hand.says("raised", task=task.facts["task"], type="UserError", message="no such judge", hint="")

    units, heard = extras(Crew(2, script), 40, 20)
    assert sorted(units) == list(range(40)) and heard and set(heard) == {None}


def test_what_one_cannot_do_is_done_by_others_and_nobody_is_to_blame() -> None:
    """A machine without the weights: its worker is dismissed, its place stays empty, and all of it is made."""

    def script(hand: Scripted, task: Message) -> None:
        if hand is hand.crew.hired[0]:
            hand.crew.room = 1
            hand.says("unfit")
        else:
            hand.says("ready")
            hand.answers(task)

    crew = Crew(2, script)
    found = answers(crew, [2] * 4)
    assert all(of == [unit, 0, 1] for (unit, _), of in found.items())
    assert len(crew.hired) == 2 and crew.hired[0].ended and not crew.hired[1].ended


@pytest.mark.parametrize("workers", [1, 2, 12])
def test_who_dies_of_what_each_is_asked_for_once_is_told_and_no_run_ends_of_it(workers: int) -> None:
    """Where a dozen die while they let a judge go, the next work has new ones."""

    def script(hand: Scripted, task: Message) -> None:
        if task.kind == "release":
            hand.dies()
        else:
            hand.answers(task)

    crew = Crew(workers, script)
    schedule = Schedule(crew)
    for _ in range(2):
        assert len(list(schedule.run(enumerate([1] * workers), ask))) == workers
        ended = list(schedule.everyone(lambda device: Message({"kind": "release"})))
        assert ended == [Lost("error", "killed by a test")] * workers
    assert len(crew.hired) == 2 * workers


@pytest.mark.parametrize("deaths", [1, 2])
def test_what_one_has_died_of_counts_when_another_is_asked(deaths: int) -> None:
    def script(hand: Scripted, task: Message) -> None:
        hand.says("ready")
        if len(hand.crew.hired) < deaths:
            hand.dies()
        else:
            hand.answers(task)

    answer = Schedule(crew := Crew(2, script)).again(ask)
    assert len(crew.hired) == 1
    if deaths == 1:
        assert isinstance(answer, Message)
    else:
        assert answer == Lost("error", "its worker ended 2 times: killed by a test")


class Slow(Crew):
    """What is in `late` is heard once nothing else is."""

    def __init__(self, count: int, script: Script) -> None:
        super().__init__(count, script)
        self.late: list[tuple[Hand, Message]] = []

    def heard(self, seconds: float) -> Iterator[tuple[Hand, Message | None]]:
        if not self.said:
            self.said.extend(self.late)
            self.late.clear()
        yield from super().heard(seconds)


def test_work_that_nobody_has_room_for_waits_for_one_that_is_at_something_else() -> None:
    """The other one embeds while a worker is dismissed: the unit of that is not forgotten."""
    extras = [Message({"kind": "embed", "of": ["extra"]})]

    def script(hand: Scripted, task: Message) -> None:
        hand.says("ready")
        if task.kind == "embed":
            crew.room = 1
            crew.hired[0].says("unfit")
            crew.late.append((hand, Message({"kind": "done", "task": task.facts["task"]})))
        elif hand is not crew.hired[0]:
            hand.answers(task)

    crew, came = Slow(2, script), list[Message | None]()
    spare = lambda device: (extras.pop(), came.append) if extras else None  # noqa: E731
    made = [piece.unit for piece, _ in Schedule(crew).run(enumerate([1] * 4), ask, spare)]
    assert made == [1, 2, 3, 0] and len(came) == 1 and came[0] is not None


def test_who_was_given_something_to_begin_with_does_the_work_too() -> None:
    """All are started at once, what they are at is waited for by nobody, and their units follow it."""

    def script(hand: Scripted, task: Message) -> None:
        if task.kind != "load":
            hand.answers(task)

    schedule = Schedule(crew := Crew(3, script))
    for _ in range(2):
        schedule.begin(lambda device: Message({"kind": "load"}))
        assert len(crew.hired) == 3, "those that are there are not started again"
    assert sorted(piece.unit for piece, _ in schedule.run(enumerate([1] * 5), ask)) == [0, 1, 2, 3, 4]
    assert [[task.kind for task in hand.tasks][:2] for hand in crew.hired] == [["load", "load"]] * 3
    assert schedule.most == 0, "who has loaded nothing that was needed has done no work"


@pytest.mark.parametrize("size", [1, 2])
def test_what_never_comes_back_from_loading_ends_the_run(size: int) -> None:
    """It was at no item: its unit was given up without a word, and the run ended in a KeyError."""
    script = lambda hand, task: (hand.says("lost", places=[], why="no end after 1 s"), hand.dies())  # noqa: E731
    with pytest.raises(UserError, match=r"to load does not come back \(no end after 1 s\)"):
        answers(Crew(2, script), [size] * 3)
