"""The models of the Stable Audio family: what each is called, what it makes, and its published settings.

Versions 1.0 and 2.0 were never published; evalkit runs them from a checkpoint that you have (`--checkpoint`).
Sources: the model cards and papers of each, and stable-audio-tools' configs at 50049e3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.generators.base import GeneratorSpec
from evalkit.generators.stable_audio import presets
from evalkit.generators.stable_audio.presets import Presets
from evalkit.generators.stable_audio.sampling_options import FILES, FOLLOWS, FURTHER

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


def _full(
    name: str,
    *,
    window: int,
    parameters: int,
    text: str,
    of: Presets,
    preset: str,
    batch: int,
    licence: str = _UNPUBLISHED,
) -> GeneratorSpec:
    """A full-size model: `window` in samples at 44.1 kHz, its text tower's weights, its presets and the default one."""
    return GeneratorSpec(
        name=name,
        family="stable_audio",
        further=FURTHER,
        files=FILES,
        follows=FOLLOWS,
        sample_rate=_RATE,
        channels=2,
        max_seconds=window / _RATE,
        window_seconds=window / _RATE,
        parameters=parameters,
        licence=licence,
        gated=licence != _UNPUBLISHED,
        needs=(text,),
        presets=of,
        default_preset=preset,
        batch_size=batch,
    )


def _mini(name: str, of: Presets) -> GeneratorSpec:
    """A model that ships with evalkit, trained by the recipes in evalkit/mini."""
    return GeneratorSpec(
        name=name,
        family="stable_audio",
        further=FURTHER,
        files=FILES,
        follows=FOLLOWS,
        sample_rate=16000,
        channels=2,
        max_seconds=5.12,
        window_seconds=5.12,
        size="mini",
        licence="MIT; trained on CC0 and CC-BY recordings of ESC-10 (see NOTICE)",
        needs=("clap-mini",),
        presets=of,
        default_preset="card",
        batch_size=16,
    )


_OPEN_1_0 = _full(
    "stable-audio",
    window=2_097_152,
    parameters=1_213_337_602,
    text="t5-base",
    of=presets.OPEN_1_0,
    preset="card",
    batch=4,
    licence=_COMMUNITY,
)

_OPEN_SMALL = _full(
    "stable-audio-open-small",
    window=524_288,
    parameters=497_190_274,
    text="t5-base",
    of=presets.OPEN_SMALL,
    preset="card",
    batch=8,
    licence=_COMMUNITY,
)

_VERSION_1 = _full(
    "stable-audio-1",
    window=4_194_304,
    parameters=1_040_899_012,
    text="stable-audio-clap",
    of=presets.VERSION_1,
    preset="paper",
    batch=4,
)

_VERSION_2 = _full(
    "stable-audio-2",
    window=12_582_912,
    parameters=1_213_337_602,
    text="stable-audio-clap",
    of=presets.VERSION_2,
    preset="paper",
    batch=1,
)

VARIANTS: Mapping[str, Variant] = {
    variant.spec.name: variant
    for variant in (
        Variant(_OPEN_1_0, "dit", "v"),
        Variant(_OPEN_SMALL, "dit", "rf_denoiser"),
        Variant(_VERSION_1, "adp_cfg_1d", "v"),
        Variant(_VERSION_2, "dit", "v"),
        Variant(_mini("stable-audio-mini", presets.MINI), "dit", "v"),
        Variant(_mini("stable-audio-1-mini", presets.MINI_1), "adp_cfg_1d", "v"),
    )
}

FLOW_PRESETS: Presets = presets.FLOW
"""For a rectified flow that is no published variant."""
