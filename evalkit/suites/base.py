"""What a suite is: prompts, their lengths, and what each metric compares with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Prompt:
    """One prompt. `group` names the source it shares with others (its own id where it shares none);
    `labels` are the classes it asks for, where the suite knows them."""

    id: str
    text: str
    seconds: float
    group: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricPlan:
    """How a suite scores one metric: the weights that embed, and the reference it compares with.

    `reference` is a statistics file (`.npz` for a set, `.safetensors`-free `.npz` of {id: row} for pairs),
    or None where the reference is computed from `Suite.reference_audio` or none is needed. `options` are the
    conventions that the suite chooses among those of the metric's card ({"direction": "reference||generated"}).
    """

    metric: str
    weights: str
    reference: Path | None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """A suite as read from its manifest. `digest` covers the manifest, its prompts and reference files."""

    name: str
    title: str
    version: str
    protocol: str
    size: str
    prompts: Sequence[Prompt]
    metrics: Mapping[str, MetricPlan]
    reference_audio: Path | None
    licence: str
    citation: str
    digest: str
