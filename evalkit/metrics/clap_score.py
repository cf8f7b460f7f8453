"""CLAP score: how well each clip fits the text of its prompt.

Definition
    The cosine between CLAP's embedding a of the clip and t of the prompt,

        a . t / (max(|a|, 1e-8) * max(|t|, 1e-8)),

    averaged over all prompts.

Direction and unit
    Higher is better; a cosine between -1 and 1, of which 1 is out of reach: published systems stand between
    0.23 and 0.48 on AudioCaps under this protocol. Checkpoints differ and cannot be compared.

Protocol (stable-audio-metrics at fd55536, src/clap_score.py)
    1. the prompt's text as it is, no template, at most 77 tokens;
    2. the clip at 48 kHz, mono by the mean of channels, peak to -1 dBFS, through 16-bit integers and back;
    3. LAION-CLAP 630k-audioset-fusion-best. Up to 10 s the clip is repeated to fill the window; beyond,
       three crops and a shrunk whole are fused. Upstream draws the crops unseeded; here by the clip's digest;
    4. the cosine per prompt, mean over all prompts.
    Steps 1-3 are the embedder's.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    A score interval between -1 and 1, as skewed near either as the measure is; none where all is the same.

What it cannot see
    Stereo, level; order and counting only weakly; quality as far as the text still fits: strong noise or a
    low-pass lowers it, faint noise and MP3 above 16 kbit/s do not. CLAP's training set overlaps with the usual test
    sets, and a model that was conditioned on the same CLAP has seen the exam.

Citation
    Wu et al., "Large-scale Contrastive Language-Audio Pretraining with Feature Fusion and
    Keyword-to-Caption Augmentation", ICASSP 2023, arXiv 2211.06687; Evans et al., arXiv 2402.04825.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evalkit.core.errors import UserError
from evalkit.embed.base import Features
from evalkit.metrics.base import Array, MetricCard, MetricInputs, MetricResult
from evalkit.metrics.results import mean_result

CARD = MetricCard(
    name="clap_score",
    title="CLAP score",
    direction="higher",
    unit="",
    family="clap",
    reference="",
    text=True,
    citation="Wu et al. 2023, arXiv 2211.06687 (LAION-CLAP); Evans et al. 2024, arXiv 2402.04825",
    blind_to="slight loss of quality, stereo and level; order and counting only weakly",
    hears={"captions": "down", "repeated": "down", "noise": "down", "low_pass": "down", "dropped": "down"},
    deaf_to=("gain", "mono", "reversed"),
    bounds=(-1.0, 1.0),
    general=True,
)

EPSILON = 1e-8
_PIECE = 4096
"""Clips at a time."""


class ClapScore:
    """The metric object; `compute` takes one embedding (1, d) per clip and texts (n, d) in the same order."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips or texts, or where the two do not fit."""
        _require_pairs(inputs)
        values = np.concatenate([_cosines(inputs, start) for start in range(0, len(inputs.ids), _PIECE)]).tolist()
        by_sound = dict(zip(inputs.ids, values, strict=True))
        return mean_result(by_sound, inputs.groups, bounds=CARD.bounds, prompts=inputs.prompts)


METRIC = ClapScore()


def cosines(clips: Array, texts: Array) -> Array:
    """Row by row, (n, d) and (n, d) to (n,), with every length at least 1e-8 as torch's cosine_similarity has it."""
    lengths = [np.maximum(np.linalg.norm(rows, axis=1), EPSILON) for rows in (clips, texts)]
    return np.asarray((clips * texts).sum(axis=1) / (lengths[0] * lengths[1]))


def _cosines(inputs: MetricInputs, start: int) -> Array:
    """Those of some clips at a time."""
    assert inputs.texts is not None
    piece = slice(start, start + _PIECE)
    clips = np.concatenate([np.asarray(rows) for rows in inputs.features[piece]])
    return cosines(*(_finite(rows, inputs.ids[piece]) for rows in (clips, inputs.texts[piece])))


def _require_pairs(inputs: MetricInputs) -> None:
    if not inputs.ids:
        raise UserError("clap_score: there is no clip to score", "every prompt failed; see the run's failures")
    widths = {features.shape for features in inputs.features}
    if len(widths) != 1 or len(shape := widths.pop()) != 2 or shape[0] != 1:
        raise UserError("clap_score: expected one embedding (1, d) per clip")
    if inputs.texts is None:
        raise UserError("clap_score needs the prompts' texts", "score against a suite, not a bare folder")
    expected = (len(inputs.ids), inputs.features[0].shape[1])
    if inputs.texts.shape != expected:
        raise UserError(f"clap_score: texts are {inputs.texts.shape}, the clips {expected}")


def _finite(rows: Features, ids: Sequence[str]) -> Array:
    broken = ~np.isfinite(rows).all(axis=1)
    if broken.any():
        raise UserError(f"clap_score: the embedding of {ids[int(broken.argmax())]!r} holds NaN or infinity")
    return np.asarray(rows, dtype=np.float64)
