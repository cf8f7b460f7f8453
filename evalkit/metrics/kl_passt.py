"""KL-PaSST: how far the classes heard in a generated clip are from those in the real clip of its prompt.

Definition
    PaSST gives each clip a probability over its classes (527 of AudioSet). Per prompt

        KL(generated || reference) = sum p log p - p log(q + 1e-6)

    with p of the generated clip and q of the reference clip, in nats; the score is the mean over prompts. A
    suite may ask for the other direction, as AudioLDM's toolkit takes it: direction = "reference||generated"
    changes places of p and q, the 1e-6 staying with q, and is another protocol. epsilon = "0", as av-benchmark takes
    it, leaves the 1e-6 out, without which a divergence has no bound; rows = "features, then logits" says that a row is
    one of FD-PaSST's judges (passt@av-benchmark), whose last 527 values alone are classes.

Direction and unit
    Lower is better; nats, without an upper bound. Two anchors, of the published Song Describer references
    (1,106 rows, and 586 without singing): each against itself gives -0.0005 (the 1e-6, see
    `evalkit.stats.kl`). Against those of another prompt, i.e. re-paired at random, they give 0.744 and 0.779 for
    the one permutation numpy.random.default_rng(0).permutation(n) of the references in the file's order; over
    2,000 permutations 0.740 and 0.800 on average, with a standard deviation of 0.009 and 0.015; over all pairs
    of different rows 0.740 and 0.802.

Protocol (stable-audio-metrics at fd55536, src/passt_kld.py)
    1. mono by the mean of channels, soxr HQ to 32 kHz, peak to -1 dBFS;
    2. PaSST-S swa, patch 16, stride 10, in windows of 10 s every 5 s; the logits are averaged over the
       windows of a clip;
    3. softmax over the mean logits; KL(generated || reference) with 1e-6 inside the reference's logarithm;
    4. mean over the prompts that have a reference clip. A prompt without one is outside of this metric
       (AudioCaps: 4,405 of 4,875 prompts have one).
    Steps 1-3 up to the softmax are the embedder's. Rows that are probabilities are taken as they are; rows
    that an embedder of another kind gives as logits (windows, classes) are averaged and take the softmax
    here.
    Upstream counts a generated file that cannot be read as if its prompt did not exist; here it is a failed
    item, counted beside the number.

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources.
    Cut at 0; none where all is the same.

What it cannot see
    Order, count, stereo, level; anything outside the classifier's classes. Quality only where a class suffers
    by it: strong noise or a low-pass is heard, MP3 above 16 kbit/s is not. A clip that holds the
    same classes as another real clip scores well even where the caption asks for details.

Citation
    Koutini et al., "Efficient Training of Audio Transformers with Patchout", Interspeech 2022 (PaSST);
    Evans et al., arXiv 2402.04825 (this recipe). Other toolkits take the other direction, other networks or
    other windows: their numbers are not comparable.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import UserError
from evalkit.embed.base import Features
from evalkit.metrics.base import MetricCard, MetricInputs, MetricResult
from evalkit.metrics.panns_rows import logits_of
from evalkit.metrics.results import mean_result
from evalkit.stats.kl import are_probabilities, kl_divergence, softmax

JOINED = "features, then logits"
"""What a row of FD-PaSST's judges is (`evalkit.embed.passt_rows`)."""

CARD = MetricCard(
    name="kl_passt",
    title="KL-PaSST",
    direction="lower",
    unit="nats",
    family="passt",
    reference="pair",
    text=False,
    citation="Koutini et al. 2022, arXiv 2110.05069 (PaSST); Evans et al. 2024, arXiv 2402.04825",
    blind_to="slight loss of quality, order, count, stereo and level; anything outside the classifier's classes",
    hears={"captions": "up", "repeated": "up", "noise": "up", "low_pass": "up", "mp3": "up", "dropped": "up"},
    deaf_to=("gain", "mono", "reversed"),
    options={
        "direction": ("generated||reference", "reference||generated"),
        "epsilon": ("1e-6", "0"),
        "rows": ("classes", JOINED),
    },
    bounds=(0.0, math.inf),
    general=True,
)


class KlPasst:
    """The metric object; `compute` takes logits or probabilities (windows, classes) per clip."""

    card = CARD

    def compute(self, inputs: MetricInputs) -> MetricResult:
        """Raises UserError without references, where no prompt has one, or where the classes do not fit."""
        if inputs.pair_reference is None:
            raise UserError("kl_passt needs the reference probabilities", "name them in the suite's manifest")
        if inputs.options.get("rows") == JOINED:
            inputs = logits_of(CARD.name, inputs)
        references = inputs.pair_reference or {}
        places = [place for place, identifier in enumerate(inputs.ids) if identifier in references]
        if not places:
            raise UserError("kl_passt: no scored clip has a reference", "are the file names the suite's prompt ids?")
        ids = [inputs.ids[place] for place in places]
        rule = _is_turned(inputs), float(inputs.options.get("epsilon", CARD.options["epsilon"][0]))
        values = [_divergence(inputs.ids[place], inputs.features[place], references, *rule) for place in places]
        return mean_result(
            dict(zip(ids, values, strict=True)),
            [inputs.groups[place] for place in places],
            n_reference=len(references) // inputs.samples,
            bounds=CARD.bounds,
            prompts=[inputs.prompts[place] for place in places] if inputs.prompts else (),
        )


METRIC = KlPasst()


def class_probabilities(rows: Features) -> NDArray[np.float64]:
    """(windows, classes) or (classes,) to (classes,): the softmax of the mean logits, or the mean of rows
    that are probabilities already. Raises ValueError on a value that is not finite."""
    windows = np.atleast_2d(np.asarray(rows, dtype=np.float64))
    if windows.ndim != 2 or not windows.size or not np.isfinite(windows).all():
        raise ValueError(f"expected finite logits or probabilities (windows, classes), got shape {rows.shape}")
    mean = np.asarray(windows.mean(axis=0))
    return mean if are_probabilities(windows) else softmax(mean)


def _is_turned(inputs: MetricInputs) -> bool:
    """Whether KL(reference || generated) is asked for. Raises UserError for a direction that is neither."""
    usual, other = CARD.options["direction"]
    direction = inputs.options.get("direction", usual)
    if direction not in (usual, other):
        raise UserError(f"kl_passt: direction is {direction!r}", f"it is {usual} or {other}")
    return direction == other


def _divergence(
    identifier: str, features: Features, references: dict[str, Features], turned: bool, epsilon: float
) -> float:
    try:
        sides = class_probabilities(features), class_probabilities(references[identifier])
        return float(kl_divergence(*(sides[::-1] if turned else sides), epsilon))
    except ValueError as error:
        raise UserError(f"kl_passt: {identifier!r} cannot be compared with its reference: {error}") from None
