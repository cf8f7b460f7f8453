"""Fetching everything that a suite takes from elsewhere, and making it ready for use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.fetch.download import Fetched, Meter, fetch
from evalkit.suites.base import Outline, Pinned
from evalkit.suites.pinned import LARGEST, pinned_files
from evalkit.suites.references import prepared


@dataclass(frozen=True)
class Obtained:
    """A pinned file of a suite, in its place."""

    file: Pinned
    fetched: Fetched


def obtain(outline: Outline, meter: Meter) -> Iterator[Obtained]:
    """Fetch the files of a suite one after the other; probability files are converted once all are here.

    Raises UserError as `fetch` does, or where a probability file is not of the one form that is read.
    """
    for file in pinned_files(outline):
        yield Obtained(file, fetch(file.source, file.path, meter, replace=True, largest=LARGEST))
    prepare(outline)


def prepare(outline: Outline) -> None:
    """Convert the probability files of a suite whose files are here. Raises UserError as `obtain` does."""
    for plan in outline.metrics.values():
        if plan.pinned is not None:
            prepared(plan)
