"""IS-PANNs: how sure the classes of single clips are, and how varied they are over the set, by Cnn14.

Definition
    With p the softmax of a clip's 527 logits and m the mean of p over clips, the inception score is

        exp( mean over clips of sum p log (p / m) )

Direction and unit
    Higher is better; from 1 to the number of classes, and never above the number of clips. No unit.

Protocol
    Rows as KL-PANNs has them. By default one score over all clips. splits = "10" is what audioldm_eval (metrics/isc.py
    at 8dc07ee) and av-benchmark print: the clips in the order of their names, shuffled by
    numpy.random.RandomState(2020).permutation, cut into ten, the mean of ten scores. It is lower, as no score exceeds
    the clips that it is of: the two are never to be compared.

Interval
    Delete-a-group jackknife over the clips' sources, at most 25 groups, t quantile; none under 5 sources. With splits,
    what is left is cut into ten anew, in the same order. Cut at 1; none where all is the same.

What it cannot see
    The prompt, and any real sound. One perfect clip per class is its highest score. Stereo, but for what the first
    channel has of it; order; level as far as the classes stay the same. It rises with the number of clips: compare
    equal n only.

Citation
    Salimans et al., NIPS 2016, arXiv 1606.03498; Barratt and Sharma, arXiv 1801.01973 (its limits); Kong et al.,
    "PANNs", IEEE/ACM TASLP 2020, arXiv 1912.10211; Liu et al., "AudioLDM", ICML 2023, arXiv 2301.12503.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import UserError
from evalkit.core.text import count
from evalkit.metrics.base import Array, MetricCard, MetricInputs, MetricResult
from evalkit.metrics.panns_rows import logits_of
from evalkit.metrics.results import set_result
from evalkit.metrics.sets import folds_of
from evalkit.stats.inception import inception_in_splits
from evalkit.stats.intervals import FEWEST_GROUPS
from evalkit.stats.kl import softmax
from evalkit.store.spill import outside

Order = NDArray[np.int64]

CARD = MetricCard(
    name="is_panns",
    title="IS-PANNs",
    direction="higher",
    unit="",
    family="panns",
    reference="",
    text=False,
    citation="Salimans et al. 2016, arXiv 1606.03498; Kong et al. 2020, arXiv 1912.10211 (PANNs)",
    blind_to="the prompt, real sounds, stereo and order; anything outside the classifier's classes",
    hears={"noise": "down", "low_pass": "down", "dropped": "down", "repeated": "down"},
    deaf_to=("mono", "captions"),
    headline=False,
    options={"splits": ("1", "10")},
    biased_by_n=True,
    bounds=(1.0, math.inf),
)

_PIECE = 4096
"""Clips at a time."""
SHUFFLED_BY = 2020
"""audioldm_eval's and av-benchmark's seed."""


class IsPanns:
    """The metric object; `compute` takes rows (1, features + 527) per clip."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips, or with fewer than one a split."""
        require_clips(CARD, inputs)
        taken = logits_of(CARD.name, inputs)
        probabilities = outside((len(taken.features), taken.features[0].shape[1]))
        for start in range(0, len(probabilities), _PIECE):
            piece = slice(start, start + _PIECE)
            probabilities[piece] = softmax(np.stack([each[0] for each in taken.features[piece]]))
        return in_splits(CARD, inputs, probabilities)


METRIC = IsPanns()


def require_clips(card: MetricCard, inputs: MetricInputs) -> None:
    """Raises UserError where there are fewer clips than parts to cut them into."""
    splits = splits_of(card, inputs)
    if len(inputs.ids) < splits:
        why = (
            f"{count(len(inputs.ids), 'clip')} cannot be cut into {splits} parts" if inputs.ids else "there is no clip"
        )
        raise UserError(f"{card.name}: {why}", "score more clips; see the run's failures")


def splits_of(card: MetricCard, inputs: MetricInputs) -> int:
    """Into how many parts the clips are cut."""
    return int(inputs.options.get("splits", card.options["splits"][0]))


def in_splits(card: MetricCard, inputs: MetricInputs, probabilities: Array) -> MetricResult:
    """The score of the clips' class probabilities (n, classes), by the card's option `splits`: in the order of the
    clips' names, shuffled, cut, the mean."""
    named = sorted(range(len(inputs.ids)), key=lambda place: inputs.ids[place])
    order = np.array(named)[np.random.RandomState(SHUFFLED_BY).permutation(len(named))]
    splits, folds = splits_of(card, inputs), folds_of(inputs)
    value, sizes = inception_in_splits(probabilities, splits, order), np.bincount(folds)
    if len(sizes) >= FEWEST_GROUPS and len(order) - sizes.max() < splits:
        why = f"{len(order)} clips less those of one source are fewer than its {splits} parts"
        return set_result(value, [], inputs, 0, bounds=card.bounds, too_few=why)
    left = _leave_outs(probabilities, order, folds, splits) if len(sizes) >= FEWEST_GROUPS else []
    return set_result(value, left, inputs, 0, bounds=card.bounds)


def _leave_outs(rows: Array, order: Order, folds: Order, splits: int) -> list[float]:
    return [inception_in_splits(rows, splits, order[folds[order] != fold]) for fold in range(int(folds.max()) + 1)]
