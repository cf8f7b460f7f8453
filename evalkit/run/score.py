"""The third stage: every metric of the suite over the run's features, into `scores.json`.

A metric sees the sounds that are there; how many are not stands beside its number as `n_failed`. A number
that cannot be had is null with the reason among the warnings, never NaN and never left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin
from evalkit.core.text import part_of
from evalkit.embed.base import Features
from evalkit.execute.bench import Source, sound_source, text_source
from evalkit.metrics.base import Metric, MetricCard, MetricInputs, MetricResult, SetReference
from evalkit.metrics.contract import computed, load_metric
from evalkit.metrics.like import Like
from evalkit.metrics.results import prompt_means
from evalkit.run.copies import Copy
from evalkit.run.embed import STAGE, Embedding, Workshop, faults_told
from evalkit.run.plan import RANDOM, Item, Plan
from evalkit.run.progress import Progress
from evalkit.run.references import References
from evalkit.stats.variance import components, prospects
from evalkit.store.ledger import Record
from evalkit.store.spill import outside
from evalkit.suites.base import MetricPlan
from evalkit.suites.conventions import chosen_options
from evalkit.suites.recordings import pairs_from_features
from evalkit.suites.references import set_from_features

TEXT = "text:"
REFERENCE = "reference:"
_NAMED = 3


@dataclass(frozen=True)
class Scoring:
    """What every metric of a run shares. `workshops` holds one embedder per weights name, `broken` {metric: reason}
    those whose code cannot be loaded, `codes` {metric: digest} that of the code which is not evalkit's own, `copies`
    {a sound's key: the recording of the reference that it holds over again}."""

    plan: Plan
    records: Mapping[str, Record]
    metrics: Mapping[str, Metric]
    broken: Mapping[str, str]
    codes: Mapping[str, str]
    workshops: Mapping[str, Workshop]
    references: References
    copies: Mapping[str, Copy] = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """`scores` is the content of scores.json, `per_prompt` {metric: {name of a sound: value}} and `embeddings`
    {weights name: what was embedded}."""

    scores: dict[str, dict[str, Any]]
    per_prompt: dict[str, dict[str, float]]
    embeddings: dict[str, Embedding]


def load_metrics(plan: Plan, wrong: Gathering) -> tuple[dict[str, Metric], dict[str, str]]:
    """The suite's metrics by name, in the manifest's order, and {name: reason} of those whose code fails.

    A name that is no metric's, and an option that one does not have, are gathered.
    """
    metrics: dict[str, Metric] = {}
    broken: dict[str, str] = {}
    for name, chosen in plan.suite.metrics.items():
        with wrong.look():
            try:
                metric = load_metric(chosen.computed_by)
            except BrokenPlugin as error:
                broken[name] = str(error)
                continue
            metrics[name] = Like(name, metric) if chosen.like else metric
            chosen_options(metrics[name].card, chosen.options)
    return metrics, broken


def embed_all(scoring: Scoring, progress: Progress, one_at_a_time: bool = False) -> dict[str, Embedding]:
    """weights name -> the features of everything that its metrics need: sounds, texts, reference sounds.

    `one_at_a_time` lets each judge go before the next is loaded, where none is needed again.
    """
    embeddings = {}
    for name, shop in scoring.workshops.items():
        sources, stage = _sources(scoring, name), f"{STAGE} {name}"
        progress.start(stage, len(sources), shop.early(sources))
        embeddings[name] = shop.embed(sources, progress, stage)
        progress.finish(stage)
        if one_at_a_time:
            shop.release()
    return embeddings


def score_all(scoring: Scoring, embeddings: dict[str, Embedding]) -> Scored:
    """Every metric's number, from features alone, which none of them can change under the others."""
    for embedding in embeddings.values():
        for features in embedding.features.values():
            features.flags.writeable = False
    scores: dict[str, dict[str, Any]] = {}
    per_prompt: dict[str, dict[str, float]] = {}
    for name, chosen in scoring.plan.suite.metrics.items():
        embedding = embeddings[chosen.weights]
        if name in scoring.broken or embedding.lost:
            reason = scoring.broken.get(name) or embedding.lost
            scores[name], per_prompt[name] = _without(scoring, chosen, embedding, reason), {}
        else:
            scores[name], per_prompt[name] = _score(scoring, scoring.metrics[name], chosen, embedding)
        if name in scoring.codes:
            scores[name]["code"] = scoring.codes[name]
        heed()
    return Scored(scores, per_prompt, embeddings)


def _sources(scoring: Scoring, weights: str) -> list[Source]:
    """Sounds in the suite's order, then texts, then reference sounds, as far as this embedder's metrics ask."""
    plan = scoring.plan
    wanted = [(metric, plan.suite.metrics[name]) for name, metric in scoring.metrics.items()]
    wanted = [(metric, chosen) for metric, chosen in wanted if chosen.weights == weights]
    sources = []
    for item in plan.items:
        record = scoring.records[item.key]
        if record.status == "ok" and record.audio is not None and record.sha256 is not None:
            sources.append(sound_source(item.key, record.sha256, plan.folder.resolve(record.audio)))
    if any(metric.card.text for metric, _ in wanted):
        sources += [text_source(TEXT + prompt.id, prompt.text) for prompt in plan.suite.prompts]
    if any(metric.card.reference and chosen.reference is None for metric, chosen in wanted):
        recordings = scoring.references.recordings
        sources += [sound_source(REFERENCE + name, each.digest, each.path) for name, each in recordings.items()]
    return sources


def _score(
    scoring: Scoring, metric: Metric, chosen: MetricPlan, embedding: Embedding
) -> tuple[dict[str, Any], dict[str, float]]:
    plan, card = scoring.plan, metric.card
    sets, pairs = compared_with(scoring.references, metric, chosen, embedding)
    several = plan.config.samples > 1
    concerned = [item for item in plan.items if pairs is None or item.prompt.id in pairs]
    heard = [item for item in concerned if item.key in embedding.features]
    if card.text:
        heard = [item for item in heard if TEXT + item.prompt.id in embedding.features]
    inputs = MetricInputs(
        ids=[item.name for item in heard],
        groups=[item.prompt.group for item in heard],
        features=[embedding.features[item.key] for item in heard],
        texts=stacked(embedding, [TEXT + item.prompt.id for item in heard]) if card.text else None,
        set_reference=sets,
        pair_reference={item.name: pairs[item.prompt.id] for item in concerned} if pairs and several else pairs,
        seconds=[item.prompt.seconds for item in heard],
        options=chosen_options(card, chosen.options),
        prompts=[item.prompt.id for item in heard] if several else (),
        samples=plan.config.samples,
    )
    names = {item.key: item.name for item in plan.items}
    names |= {TEXT + prompt.id: prompt.id for prompt in plan.suite.prompts}
    warnings = [*scoring.references.warnings.get(chosen.metric, ()), *faults_told(chosen.weights, embedding, names)]
    warnings += _suspicions(scoring, heard, bool(card.reference) and chosen.reference is None)
    result, error = computed_or_told(metric, chosen.metric, inputs)
    n_failed = len(concerned) - len(heard)
    protocol = protocol_id(plan, chosen, card)
    entry = as_json(result, card.direction, n_failed, protocol, embedding.identity.weights)
    entry["headline"] = card.headline
    if several:
        entry |= {"samples": plan.config.samples, **variance_of(result, {item.name: item.prompt.id for item in heard})}
    entry["warnings"] = [*entry["warnings"], *warnings]
    if chosen.like:
        entry["like"] = chosen.like
    if error:
        entry["error"] = error
    return entry, {key: value for key, value in result.per_prompt.items() if math.isfinite(value)}


def _suspicions(scoring: Scoring, heard: Sequence[Item], by_recordings: bool) -> list[str]:
    """What speaks against the sounds themselves, to be said beside each number of theirs: that they are of another
    scale, or (`by_recordings`) the very recordings that they are compared with, in whatever folder."""
    records = [scoring.records[item.key] for item in heard]
    scaled = sum("integer_scale" in each.verdicts for each in records)
    said = []
    if scaled:
        told = part_of(scaled, len(records), "sound", "is", "are")
        said.append(f"{told} integer_scale: divide by the full scale (32768)")
    known = {each.digest for each in scoring.references.recordings.values()} if by_recordings else set()
    same = sum(each.sha256 in known for each in records)
    if same:
        told = part_of(same, len(records), "sound", "is itself a recording", "are themselves recordings")
        said.append(f"{told} of the reference, to the byte")
    near = {item.name: scoring.copies[item.key].recording for item in heard if item.key in scoring.copies}
    if by_recordings and len(near) > same:
        some = ", ".join(f"{name!r} of {recording!r}" for name, recording in list(near.items())[:_NAMED])
        more = f" and {len(near) - _NAMED} more" if len(near) > _NAMED else ""
        told = part_of(len(near), len(records), "sound", "is a near-copy", "are near-copies")
        said.append(f"{told} of reference recordings: {some}{more}")
    return said


def variance_of(result: MetricResult, prompts: Mapping[str, str]) -> dict[str, Any]:
    """How much the values of single sounds vary between prompts and within one, and what the standard error would be
    with twice as many of either: the block `variance` of an entry of scores.json. {} where the metric has no such
    values, or too few to tell. `prompts` {name of a sound: its prompt}."""
    values = {name: value for name, value in result.per_prompt.items() if math.isfinite(value)}
    of = [prompts[name] for name in values]
    found = components(list(values.values()), of)
    if found is None:
        return {}
    means, _ = prompt_means(list(values.values()), of, of)
    is_mean = math.isclose(math.fsum(means) / len(means), result.value, rel_tol=1e-6, abs_tol=1e-12)
    ahead = prospects(result.se, found) if is_mean and result.se is not None else None
    return {
        "variance": {
            "between_prompts": found.between,
            "within_prompts": found.within,
            "between_cut_at_0": found.cut,
            "prompts": found.units,
            "se_twice_prompts": None if ahead is None else ahead.twice_units,
            "se_twice_samples": None if ahead is None else ahead.twice_values,
        }
    }


def protocol_id(plan: Plan, chosen: MetricPlan, card: MetricCard) -> str:
    """The suite's protocol, with whatever this metric does otherwise than by default: another protocol."""
    options = chosen_options(card, chosen.options)
    changed = [f"{name}={value}" for name, value in options.items() if value != card.options[name][0]]
    formula = [f"{chosen.like} on {chosen.weights}"] if chosen.like else []
    random = [f"{RANDOM} weights"] if plan.size == RANDOM else []
    return "; ".join([plan.suite.protocol, *formula, *sorted(changed), *random])


def compared_with(
    references: References, metric: Metric, chosen: MetricPlan, embedding: Embedding
) -> tuple[SetReference | None, dict[str, Features] | None]:
    """The metric's statistics or rows by prompt: those of the suite's file, or of its embedded recordings."""
    kind, name = metric.card.reference, chosen.metric
    if not kind:
        return None, None
    if chosen.reference is not None:
        return references.sets.get(name), dict(references.pairs[name]) if kind == "pair" else None
    holes = [key for key in embedding.faults if key.startswith(REFERENCE)]
    if holes:
        reason = f"{holes[0].removeprefix(REFERENCE)!r}: {embedding.faults[holes[0]]}"
        raise UserError(f"{name}: a reference recording could not be embedded: {reason}")
    rows = {each: embedding.features[REFERENCE + each] for each in references.recordings}
    if kind == "set":
        return set_from_features([rows[each] for each in sorted(rows, key=lambda each: Path(each).stem)]), None
    return None, pairs_from_features(rows, references.names)


def stacked(embedding: Embedding, keys: Sequence[str]) -> Features:
    """(n, d) of the one-frame features behind `keys`."""
    rows: Features = outside((len(keys), embedding.identity.dimensions), np.float32)
    for place, key in enumerate(keys):
        rows[place] = embedding.features[key][0]
    return rows


def computed_or_told(metric: Metric, name: str, inputs: MetricInputs) -> tuple[MetricResult, str]:
    """The metric's result, and how it failed ("": it did not). Inputs that give no number, and a metric that fails,
    become a NaN with the reason, as the other metrics of the run still have theirs."""
    try:
        return computed(metric, name, inputs), ""
    except UserError as error:
        told = str(error).removeprefix(f"{name}: ").removeprefix(f"{metric.card.name}: ")
        result = MetricResult(math.nan, None, None, 0.95, "none", len(inputs.ids), 0, {}, (told,))
        return result, told if isinstance(error, BrokenPlugin) else ""


def _without(scoring: Scoring, chosen: MetricPlan, embedding: Embedding, reason: str) -> dict[str, Any]:
    """The entry of a metric whose code, or whose embedder's, fails; where it is the metric's own that cannot be loaded,
    which side of it is better is not known either."""
    failed = sum(item.key not in embedding.features for item in scoring.plan.items)
    result = MetricResult(math.nan, None, None, 0.95, "none", 0, 0, {}, (reason,))
    metric = scoring.metrics.get(chosen.metric)
    protocol = scoring.plan.suite.protocol if metric is None else protocol_id(scoring.plan, chosen, metric.card)
    entry = as_json(result, metric.card.direction if metric else "", failed, protocol, embedding.identity.weights)
    return {**entry, "headline": metric is None or metric.card.headline, "error": reason}


def as_json(result: MetricResult, direction: str, n_failed: int, protocol: str, weights: str) -> dict[str, Any]:
    """One entry of scores.json. A value that is no number becomes null and is warned of."""
    warnings = list(result.warnings)
    numbers = {"value": result.value, "low": result.low, "high": result.high}
    if not math.isfinite(result.value):
        warnings.append(f"the value is {'not a number' if math.isnan(result.value) else 'infinite'}")
        numbers = dict.fromkeys(numbers)
    left = [float(each) for each in result.leave_outs]
    return {
        **{name: _number(value) for name, value in numbers.items()},
        "se": _number(result.se),
        "freedom": result.freedom,
        "level": result.level,
        "method": result.method,
        "n": result.n,
        "n_failed": n_failed,
        "n_reference": result.n_reference,
        "protocol": protocol,
        "weights": weights,
        "direction": direction,
        "leave_outs": left if all(map(math.isfinite, left)) else [],
        **_influences(result),
        "warnings": warnings,
    }


def _influences(result: MetricResult) -> dict[str, Any]:
    """{"influences": {source: part}, "reference_influences": [part]} to six digits, of which errors alone are made; {}
    where there are none, or not all are numbers."""
    if result.influences is None:
        return {}
    sources, reference = result.influences.sources, result.influences.reference
    if not all(map(math.isfinite, (*sources.values(), *reference))):
        return {}
    return {
        "influences": {name: float(f"{part:.6g}") for name, part in sources.items()},
        "reference_influences": [float(f"{part:.6g}") for part in reference],
    }


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
