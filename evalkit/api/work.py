"""From a request to its outcome: what `evalkit.run`, `evalkit.score` and the verbs of those names have in common."""

from __future__ import annotations

import logging
from typing import Literal

from evalkit.api.words import named
from evalkit.run.config import RunConfig
from evalkit.run.pipeline import Outcome, run, run_generate
from evalkit.run.plan import Plan, make_plan
from evalkit.run.preflight import Looked, look
from evalkit.run.progress import Lines, Progress

Stage = Literal["generate", "score"]

LOG = logging.getLogger("evalkit")
"""Where Python callers hear of the work: notes are warnings, which Python shows unless told otherwise; progress is
information (`logging.basicConfig(level="INFO")`)."""


class Told(Lines):
    """Tells the log, and keeps the notes for the result."""

    def __init__(self) -> None:
        super().__init__(LOG.info)
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(named(text))
        LOG.warning("%s", self.notes[-1])


def prepared(config: RunConfig) -> Plan:
    """What is going to be done. Raises UserError, before any work, for whatever is mistyped."""
    return make_plan(config)


def looked(plan: Plan, stage: Stage, progress: Progress) -> Looked:
    """What there is to it. Raises UserError, before any work, for whatever is known to end it."""
    return look(plan, stage, progress)


def worked(plan: Plan, stage: Stage, progress: Progress, found: Looked | None = None) -> Outcome:
    """Do it, up to this stage, or what of it is not done yet; `found` is what `looked` says of it."""
    return (run if stage == "score" else run_generate)(plan, progress, looked=found)
