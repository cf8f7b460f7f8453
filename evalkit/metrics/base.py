"""What a metric is: a pure function from features to one number with an interval, and per-prompt values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from evalkit.core.registry import Registry
from evalkit.embed.base import Features
from evalkit.stats.intervals import UNBOUNDED, Bounds
from evalkit.stats.relative import Influences

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MetricCard:
    """What a reader must know of a metric. `direction` says which side is better, "none" where neither is: such a
    measure is told and never ranked or gated. `unit` is "" for a plain ratio; `reference` says which kind of
    reference it needs: a set's statistics ("set"), one clip per prompt ("pair"), or none ("").

    `bounds` are the ends of the measure's range, which its interval never leaves; a plain estimate of a bounded thing
    that may itself fall outside (an unbiased distance) has none.

    `headline` metrics rank systems; the others are shown apart, as further measures. `options` names the
    conventions that a suite may choose, each with its values, the default first; a number that was made with
    another value than the default carries it in its protocol id. `biased_by_n` says that the value moves with
    the number of clips even where the sounds are alike: at unequal n it must not be ranked. `needs_clips` says that
    a set's mean and covariance are not enough: it asks for `SetReference.rows`. `general` says that the formula holds
    for the features of any embedder, so that a suite may have it under another name (`like`).

    `hears` and `deaf_to` are claims, by the names of `audio.ladders.LADDERS`, which `evalkit metrics test` holds to
    measurements: where the value goes along a ladder ("up", "down"), and the ladders along which it stays where it is.
    """

    name: str
    title: str
    direction: Literal["lower", "higher", "none"]
    unit: str
    family: str
    reference: Literal["set", "pair", ""]
    text: bool
    citation: str
    blind_to: str
    headline: bool = True
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    biased_by_n: bool = False
    needs_clips: bool = False
    bounds: Bounds = UNBOUNDED
    general: bool = False
    hears: Mapping[str, Literal["up", "down"]] = field(default_factory=dict)
    deaf_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetReference:
    """Statistics of a reference set: `mean` (d,), `covariance` (d, d) with ddof 1, float64, of `frames`
    rows from `clips` clips. `frames` is 0 where shipped statistics do not say how many there were.

    `rows` (m, d) holds one vector per clip, the mean over its frames, of all clips or of a seeded choice of
    them; None where only mean and covariance were shipped.
    """

    mean: Array
    covariance: Array
    frames: int
    clips: int
    rows: Features | None = None


@dataclass(frozen=True)
class MetricInputs:
    """Everything a metric may look at, aligned by sound: features[i], ids[i] and groups[i] belong together.

    `ids[i]` is the prompt's id, or where prompts have several sounds the name of one of them (`core.ids.sound_name`);
    `prompts[i]` is then the prompt that it is of (empty where each has one), and `samples` how many each was to have.

    `groups[i]` names the source that prompt i shares with others (AudioCaps: the clip of five captions);
    intervals treat a group as the unit. `texts` is (n, d) for metrics that need text; `set_reference` and
    `pair_reference` ({id: (d,)}) are given where the card asks for them. A prompt whose id has no pair
    reference is left out of that metric and not counted as failed: the suite excludes it; the sounds of one prompt have
    the same reference under their names. `seconds[i]` is
    the length that was asked for; `options` holds a value for each option of the card.
    """

    ids: Sequence[str]
    groups: Sequence[str]
    features: Sequence[Features]
    texts: Features | None = None
    set_reference: SetReference | None = None
    pair_reference: dict[str, Features] | None = None
    seconds: Sequence[float] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    prompts: Sequence[str] = ()
    samples: int = 1


@dataclass(frozen=True)
class MetricResult:
    """`value` with its interval [`low`, `high`] at `level` by `method`, over `n` clips against `n_reference`.

    `low` and `high` are None where no interval can be had (n too small), never a made-up one.
    `per_prompt` maps the inputs' ids to their own values, empty for a metric of the set alone. `warnings` are
    sentences for the reader (rank-deficient covariance, few clips). `leave_outs` are the values with each
    fold of `stats.intervals.assign_folds` left out in turn, where the interval is a jackknife's: two runs over
    the same sources have the same folds, so their difference has a jackknife of its own. `se` is the standard
    error of the value and `freedom` the degrees of freedom of that, None where there is none: an interval that respects
    a range does not show it by its width. `influences` are the parts of each source and each reference row, where the
    metric has them: a difference of two runs then has an error of its own by them (`stats.relative`).
    """

    value: float
    low: float | None
    high: float | None
    level: float
    method: str
    n: int
    n_reference: int
    per_prompt: dict[str, float]
    warnings: tuple[str, ...] = ()
    leave_outs: tuple[float, ...] = ()
    se: float | None = None
    freedom: int | None = None
    influences: Influences | None = None


class Metric(Protocol):
    card: MetricCard

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError where the inputs cannot give a number at all (no clips, no reference)."""
        ...


METRICS = Registry(
    "metric",
    "evalkit.metrics",
    {
        "fd_openl3": "evalkit.metrics.fd_openl3:METRIC",
        "kl_passt": "evalkit.metrics.kl_passt:METRIC",
        "clap_score": "evalkit.metrics.clap_score:METRIC",
        "fd_inf_openl3": "evalkit.metrics.fd_inf_openl3:METRIC",
        "kad_openl3": "evalkit.metrics.kad_openl3:METRIC",
        "density_openl3": "evalkit.metrics.density_openl3:METRIC",
        "coverage_openl3": "evalkit.metrics.coverage_openl3:METRIC",
        "is_passt": "evalkit.metrics.is_passt:METRIC",
        "mad_clap": "evalkit.metrics.mad_clap:METRIC",
        "mad_openl3": "evalkit.metrics.mad_openl3:METRIC",
        "fad_clap": "evalkit.metrics.fad_clap:METRIC",
        "fad_vggish": "evalkit.metrics.fad_vggish:METRIC",
        "fd_panns": "evalkit.metrics.fd_panns:METRIC",
        "fd_passt": "evalkit.metrics.fd_passt:METRIC",
        "kl_panns": "evalkit.metrics.kl_panns:METRIC",
        "is_panns": "evalkit.metrics.is_panns:METRIC",
        "clap_score_ms": "evalkit.metrics.clap_score_ms:METRIC",
        "aesthetics_quality": "evalkit.metrics.aesthetics_quality:METRIC",
        "aesthetics_complexity": "evalkit.metrics.aesthetics_complexity:METRIC",
        "aesthetics_enjoyment": "evalkit.metrics.aesthetics_enjoyment:METRIC",
        "aesthetics_usefulness": "evalkit.metrics.aesthetics_usefulness:METRIC",
        "duration_error": "evalkit.metrics.duration_error:METRIC",
        "silence_share": "evalkit.metrics.silence_share:METRIC",
        "clipping_share": "evalkit.metrics.clipping_share:METRIC",
        "loudness_lufs": "evalkit.metrics.loudness_lufs:METRIC",
        "stereo_correlation": "evalkit.metrics.stereo_correlation:METRIC",
        "side_mid": "evalkit.metrics.side_mid:METRIC",
        "bandwidth": "evalkit.metrics.bandwidth:METRIC",
    },
)
