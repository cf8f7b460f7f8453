"""Content usefulness: how well it would serve those who make something of it, by Audiobox Aesthetics.

Definition
    What the network predicts of raters' answers on content usefulness, axis CU: how likely one could use it as material
    for other work. Per clip one value; the mean over clips.

Direction and unit
    Higher is better; a scale of 0 to 10. It goes with production quality closely, of which it is no independent
    witness.

Protocol (facebookresearch/audiobox-aesthetics, package 0.0.4: infer.py)
    1. mono by the mean of channels, then to 16 kHz as torchaudio converts; level and offset as they are;
    2. windows of 10 s one after another, the last filled up with zeros that the network is told of; WavLM-base, for
       each axis a mixture of its layers, the mean over the frames that are sound, brought to length one, and a head;
    3. the prediction on the raters' scale, by the mean and deviation that the file states; the mean over windows, each
       weighing as much as its sound is long.
    Steps 1-3 are the embedder's, one pass for all four axes. It computes in float32, as the package does, whatever its
    `precision` says. Licence of code and weights: CC-BY 4.0 (WavLM: MIT).

Interval
    Clustered by source (the captions of one clip are one group), t quantile; none under 5 sources. Nothing cuts it: a
    regression may leave the scale.

What it cannot see
    Whether a clip fits its prompt; stereo, and anything above 8 kHz; taste that differs from its raters'.

Citation
    Tjandra et al., "Meta Audiobox Aesthetics: Unified Automatic Quality Assessment for Speech, Music, and Sound", arXiv
    2502.05139; Chen et al., "WavLM", IEEE JSTSP 2022, arXiv 2110.13900.
"""

from __future__ import annotations

from evalkit.metrics.aesthetics import AestheticAxis, axis_card

CARD = axis_card(
    "aesthetics_usefulness",
    "Content usefulness (Audiobox)",
    "higher",
    "whether it fits the prompt; stereo, and what is above 8 kHz",
    {"low_pass": "down", "dropped": "down"},
)

METRIC = AestheticAxis(CARD, "CU")
