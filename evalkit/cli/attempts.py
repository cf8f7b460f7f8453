"""The runs of one command, each for itself: a model that fails costs its own run, and no other's."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from evalkit.cli.complaints import complain
from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.files import refusal, require_place
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin, described

if TYPE_CHECKING:
    from evalkit.run.config import RunConfig
    from evalkit.run.pipeline import Outcome
    from evalkit.run.plan import Plan
    from evalkit.run.preflight import Looked

Found = TypeVar("Found")


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


def attempt_all(
    configs: Sequence[RunConfig], stage: Literal["generate", "score"], page: Path | None = None
) -> list[Outcome | Lost]:
    """What became of each, in their order; what is lost is told on stderr, and before any work where it is known then.

    Raises UserError, before any work, for whatever is mistyped in any of them, and where their `page` cannot be.
    """
    places = [] if page is None else [partial(require_place, page)]
    plans: list[Plan | Lost] = together(*(partial(_planned, config) for config in configs), *places)[: len(configs)]
    alone = len(plans) == 1  # which looks itself, by those that then do its work
    looks = [
        each if isinstance(each, Lost) else None if alone else _attempted(each, partial(_looked, each, stage))
        for each in plans
    ]
    _tell([each for each in looks if isinstance(each, Lost)], len(plans) > 1)
    outcomes: list[Outcome | Lost] = []
    for plan, found in zip(plans, looks, strict=True):
        if isinstance(plan, Lost) or isinstance(found, Lost):
            outcomes += [each for each in (found,) if isinstance(each, Lost)]
            continue
        outcomes.append(_attempted(plan, partial(_worked, plan, stage, found)))
        _tell([each for each in outcomes[-1:] if isinstance(each, Lost)], len(plans) > 1)
    return outcomes


def _planned(config: RunConfig) -> Plan | Lost:
    from evalkit.api.work import prepared

    try:
        return prepared(config)
    except BrokenPlugin as error:
        return Lost(config.model, config.seed, error, error.exit_code)


def _looked(plan: Plan, stage: Literal["generate", "score"]) -> Looked:
    from evalkit.api.work import looked
    from evalkit.cli.progress import for_this_terminal

    with for_this_terminal(_about(plan)) as progress:
        return looked(plan, stage, progress)


def _worked(plan: Plan, stage: Literal["generate", "score"], found: Looked | None) -> Outcome:
    from evalkit.api.work import worked
    from evalkit.cli.progress import for_this_terminal

    with for_this_terminal(_about(plan)) as progress:
        return worked(plan, stage, progress, found)


def _about(plan: Plan) -> str:
    """Whose progress it is."""
    return f"{plan.model.name}, seed {plan.config.seed}" if plan.config.seed else plan.model.name


def _attempted(plan: Plan, step: Callable[[], Found]) -> Found | Lost:
    """What a step of a run gives, or how the run was lost by it: the other models are still to be run, and their
    results told."""
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - as above; a bug keeps its traceback
        heed()
        known = refusal(error) if isinstance(error, OSError) else error
        if isinstance(known, UserError):
            return Lost(plan.config.model, plan.config.seed, known, known.exit_code)
        traceback.print_exception(error)
        return Lost(plan.config.model, plan.config.seed, UserError(described(error)), 1)


def _tell(lost: Sequence[Lost], of_several: bool) -> None:
    """Each reason once, with the models that it befell where it does not name them."""
    befallen: dict[str, list[Lost]] = {}
    for each in lost:
        befallen.setdefault(each.error, []).append(each)
    for reason, those in befallen.items():
        models = dict.fromkeys(each.model for each in those)
        named = all(model in reason for model in models) or not of_several
        complain(those[0].reason, "" if named else ", ".join(models))
