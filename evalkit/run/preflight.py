"""What can be known to fail before the work: done first, so that an hour of sounds does not end in a file that is none.

The references are read and inspected, and each embedder's weights are loaded once. That some load is remembered by the
stamp of their files under EVALKIT_HOME, so it costs once per file, not once per run.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial

from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import TextEmbedder, family_of, is_own
from evalkit.fetch.home import FEATURES, evalkit_home, writable_home
from evalkit.metrics.base import METRICS, Metric
from evalkit.run.embedders import open_embedder
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
    loaded: dict[str, _Facts] = {}
    for name, stamp in stamps.items():
        try:
            loaded[name] = _facts(plan, name, stamp)
        except BrokenPlugin as error:
            progress.note(f"{error}; its metrics will have no number, and the others will")
    together(*(partial(_require_fit, plan, metrics, name, facts, references) for name, facts in loaded.items()))
    return Ready(metrics, broken, references)


@dataclass(frozen=True)
class _Facts:
    """What is known of an embedder that loads."""

    dimensions: int
    family: str
    text: bool


def _facts(plan: Plan, name: str, stamp: str) -> _Facts:
    """Of the embedder of a weights name; it is loaded where that is not known of these files."""
    note = evalkit_home() / "cache" / "loaded" / f"{digest_json([name, stamp, 1])[:32]}.json"
    with suppress(UserError, LookupError, TypeError, ValueError):
        said = read_json(note)
        return _Facts(int(said["dimensions"]), str(said["family"]), bool(said["text"]))
    embedder = open_embedder(plan, name, "cpu")
    facts = _Facts(embedder.spec.dimensions, embedder.spec.family, isinstance(embedder, TextEmbedder))
    with suppress(OSError):
        write_json(note, {"name": name, **asdict(facts)})
    return facts


def _require_fit(
    plan: Plan, metrics: Mapping[str, Metric], weights: str, facts: _Facts, references: References
) -> None:
    """Raises UserError where a metric is of another family than the embedder that it names, needs text from one that
    reads none, or compares with a file of other dimensions."""
    chosen = {name: plan.suite.metrics[name] for name in metrics if plan.suite.metrics[name].weights == weights}
    for name, each in chosen.items():
        card = metrics[name].card
        named = METRICS.is_builtin(name) and (is_own(each.embedded_by) or family_of(each.embedded_by))
        if named and card.family != facts.family:
            wrong = f"{name} is of {card.family}, and {weights} is of {facts.family}"
            raise UserError(
                f"suite {plan.suite.name}: {wrong}: the number would be another one under its name",
                f'give it one of its own: [metrics.my_{name.split("_")[0]}] like = "{name}" and weights = "{weights}"',
            )
        if card.text and not facts.text:
            raise UserError(f"suite {plan.suite.name}: {name} compares with text, and {weights} reads none")
        found = {len(references.sets[name].mean)} if name in references.sets else set()
        found |= {len(row) for row in references.pairs.get(name, {}).values()}
        if found - {facts.dimensions}:
            wrong = f"{each.reference}: has {min(found - {facts.dimensions})} dimensions"
            hint = f"make it with {weights}, or name the weights that it was made with"
            raise UserError(f"{wrong}, and {weights} gives {facts.dimensions}", hint)
