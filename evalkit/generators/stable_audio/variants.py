"""The models of the Stable Audio family: what each is called, what it makes, and its published settings.

Versions 1.0 and 2.0 were never published; evalkit runs them from a checkpoint that you have (`--checkpoint`).
Sources: the model cards and papers of each, and stable-audio-tools' configs at 50049e3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.generators.base import GeneratorSpec, Template
from evalkit.generators.stable_audio import presets
from evalkit.generators.stable_audio.presets import Presets
from evalkit.generators.stable_audio.sampling_options import FILES, FOLLOWS, FURTHER

_COMMUNITY = "Stability AI Community License"
_UNPUBLISHED = "not published"
_RATE = 44100
_TEMPLATE_OF = {"small-music": "music", "small-sfx": "sfx", "medium": ""}


@dataclass(frozen=True)
class Variant:
    """A model's spec, and how a config shows that it is of this kind: its `model.diffusion.type`,
    `diffusion_objective`, and whether its sounds are of free length."""

    spec: GeneratorSpec
    backbone: str
    objective: str
    free: bool = False


def _full(
    name: str,
    *,
    window: int,
    parameters: int,
    text: str = "",
    of: Presets,
    preset: str,
    batch: int,
    licence: str = _UNPUBLISHED,
    longest: float | None = None,
    templates: Mapping[str, Template] | None = None,
) -> GeneratorSpec:
    """A full-size model: `window` in samples at 44.1 kHz, its text tower's weights where these lie apart, its presets
    and the default one; `longest` in seconds where that is less than the window; `templates` for its prompts."""
    return GeneratorSpec(
        name=name,
        family="stable_audio",
        further=FURTHER,
        files=FILES,
        follows=FOLLOWS,
        sample_rate=_RATE,
        channels=2,
        max_seconds=window / _RATE if longest is None else longest,
        window_seconds=window / _RATE,
        parameters=parameters,
        licence=licence,
        gated=licence != _UNPUBLISHED,
        needs=(text,) if text else (),
        presets=of,
        default_preset=preset,
        templates=templates or {},
        batch_size=batch,
    )


def _version_3(kind: str, base: bool) -> Variant:
    """Stable Audio 3 `kind` (small-music, small-sfx or medium), distilled or, `base`, before that. Its text tower comes
    in its own repository. The sizes of the windows are those that code which loads the published files says. A small
    one makes only what it is named for, and has the template of that; medium makes both, so whoever asks says which."""
    template, of = _TEMPLATE_OF[kind], presets.VERSION_3_BASE if base else presets.VERSION_3
    small = kind != "medium"
    spec = _full(
        f"stable-audio-3-{kind}{'-base' * base}",
        window=(5_324_800 if base else 5_292_032) if small else 16_777_216,
        longest=120.0 if small else 380.0,
        parameters=567_573_553 if small else 2_305_495_393,
        of=presets.with_template(of, template),
        templates=presets.TEMPLATES_3,
        preset="card",
        batch=8 if small else 4,
        licence=f"{_COMMUNITY}; text tower: Gemma Terms of Use",
    )
    return Variant(spec, "dit", "rectified_flow" if base else "rf_denoiser", free=True)


def _mini(name: str, of: Presets, *, channels: int = 2, text: str = "clap-mini") -> GeneratorSpec:
    """A model that ships with evalkit, trained by the recipes in evalkit/mini; `text` is as of :func:`_full`."""
    return GeneratorSpec(
        name=name,
        family="stable_audio",
        further=FURTHER,
        files=FILES,
        follows=FOLLOWS,
        sample_rate=16000,
        channels=channels,
        max_seconds=5.12,
        window_seconds=5.12,
        size="mini",
        licence="MIT; trained on CC0 and CC-BY recordings of ESC-10 (see NOTICE)",
        needs=(text,) if text else (),
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
        *(_version_3(kind, base) for base in (False, True) for kind in ("small-music", "small-sfx", "medium")),
        Variant(_mini("stable-audio-mini", presets.MINI), "dit", "v"),
        Variant(_mini("stable-audio-1-mini", presets.MINI_1), "adp_cfg_1d", "v"),
        Variant(_mini("stable-audio-3-mini", presets.MINI_3, channels=1, text=""), "dit", "rectified_flow", free=True),
    )
}

FLOW_PRESETS: Presets = presets.FLOW
"""For a rectified flow that is no published variant."""
