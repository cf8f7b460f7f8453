"""Sounds that are there are embedded while others are made, where workers have time for it.

What is embedded early waits in the feature cache, where the second stage finds it; whatever does not come to anything
here is that stage's to do and to tell. Chunks are those of that stage: so many sounds together in the run's order, or,
on a CPU, each by itself, as soon as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalkit.execute.base import Chunk
from evalkit.execute.bench import Identity, Made, Source, sound_source
from evalkit.execute.orders import JudgeOrder
from evalkit.run.embed import Workshop
from evalkit.run.plan import Plan
from evalkit.store.ledger import Record


class EmbeddedMeanwhile:
    """The sounds of a run that are made, for each of its judges; a judge that fails once is left to its stage."""

    def __init__(self, plan: Plan, shops: Mapping[str, Workshop], orders: Mapping[str, JudgeOrder]) -> None:
        self._plan, self._shops, self._orders = plan, shops, orders
        self._records: dict[str, Record] = {}
        self._line: list[Source] = []
        self._unmade = iter(plan.items)
        self._waits_for = next(self._unmade, None)
        self._first = dict.fromkeys(shops, 0)
        self._alone = all(shop.chunk == 1 for shop in shops.values())

    def made(self, record: Record) -> None:
        """An item has its record now."""
        if self._alone:
            self._join(record)
            return
        self._records[record.key] = record
        while self._waits_for is not None and (found := self._records.pop(self._waits_for.key, None)) is not None:
            self._join(found)
            self._waits_for = next(self._unmade, None)

    def next(self) -> Chunk | None:
        """The first chunk that is whole and that the cache lacks, judge by judge."""
        return next(self._chunks(), None)

    def took(self, chunk: Chunk, answer: tuple[Identity, Made] | None) -> None:
        """Keep what a chunk came to."""
        name = chunk.order.name
        if answer is None or not self._shops[name].keep(chunk.sources, *answer):
            self._first.pop(name, None)

    def _join(self, record: Record) -> None:
        if record.status == "ok" and record.audio is not None and record.sha256 is not None:
            path = self._plan.folder.resolve(record.audio)
            self._line.append(sound_source(record.key, record.sha256, path))

    def _chunks(self) -> Iterator[Chunk]:
        for name, first in self._first.items():
            shop = self._shops[name]
            for start in range(first, len(self._line) - shop.chunk + 1, shop.chunk):
                self._first[name] = start + shop.chunk
                sources = self._line[start : start + shop.chunk]
                if not shop.has(sources):
                    yield Chunk(self._orders[name], sources)
