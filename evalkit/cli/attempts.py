"""The runs of one command, each for itself: a model that fails costs its own run, and no other's."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from evalkit.cli.complaints import complain
from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.files import refusal
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin, described

if TYPE_CHECKING:
    from evalkit.run.config import RunConfig
    from evalkit.run.pipeline import Outcome
    from evalkit.run.plan import Plan


@dataclass(frozen=True)
class Lost:
    """A model that came to no run with this `seed`, and why; `exit_code` is 2 where it can be put right and 1 for a
    bug."""

    model: str
    seed: int
    reason: UserError
    exit_code: int

    @property
    def error(self) -> str:
        """The reason on one line."""
        return str(self.reason)


def attempt_all(configs: Sequence[RunConfig], stage: Literal["generate", "score"]) -> list[Outcome | Lost]:
    """What became of each, in their order; what was lost is told on stderr when it happens.

    Raises UserError, before any work, for whatever is mistyped in any of them.
    """
    plans: list[Plan | Lost] = together(*(partial(_planned, config) for config in configs))
    for each in plans:
        if isinstance(each, Lost):
            _tell(each, len(plans) > 1)
    return [each if isinstance(each, Lost) else _worked(each, stage, len(plans) > 1) for each in plans]


def _planned(config: RunConfig) -> Plan | Lost:
    from evalkit.api.work import prepared

    try:
        return prepared(config)
    except BrokenPlugin as error:
        return Lost(config.model, config.seed, error, error.exit_code)


def _worked(plan: Plan, stage: Literal["generate", "score"], one_of_several: bool) -> Outcome | Lost:
    from evalkit.api.work import worked
    from evalkit.cli.progress import for_this_terminal

    try:
        with for_this_terminal() as progress:
            return worked(plan, stage, progress)
    except Exception as error:  # noqa: BLE001 - the other models are still to be run, and their results told
        heed()
        known = refusal(error) if isinstance(error, OSError) else error
        if isinstance(known, UserError):
            lost = Lost(plan.config.model, plan.config.seed, known, known.exit_code)
        else:
            traceback.print_exception(error)
            lost = Lost(plan.config.model, plan.config.seed, UserError(described(error)), 1)
        _tell(lost, one_of_several)
        return lost


def _tell(lost: Lost, one_of_several: bool) -> None:
    named = lost.model in lost.error or not one_of_several
    complain(lost.reason, "" if named else lost.model)
