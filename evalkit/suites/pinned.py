"""Files of a suite that come from a pinned source: are they here, and are they what they must be?"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.paths import is_there
from evalkit.fetch.digests import measure, recorded
from evalkit.fetch.sources import address, pinned
from evalkit.suites.base import MetricPlan, Outline, Pinned, Suite

LARGEST = 1 << 30
"""Bytes that a prompt or reference file may have."""


def is_here(file: Pinned) -> bool:
    """Is the file in its place? Its content is not looked at."""
    return file.path.is_file()


def require_fetched(file: Pinned) -> Path:
    """The path of a fetched file, its digest checked.

    Raises UserError, with the command that helps, where it is not here or is not what it must be.
    """
    hint = f"evalkit fetch suite {file.suite}"
    if not is_here(file):
        raise UserError(f"suite {file.suite} needs {file.path.name}, which is not fetched yet", hint)
    wanted = pinned(file.source) or recorded(address(file.source))
    if wanted is not None and measure(file.path, wanted.kind) != wanted:
        raise UserError(f"{file.path}: was changed or damaged since it was fetched", hint)
    return file.path


def require_references(suite: Suite) -> None:
    """Raises UserError for every reference file of the suite that is not here: before any work, not after hours."""
    together(*(partial(require_reference, plan) for plan in suite.metrics.values()))


def require_reference(plan: MetricPlan) -> None:
    """Raises UserError where the reference file of a metric is not here."""
    if plan.pinned is not None:
        require_fetched(plan.pinned)
    elif plan.reference is not None and not is_there(plan.reference):
        raise UserError(f"{plan.reference}: no such reference file")


def pinned_files(outline: Outline) -> list[Pinned]:
    """Everything that a suite takes from elsewhere: its prompts, then its references."""
    found = [outline.pinned, *(plan.pinned for plan in outline.metrics.values())]
    return [file for file in found if file is not None]
