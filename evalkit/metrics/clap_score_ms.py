"""MS-CLAP score: how well each clip fits the text of its prompt, by Microsoft's CLAP of 2023.

Definition
    The cosine between the embedding of a crop of 7 s of the clip and that of the prompt; the mean over the clip's
    crops, then over all prompts. A clip of up to 7 s is one crop, a longer one three. A suite may ask for crops = "1":
    the first alone, one draw as the original makes.

Direction and unit
    Higher is better; a cosine between -1 and 1. It is no value of `clap_score`: another network, another scale.

Protocol (microsoft/msclap, package 1.3.4: CLAPWrapper.py)
    1. the prompt's text as it is, an end of text behind it;
    2. the clip mono by the mean of channels, at 44.1 kHz as torchaudio converts; repeated up to 7 s, or cropped;
    3. CLAP_weights_2023; the cosine of the two projections, as av-benchmark takes it. The package's own
       `compute_similarity` multiplies by a trained scale: such a number is no CLAP score.
    Steps 1-2 are the embedder's. Upstream draws one crop from a generator without a seed, so that no two runs agree;
    here the crops are drawn from the clip itself, and the notes beside the number say how far one draw would move it.
    Upstream lays the channels of a stereo file behind one another. Licence of code and weights: MIT.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    A score interval between -1 and 1, as skewed near either as the measure is; none where all is the same.

What it cannot see
    Stereo; what lies outside the crops; by all that is known of its kind (`clap_score`) slight loss of quality, order
    and counting. Level reaches the network as it is, as nothing brings clips to one. Its sensitivity card is by weights
    drawn from a seed, and bears out nothing but that stereo is not heard.

Citation
    Elizalde et al., "Natural Language Supervision for General-Purpose Audio Representations", ICASSP 2024, arXiv
    2309.05767.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.core.errors import UserError
from evalkit.metrics.base import Array, MetricCard, MetricInputs, MetricResult
from evalkit.metrics.clap_score import cosines
from evalkit.metrics.results import mean_result

CARD = MetricCard(
    name="clap_score_ms",
    title="MS-CLAP score",
    direction="higher",
    unit="",
    family="msclap",
    reference="",
    text=True,
    citation="Elizalde et al. 2024, arXiv 2309.05767 (MS-CLAP 2023)",
    blind_to="slight loss of quality, stereo; what lies outside its crops of 7 s; order and counting only weakly",
    deaf_to=("mono",),
    bounds=(-1.0, 1.0),
    options={"crops": ("3", "1")},
)


class ClapScoreMs:
    """The metric object; `compute` takes embeddings (crops, d) per clip and texts (n, d) in the same order."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without clips or texts, or where the two do not fit."""
        if not inputs.ids:
            raise UserError(f"{CARD.name}: there is no clip to score", "every prompt failed; see the run's failures")
        crops = [_of_clip(place, inputs) for place in range(len(inputs.ids))]
        one = inputs.options.get("crops") == "1"
        values = {key: float(each[0] if one else each.mean()) for key, each in zip(inputs.ids, crops, strict=True)}
        found = mean_result(values, inputs.groups, bounds=CARD.bounds, prompts=inputs.prompts)
        return replace(found, warnings=(*found.warnings, *_spread(crops)))


METRIC = ClapScoreMs()


def _of_clip(place: int, inputs: MetricInputs) -> Array:
    """The cosine of each crop of one clip."""
    if inputs.texts is None:
        raise UserError(f"{CARD.name} needs the prompts' texts", "score against a suite, not a bare folder")
    rows, text = np.asarray(inputs.features[place], np.float64), np.asarray(inputs.texts[place], np.float64)
    if rows.ndim != 2 or not len(rows) or rows.shape[1:] != text.shape:
        raise UserError(f"{CARD.name}: the rows of {inputs.ids[place]!r} are {rows.shape}, its text {text.shape}")
    if not (np.isfinite(rows).all() and np.isfinite(text).all()):
        raise UserError(f"{CARD.name}: the embedding of {inputs.ids[place]!r} holds NaN or infinity")
    return cosines(rows, np.broadcast_to(text, rows.shape))


def _spread(crops: list[Array]) -> list[str]:
    """What one crop of each clip, drawn as the original draws it, would do to the number; nothing of short clips."""
    spreads = [float(each.var(ddof=1)) for each in crops if len(each) > 1]
    if not spreads:
        return []
    of_clip, of_mean = np.sqrt(np.mean(spreads)), np.sqrt(np.sum(spreads)) / len(crops)
    return [
        f"crops of 7 s: within a clip of more the cosine varies by {of_clip:.4f} (sd); with one crop drawn of each, as "
        f"the original does, the score would vary by {of_mean:.4f} from run to run"
    ]
