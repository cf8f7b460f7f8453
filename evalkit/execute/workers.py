"""The executor over any crew of workers: batches and chunks go out as messages, sounds and features come back.

What workers are told of is in `orders.py`, who does what in `schedule.py`, and where they run is the crew's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from evalkit.core.errors import UserError
from evalkit.execute.base import Batch, Chunk, Fault, Job, Meanwhile, Result, Unclosed, Workforce
from evalkit.execute.bench import Identity, Kind, Made, Source
from evalkit.execute.orders import GeneratorOrder, JudgeOrder
from evalkit.execute.schedule import DEATHS, SILENCE, Crew, Heard, Lost, Piece, Schedule
from evalkit.execute.wire import Message
from evalkit.execute.worker import made_of, raise_told, results_of, sources_told


class Workers:
    """Work by several hands, whose number changes no byte on a CPU: each unit is done whole, by one of them.
    Those that are `far` do not see this machine's files."""

    def __init__(self, crew: Crew, silence: float = SILENCE) -> None:
        self._schedule, self.far = Schedule(crew, silence), crew.far
        self._by = crew.kind

    def run(self, job: Job, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Result]]]:
        """As `Executor.run`, the answers in the order in which they come."""
        order, asked = _told(job), dict[int, Batch]()
        made: dict[int, dict[int, Result]] = {}

        def units() -> Iterator[tuple[int, int]]:
            for place, batch in enumerate(batches):
                if not place:
                    loading.enter_context(job.loading())
                asked[batch.number], made[batch.number] = batch, {}
                yield batch.number, len(batch.requests)

        def ask(piece: Piece, device: str) -> Message:
            requests = [asked[piece.unit].requests[place] for place in piece.places]
            told = [[each.prompt, each.seconds, each.seed, each.lyrics] for each in requests]
            return Message({"kind": "generate", "order": order, "device": device, "requests": told})

        spare, done = partial(_spare, job.meanwhile, self.far), 0
        with ExitStack() as loading:
            for piece, answer in self._schedule.run(units(), ask, spare, loading.close):
                results = [Fault(answer.kind, answer.why)] if isinstance(answer, Lost) else results_of(answer)
                made[piece.unit].update(zip(piece.places, results, strict=True))
                if len(made[piece.unit]) == len(asked[piece.unit].requests):
                    found, done = made.pop(piece.unit), done + 1
                    yield asked.pop(piece.unit), [found[place] for place in range(len(found))]
        if done:
            self._close_generators(order)

    def warm(self, modules: Sequence[str]) -> None:
        """Have all workers import modules of evalkit's, which will be needed, while this process is at other things."""
        self._schedule.begin(lambda device: Message({"kind": "import", "modules": list(modules)}))

    def begin(self, order: GeneratorOrder) -> None:
        """Have all workers that have nothing to do load the generator. What is wrong with it is told once it is asked
        for a sound. Raises UserError for options that no worker can be told."""
        told = _order_told(order)
        self._schedule.begin(lambda device: Message({"kind": "load", "order": told, "device": device}))

    def look(
        self, orders: Sequence[JudgeOrder], idle: Callable[[], object] = lambda: None
    ) -> Sequence[tuple[Identity, Kind] | UserError]:
        """Who and what each judge is, as a worker says that loads it for this alone, several side by side; or what
        loading it raised. They stay for the work that follows. `idle` is called once each judge has its worker."""
        found = dict[int, tuple[Identity, Kind] | UserError]()

        def units() -> Iterator[tuple[int, int]]:
            yield from ((number, 1) for number in range(len(orders)))
            idle()

        def ask(piece: Piece, device: str) -> Message:
            return Message({"kind": "look", "order": orders[piece.unit].told()})

        for piece, answer in self._schedule.run(units(), ask):
            try:
                found[piece.unit] = _looked(answer, orders[piece.unit])
            except UserError as error:
                found[piece.unit] = error
        return [found[number] for number in range(len(orders))]

    def bench(self, order: JudgeOrder) -> JudgeBench:
        """Where sounds are embedded by the judge of an order."""
        return JudgeBench(self._schedule, order, self.far)

    def workforce(self) -> Workforce:
        """The workers that were there at once, by what they said when they had loaded something."""
        devices, names = self._schedule.devices, self._schedule.names
        return Workforce(self._by, self._schedule.most, tuple(sorted(devices)), tuple(sorted(filter(None, names))))

    def close(self) -> None:
        """End all workers."""
        self._schedule.close()

    def _close_generators(self, order: Mapping[str, Any]) -> None:
        """Raises Unclosed where it is the model's doing that nobody can close it: a call that never comes back, or one
        that ends two workers. A lone one that died may have been killed: another loads the model, and closes that."""
        told = list(self._schedule.everyone(lambda device: Message({"kind": "close"})))
        ended = [each for each in told if isinstance(each, Lost)]
        for each in ended:
            if each.kind == "hung":
                raise Unclosed(f"close() had {each.why}, after the sounds were made")
        if not ended or any(each.facts["closed"] for each in told if isinstance(each, Message)):
            return
        why = f"its worker ended {len(ended)} times: {ended[-1].why}"
        if len(ended) < DEATHS:
            answer = self._closed_by_another(order)
            if isinstance(answer, Message):
                return
            why = answer.why
        raise Unclosed(f"close() ended its worker, after the sounds were made: {why}")

    def _closed_by_another(self, order: Mapping[str, Any]) -> Message | Lost:
        try:
            return self._schedule.again(
                lambda piece, device: Message({"kind": "close", "order": order, "device": device})
            )
        except UserError as error:  # nothing but closing is at stake
            return Lost("error", f"killed, and the model cannot be loaded again: {error.message}")


