"""The models of the Stable Audio family: what each is called, what it makes, and its published settings.

Versions 1.0 and 2.0 were never published; evalkit runs them from a checkpoint that you have (`--checkpoint`).
Sources: the model cards and papers of each, and stable-audio-tools' configs at 50049e3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.generators import presets
from evalkit.generators.base import GeneratorSpec
from evalkit.generators.presets import Presets
from evalkit.generators.sampling_options import FILES, FURTHER

_COMMUNITY = "Stability AI Community License"
_UNPUBLISHED = "not published"
_RATE = 44100


@dataclass(frozen=True)
class Variant:
    """A model's spec, and how a config shows that it is of this kind: its `model.diffusion.type` and
    `diffusion_objective`."""

    spec: GeneratorSpec
    backbone: str
    objective: str


_MINI = GeneratorSpec(
    name="stable-audio-mini",
    family="stable_audio",
    further=FURTHER,
    files=FILES,
    sample_rate=16000,
    channels=2,
    max_seconds=5.12,
    window_seconds=5.12,
    size="mini",
    licence="MIT; trained on CC0 and CC-BY recordings of ESC-10 (see NOTICE)",
    needs=("clap-mini",),
    presets=presets.MINI,
    default_preset="card",
    batch_size=16,
)

_OPEN_1_0 = GeneratorSpec(
    name="stable-audio",
    family="stable_audio",
    further=FURTHER,
    files=FILES,
    sample_rate=_RATE,
    channels=2,
    max_seconds=2_097_152 / _RATE,
    window_seconds=2_097_152 / _RATE,
    parameters=1_213_337_602,
    licence=_COMMUNITY,
    gated=True,
    needs=("t5-base",),
    presets=presets.OPEN_1_0,
    default_preset="card",
    batch_size=4,
)

_OPEN_SMALL = GeneratorSpec(
    name="stable-audio-open-small",
    family="stable_audio",
    further=FURTHER,
    files=FILES,
    sample_rate=_RATE,
    channels=2,
    max_seconds=524_288 / _RATE,
    window_seconds=524_288 / _RATE,
    parameters=497_190_274,
    licence=_COMMUNITY,
    gated=True,
    needs=("t5-base",),
    presets=presets.OPEN_SMALL,
    default_preset="card",
    batch_size=8,
)

_VERSION_1 = GeneratorSpec(
    name="stable-audio-1",
    family="stable_audio",
    further=FURTHER,
    files=FILES,
    sample_rate=_RATE,
    channels=2,
    max_seconds=4_194_304 / _RATE,
    window_seconds=4_194_304 / _RATE,
    parameters=1_040_899_012,
    licence=_UNPUBLISHED,
    needs=("stable-audio-clap",),
    presets=presets.VERSION_1,
    default_preset="paper",
    batch_size=4,
)

_VERSION_2 = GeneratorSpec(
    name="stable-audio-2",
    family="stable_audio",
    further=FURTHER,
    files=FILES,
    sample_rate=_RATE,
    channels=2,
    max_seconds=12_582_912 / _RATE,
    window_seconds=12_582_912 / _RATE,
    parameters=1_213_337_602,
    licence=_UNPUBLISHED,
    needs=("stable-audio-clap",),
    presets=presets.VERSION_2,
    default_preset="paper",
    batch_size=1,
)

VARIANTS: Mapping[str, Variant] = {
    variant.spec.name: variant
    for variant in (
        Variant(_OPEN_1_0, "dit", "v"),
        Variant(_OPEN_SMALL, "dit", "rf_denoiser"),
        Variant(_VERSION_1, "adp_cfg_1d", "v"),
        Variant(_VERSION_2, "dit", "v"),
        Variant(_MINI, "dit", "v"),
    )
}

FLOW_PRESETS: Presets = presets.FLOW
"""For a rectified flow that is no published variant."""
