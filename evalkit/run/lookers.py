"""Who looks at judges before a run's work, and who begins with the work meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.core.errors import UserError
from evalkit.execute.base import Executor
from evalkit.execute.bench import Identity, Kind
from evalkit.execute.orders import JudgeOrder
from evalkit.execute.workers import Workers
from evalkit.fetch.home import evalkit_home
from evalkit.run.embedders import modules
from evalkit.run.executors import aside, is_shared
from evalkit.run.generate import generator_order, makes_all
from evalkit.run.plan import Plan

NOTES = "cache", "loaded"
"""Where is kept, under evalkit's folder, what was found of judges."""


class Lookers:
    """Workers of this machine that look at judges: the run's own, which have then imported what they need for the work,
    or one for this alone. Where it is certain that there is something to do, they import what judges need while this
    process looks at all else, and whoever has no judge to look at begins with the work."""

    def __init__(self, plan: Plan, hands: Executor | None) -> None:
        self._plan, self._hands = plan, hands if isinstance(hands, Workers) else None
        self._own = None if self._hands is None or self._hands.far else self._hands
        self._workers = self._own or aside(plan.config)
        nobody_has_looked = is_shared(plan.config) and not evalkit_home().joinpath(*NOTES).exists()
        if nobody_has_looked or (self._own is not None and makes_all(plan)):
            self._warm(self._workers)

    def look(self, orders: Sequence[JudgeOrder]) -> Sequence[tuple[Identity, Kind] | UserError]:
        """As `Workers.look`."""
        if self._own is not None:
            return self._own.look(orders, self._begin)
        self._begin()
        return self._workers.look(orders)

    def close(self) -> None:
        """End those that were there to look alone."""
        if self._own is None:
            self._workers.close()

    def _begin(self) -> None:
        if self._hands is not None and makes_all(self._plan):
            self._warm(self._hands)
            self._hands.begin(generator_order(self._plan))

    def _warm(self, workers: Workers) -> None:
        if needed := modules(self._plan):
            workers.warm(needed)
