"""What can be known to fail before the work: done first, so that an hour of sounds does not end in a file that is none.

The references are read and inspected, and each embedder's weights are loaded once. That some load is remembered by the
stamp of their files under EVALKIT_HOME, so it costs once per file, not once per run.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.fetch.home import FEATURES, evalkit_home, writable_home
from evalkit.metrics.base import Metric
from evalkit.run.plan import Plan
from evalkit.run.progress import Progress
from evalkit.run.references import References, open_references
from evalkit.run.score import load_metrics


@dataclass(frozen=True)
class Ready:
    """What the work needs and was found to be usable; `broken` {metric: reason} are those whose own code fails."""

    metrics: Mapping[str, Metric]
    broken: Mapping[str, str]
    references: References


def make_ready(plan: Plan, stamps: Mapping[str, str], progress: Progress) -> Ready:
    """`stamps` {weights name: stamp of its files}. Raises UserError for references that cannot be used or were made
    with other weights, or an EVALKIT_HOME that cannot be written; MissingWeights or BadCheckpoint for weights that do
    not load."""
    writable_home(*FEATURES)
    metrics, broken = load_metrics(plan)
    for reason in broken.values():
        progress.note(f"{reason}; it will have no number, and the others will")
    references = open_references(plan, metrics, progress)
    for sentence in references.notes:
        progress.note(sentence)
    for name, stamp in stamps.items():
        if stamp != "none":
            _require_width(plan, name, _width(plan, name, stamp), references)
    return Ready(metrics, broken, references)


def _width(plan: Plan, name: str, stamp: str) -> int:
    """The dimensions of an embedder whose weights load; they are loaded where that is not known of these files."""
    note = evalkit_home() / "cache" / "loaded" / f"{digest_json([name, stamp])[:32]}.json"
    with suppress(UserError, LookupError, TypeError, ValueError):
        return int(read_json(note)["dimensions"])
    from evalkit.embed.load import load_embedder

    width = load_embedder(name, "cpu", plan.config.weights).spec.dimensions
    with suppress(OSError):
        write_json(note, {"name": name, "dimensions": width})
    return width


def _require_width(plan: Plan, weights: str, width: int, references: References) -> None:
    """Raises UserError where a reference file has other dimensions than the embedder that it is compared with."""
    for name, chosen in plan.suite.metrics.items():
        if chosen.weights != weights:
            continue
        found = {len(references.sets[name].mean)} if name in references.sets else set()
        found |= {len(row) for row in references.pairs.get(name, {}).values()}
        if found - {width}:
            wrong = f"{chosen.reference}: has {min(found - {width})} dimensions, and {weights} gives {width}"
            raise UserError(wrong, f"make it with {weights}, or name the weights that it was made with")