class JudgeBench:
    """One judge at work in all workers. Once it is known who that is, a worker that has another one is unfit."""

    def __init__(self, schedule: Schedule, order: JudgeOrder, far: bool) -> None:
        self._schedule, self._order, self._far = schedule, order, far
        self._identity: Identity | None = None

    def identity(self, most: int = 1) -> Identity:
        """Who the judge is, as the workers that loaded it say: as many as will have one of at most so many chunks.
        Raises what loading it raises."""
        if self._identity is None:
            if self._far and not self._order.key:
                most = 1  # a machine with another judge is told by the first one's answer
            for _ in self.embed([[]] * max(1, min(most, self._schedule.workers))):
                pass
        assert self._identity is not None
        return self._identity

    def embed(self, chunks: Iterable[Sequence[Source]]) -> Iterator[tuple[Sequence[Source], Made]]:
        """What each chunk comes to, in any order. Raises UserError where the workers' judges are not one."""
        asked: dict[int, Sequence[Source]] = {}
        made: dict[int, list[Made]] = {}

        def units() -> Iterator[tuple[int, int]]:
            for number, chunk in enumerate(chunks):
                asked[number], made[number] = chunk, []
                yield number, max(1, len(chunk))

        def ask(piece: Piece, device: str) -> Message:
            chunk = asked[piece.unit]
            order = self._order if self._identity is None else replace(self._order, key=self._identity.key)
            return _embedding(order, [chunk[place] for place in piece.places if chunk], device, self._far)

        for piece, answer in self._schedule.run(units(), ask):
            chunk = asked[piece.unit]
            made[piece.unit].append(self._made(chunk, piece, answer))
            if sum(len(each.features) + len(each.faults) for each in made[piece.unit]) >= len(chunk):
                yield asked.pop(piece.unit), _together(made.pop(piece.unit))

    def release(self) -> None:
        """Every worker lets the judge go. One that ends of it has it no more, and is started again for the next."""
        told = {"kind": "release", "judge": self._order.name}
        for _ in self._schedule.everyone(lambda device: Message({**told, "device": device})):
            pass

    def _made(self, chunk: Sequence[Source], piece: Piece, answer: Message | Lost) -> Made:
        if isinstance(answer, Lost):
            if not chunk:
                raise UserError(f"{self._order.name} cannot be loaded in a worker: {answer.why}")
            return Made({}, {chunk[place].key: answer.why for place in piece.places})
        identity, made = made_of(answer)
        if self._identity not in (None, identity):
            raise UserError(f"{self._order.name} is not the same in all workers", "its files are changing")
        self._identity = identity
        return made


def _looked(answer: Message | Lost, order: JudgeOrder) -> tuple[Identity, Kind]:
    """What a worker found that looked at a judge. Raises what loading it raised there."""
    if isinstance(answer, Lost):
        raise UserError(f"{order.name} cannot be loaded in a worker: {answer.why}")
    if "raised" in answer.facts:
        raise_told(answer.facts["raised"])
    return Identity(**answer.facts["identity"]), Kind(**answer.facts["nature"])


def _embedding(order: JudgeOrder, sources: Sequence[Source], device: str, far: bool) -> Message:
    """The task to embed these together."""
    told, contents = sources_told(sources, far)
    return Message({"kind": "embed", "order": order.told(), "sources": told, "device": device}, contents)


def _spare(meanwhile: Meanwhile | None, far: bool, device: str) -> tuple[Message, Heard] | None:
    """Finished sounds to embed, for a worker that has none to make."""
    chunk = None if meanwhile is None else meanwhile.next()
    if meanwhile is None or chunk is None:
        return None
    return _embedding(chunk.order, chunk.sources, device, far), partial(_took, meanwhile, chunk)


def _took(meanwhile: Meanwhile, chunk: Chunk, answer: Message | None) -> None:
    meanwhile.took(chunk, None if answer is None else made_of(answer))


def _together(parts: Sequence[Made]) -> Made:
    if len(parts) == 1:
        return parts[0]
    features = {key: each for made in parts for key, each in made.features.items()}
    faults = {key: why for made in parts for key, why in made.faults.items()}
    return Made(features, faults, next((made.broken for made in parts if made.broken), ""))


def _told(job: Job) -> dict[str, Any]:
    if job.order is None:
        raise ValueError("a job without an order cannot leave its process")
    return _order_told(job.order)


def _order_told(order: GeneratorOrder) -> dict[str, Any]:
    try:
        return order.told()
    except TypeError as error:
        raise UserError(
            f"{order.model}: an option cannot be told to a worker: {error}", "leave --workers out"
        ) from None
