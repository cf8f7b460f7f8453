"""What a suite is: prompts, their lengths, and what each metric compares with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.fetch.sources import Source


@dataclass(frozen=True)
class Columns:
    """Which column of a prompt file is which. `seconds` is a column's name, or one number for every prompt."""

    id: str = "id"
    text: str = "prompt"
    seconds: str | float = "seconds"
    group: str | None = None
    labels: str | None = None
    lyrics: str | None = None


Value = str | float | tuple[str, ...]
"""What a further column says of a prompt: a text, a number, or tags."""


@dataclass(frozen=True)
class Prompt:
    """One prompt. `group` names the source it shares with others (its own id where it shares none);
    `labels` are the classes it asks for, where the suite knows them. `seconds` is 0 where nothing says how long the
    sound is to be: one that is there may have any length, and a model makes `run.plan.DEFAULT_SECONDS`. `lyrics` are
    for models that read any ("": instrumental), a part of what these make and not of what the prompt is. `further` are
    the values of the prompt file's other columns, in its order, which are no part of what the prompt is."""

    id: str
    text: str
    seconds: float
    group: str
    labels: tuple[str, ...] = ()
    further: tuple[tuple[str, Value], ...] = field(default=(), compare=False)
    lyrics: str = field(default="", compare=False)


@dataclass(frozen=True)
class Pinned:
    """A file that a suite takes from a pinned source: it is kept at `path` once `evalkit fetch suite` got it.

    `form` says what is in it ("evalkit" is this package's own), `count` how many prompts, clips or rows the
    manifest states for it (0: nothing stated). `suite` is the word to type after `evalkit fetch suite`.
    """

    source: Source
    path: Path
    suite: str
    form: str = "evalkit"
    count: int = 0


UNKNOWN = -1
"""The count of a file of one's own of which nobody knows how many clips are behind it."""


@dataclass(frozen=True)
class MetricPlan:
    """How a suite scores one metric: the weights that embed, and the reference it compares with.

    `reference` is a statistics file (`.npz` for a set, `.safetensors`-free `.npz` of {id: row} for pairs),
    or None where the reference is computed from `Suite.reference_audio` or none is needed. `options` are the
    conventions that the suite chooses among those of the metric's card ({"direction": "reference||generated"}).
    `pinned` is where the reference comes from, where that is a pinned source. `excluded` are ids of prompts
    whose reference recording upstream could not get: a metric that compares clip by clip leaves them out. `count` is
    how many clips are behind a file of one's own that does not say so itself (0: not stated; `UNKNOWN`: nobody knows).
    `like` is the metric whose formula this one is under a name of its own, for other features; `code` and `embedder`
    are `metric` and `weights` with whole paths, where the manifest names files of code.
    """

    metric: str
    weights: str
    reference: Path | None
    options: Mapping[str, str] = field(default_factory=dict)
    pinned: Pinned | None = None
    excluded: frozenset[str] = frozenset()
    count: int = 0
    like: str = ""
    code: str = ""
    embedder: str = ""

    @property
    def computed_by(self) -> str:
        """The name or target of the metric that computes it."""
        return self.like or self.code or self.metric

    @property
    def embedded_by(self) -> str:
        """The name or target of the embedder whose features it is computed from."""
        return self.embedder or self.weights


@dataclass(frozen=True)
class Outline:
    """What a manifest says by itself, before any prompt is read; enough to list a suite and to fetch it.

    `prompts` is the prompt file, `pinned` its source where it has one, `count` and `groups` the stated numbers
    of prompts and of sources (0: not stated), `absent` the sources, or ids, without a reference recording. `captions`
    is "all", or "first" where only the first prompt of each source is meant; `protocol` then says so. `left_out`
    {metric: reason} are those that it goes without.
    """

    name: str
    title: str
    version: str
    protocol: str
    size: str
    licence: str
    citation: str
    manifest: Path
    prompts: Path
    columns: Columns
    pinned: Pinned | None
    count: int
    groups: int
    absent: frozenset[str]
    metrics: Mapping[str, MetricPlan]
    reference_audio: Path | None
    captions: str = "all"
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def stated(self) -> int:
        """The prompts that the suite has by what its manifest states; 0: not stated."""
        return self.groups if self.captions == "first" else self.count


@dataclass(frozen=True)
class Suite:
    """A suite as read from its manifest, or made of a Brief. `digest` covers what it says, its prompts and reference
    files. `left_out` {metric: reason} are metrics that it cannot have, `notes` are sentences on how it was read, and
    `columns` {column: "text", "number" or "tags"} the further columns of its prompts; `columns_left_out` says of
    others why they are not carried. None of these is part of the digest."""

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
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    columns_left_out: Mapping[str, str] = field(default_factory=dict)
