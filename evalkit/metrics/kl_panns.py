"""KL-PANNs: how far the classes heard in a generated clip are from those in the real clip of its prompt, by Cnn14.

Definition
    Cnn14 gives each clip 527 logits, one a class of AudioSet. With p the softmax of the real clip's and q that of the
    generated one's, per prompt

        KL(reference || generated) = sum p log p - p log(q + 1e-6)

    in nats; the score is the mean over prompts. The direction is the other one than KL-PaSST's. A suite may ask for
    epsilon = "0", as av-benchmark takes it: without the 1e-6 a divergence has no bound; for direction =
    "generated||reference"; or for probabilities = "sigmoid", audioldm_eval's second KL: the same sum over the sigmoids
    of the logits, which sum to no 1, so that it is no divergence and may be below 0.

Direction and unit
    Lower is better; nats, up to 13.8 (the 1e-6).

Protocol (haoheliu/audioldm_eval at 8dc07ee: metrics/kl.py 94-109)
    1. as FD-PANNs, steps 1 and 2; the logits;
    2. softmax, though the network was trained with a sigmoid; the sum above, the mean over the pairs.
    Upstream pairs by file name, and prints -1 where under 99 % of names meet; here a prompt without a reference is
    outside of the metric, and a failed one is counted beside the number.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    Cut at 0; none where all is the same.

What it cannot see
    Order, count; stereo, but for what the first channel has of it; anything outside the classifier's classes. Quality
    only where a class suffers by it: on its card MP3 of 16 kbit/s is heard, and faint noise is not. Level is heard, as
    nothing brings clips to one: sounds far softer than the real ones score worse.

Citation
    Kong et al., "PANNs", IEEE/ACM TASLP 2020, arXiv 1912.10211; Liu et al., "AudioLDM", ICML 2023, arXiv 2301.12503.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from evalkit.core.errors import UserError
from evalkit.embed.base import Features
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.panns_rows import logits_of
from evalkit.metrics.results import mean_result
from evalkit.stats.intervals import UNBOUNDED
from evalkit.stats.kl import kl_of_logits

CARD = MetricCard(
    name="kl_panns",
    title="KL-PANNs",
    direction="lower",
    unit="nats",
    family="panns",
    reference="pair",
    text=False,
    citation="Kong et al. 2020, arXiv 1912.10211 (PANNs); Liu et al. 2023, arXiv 2301.12503 (audioldm_eval)",
    blind_to="slight loss of quality, order, count and stereo; anything outside the classifier's classes",
    hears={"captions": "up", "repeated": "up", "mp3": "up", "gain": "up", "crop": "up", "dropped": "up"},
    deaf_to=("mono", "reversed"),
    options={
        "epsilon": ("1e-6", "0"),
        "direction": ("reference||generated", "generated||reference"),
        "probabilities": ("softmax", "sigmoid"),
    },
    bounds=(0.0, math.inf),
)


class KlPanns:
    """The metric object; `compute` takes rows (1, features + 527) per clip, of either side."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without references, or where no prompt has one."""
        if inputs.pair_reference is None:
            raise UserError("kl_panns needs the rows of the real clips", "name a folder of recordings in the suite")
        taken = logits_of(CARD.name, inputs)
        references = taken.pair_reference or {}
        places = [place for place, identifier in enumerate(taken.ids) if identifier in references]
        if not places:
            raise UserError("kl_panns: no scored clip has a reference", "are the file names the suite's prompt ids?")
        values = {
            taken.ids[place]: _divergence(references[taken.ids[place]], taken.features[place], inputs.options)
            for place in places
        }
        bounds = UNBOUNDED if inputs.options.get("probabilities") == "sigmoid" else CARD.bounds
        return mean_result(
            values,
            [inputs.groups[place] for place in places],
            n_reference=len(references) // inputs.samples,
            bounds=bounds,
            prompts=[inputs.prompts[place] for place in places] if inputs.prompts else (),
        )


METRIC = KlPanns()


def _divergence(reference: Features, generated: Features, options: Mapping[str, str]) -> float:
    epsilon, direction, probabilities = (options.get(key, values[0]) for key, values in CARD.options.items())
    sides = np.atleast_2d(reference)[0], generated[0]
    first, second = sides if direction == CARD.options["direction"][0] else sides[::-1]
    return float(kl_of_logits(first, second, float(epsilon), sigmoid=probabilities == "sigmoid"))
