"""The digest of a suite: of what it says, not of how its files are spelled or where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from evalkit.audio.folders import sound_digest, sound_files
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file, digest_json
from evalkit.fetch.sources import identity
from evalkit.suites.base import MetricPlan, Prompt


def suite_digest(
    texts: Mapping[str, str],
    prompts: Iterable[Prompt],
    metrics: Mapping[str, MetricPlan],
    reference_audio: Path | None,
    absent: frozenset[str] = frozenset(),
) -> str:
    """sha256 over the `texts` of a suite (name, version, ...), its prompts, what each metric compares with and by which
    weights, and the sounds of its reference folder. `absent` are the sources without a recording."""
    said: dict[str, object] = {
        **texts,
        "prompts": rows_said(prompts),
        "metrics": _said_of_metrics(metrics),
        "reference_audio": None if reference_audio is None else _digests_of_sounds(reference_audio),
    }
    if absent:  # a suite without any keeps the digest that it had before there could be some
        said["no_reference"] = sorted(absent)
    return digest_json(said)


def rows_said(prompts: Iterable[Prompt]) -> list[list[object]]:
    """What prompts say, as JSON."""
    return [[p.id, p.text, p.seconds, p.group, list(p.labels)] for p in prompts]


def _digests_of_sounds(folder: Path) -> dict[str, str]:
    """Of the sounds in a suite's reference folder, by name, and of nothing else that lies there: it may be `/`. A
    folder that is absent or has none counts as empty, and using it is refused later, by name."""
    with suppress(UserError):
        return {path.name: sound_digest(path) for path in sound_files(folder)}
    return {}


def _said_of_metrics(metrics: Mapping[str, MetricPlan]) -> dict[str, list[object]]:
    """Per metric: weights, reference, and options where there are any. A pinned reference counts as what its
    source says it is, whether or not it is here; any other one that is not here yet counts as none, and using
    it is refused later, by name."""
    said: dict[str, list[object]] = {}
    for name, plan in metrics.items():
        path, pinned = plan.reference, plan.pinned
        if pinned is not None:
            reference: object = [identity(pinned.source), pinned.form, pinned.count]
        else:
            reference = digest_file(path) if path is not None and path.is_file() else None
            reference = [reference, plan.count] if plan.count else reference
        said[name] = [plan.weights, reference, *([dict(plan.options)] if plan.options else [])]
        said[name] += [{"like": plan.like}] if plan.like else []
    return said
