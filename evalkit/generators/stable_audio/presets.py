"""The published settings of the Stable Audio models, and one of ours: `fast`.

`paper` has what a model's paper states (DPM-Solver++, its steps and its guidance) and, where the paper is silent
(the noise levels, which DPM-Solver++), the defaults of stable-audio-tools' `sample_k`: 2M-SDE from 100 to 0.01.
The paper of Open 1.0 is silent too, but its model card is not, so that there `paper` is `card`. `card` is the
example on the model card, `ui` what stable-audio-tools' interface starts with (the sliders of `create_sampling_ui` in
interface/interfaces/diffusion_cond.py; the defaults of `generate_cond` beside them are others, and never used),
`diffusers` what diffusers' StableAudioPipeline and its scheduler do. `fast` is `card` or `paper` in half the steps and
nobody's published setting. The times of a flow moved from stable-audio-tools 0.0.19 to 0.0.20, so that one seed is
another sound: `card@0.0.19` and `card@0.0.20` say which, and `card` of Open Small has those of its own time, 0.0.19.

Sources: Evans et al. 2024, "Fast timing-conditioned latent audio diffusion" (1.0), "Long-form music generation
with latent diffusion" (2.0), "Stable Audio Open"; Novack et al. 2025, "Fast text-to-audio generation with
adversarial post-training" (Open Small); stable-audio-tools at 50049e3; diffusers 0.42.1; docs/guides/prompting.md of
Stability-AI/stable-audio-3 at 636f906.
"""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.generators.base import Options, Template
from evalkit.generators.templates import OPTION, without_template

Presets = Mapping[str, Options]


def _levels(sampler: str, steps: int, cfg: float, sigmas: tuple[float, float], eta: float = 1.0) -> dict[str, object]:
    low, high = sigmas
    return {"steps": steps, "cfg": cfg, "sampler": sampler, "sigma_min": low, "sigma_max": high, "eta": eta}


def _flow(sampler: str, steps: int, cfg: float) -> dict[str, object]:
    return {"steps": steps, "cfg": cfg, "sampler": sampler, "sigma_max": 1.0}


def _as_of(version: str, options: Options) -> dict[str, object]:
    """A flow's preset with the times of this version of stable-audio-tools."""
    return {**options, "schedule": version}


_CARD, _TOOLS = (0.3, 500.0), (0.01, 100.0)
"""sigma_min and sigma_max of the model card of Open 1.0, and of `sample_k` and the interface."""

_RESCALE = {"cfg_rescale": 0.4}
"""What stable-audio-tools does to the guidance of the U-Net where nobody says otherwise, as its interface does (0)."""

_UI = _levels("dpmpp-3m-sde", 100, 7.0, _TOOLS)

OPEN_1_0: Presets = {
    "paper": _levels("dpmpp-3m-sde", 100, 7.0, _CARD),
    "card": _levels("dpmpp-3m-sde", 100, 7.0, _CARD),
    "ui": _UI,
    "diffusers": _levels("dpmpp-2m-sde", 100, 7.0, _CARD),
    "fast": _levels("dpmpp-3m-sde", 50, 7.0, _CARD),
}

OPEN_SMALL: Presets = {
    "paper": _flow("pingpong", 8, 1.0),
    "card": _flow("pingpong", 8, 1.0),
    "card@0.0.19": _as_of("0.0.19", _flow("pingpong", 8, 1.0)),
    "card@0.0.20": _as_of("0.0.20", _flow("pingpong", 8, 1.0)),
    "ui": _flow("pingpong", 8, 1.0),
    "fast": _flow("pingpong", 4, 1.0),
}

VERSION_1: Presets = {
    "paper": {**_levels("dpmpp-2m-sde", 100, 6.0, _TOOLS), **_RESCALE},
    "ui": {**_UI, "cfg_rescale": 0.0},
    "fast": {**_levels("dpmpp-2m-sde", 50, 6.0, _TOOLS), **_RESCALE},
}

VERSION_2: Presets = {
    "paper": _levels("dpmpp-2m-sde", 100, 7.0, _TOOLS),
    "ui": _UI,
    "fast": _levels("dpmpp-2m-sde", 50, 7.0, _TOOLS),
}

FLOW: Presets = {"ui": _flow("euler", 50, 7.0), "fast": _flow("euler", 25, 7.0)}
"""For a rectified flow that is no published variant, such as the base that Open Small was made from."""

VERSION_3: Presets = {
    "card": _as_of("0.0.20", _flow("pingpong", 8, 1.0)),
    "fast": _as_of("0.0.20", _flow("pingpong", 4, 1.0)),
}

VERSION_3_BASE: Presets = {
    "card": {**_as_of("0.0.20", _flow("euler", 50, 7.0)), "apg": 1.0},
    "fast": {**_as_of("0.0.20", _flow("euler", 25, 7.0)), "apg": 1.0},
}

TEMPLATES_3: Mapping[str, Template] = {
    "music": {"TrackType": "Music", "VocalType": "Instrumental"},
    "instrument": {"TrackType": "Instrument"},
    "sfx": {"TrackType": "SFX"},
}
"""What the guide to Stable Audio 3's prompts has stand before a caption of music, of one instrument, of an effect."""


def with_template(of: Presets, name: str) -> Presets:
    """The presets with this template for a default, in place of any other; "" for none."""
    own = {OPTION: name} if name else {}
    return {preset: {**without_template(options), **own} for preset, options in of.items()}


_SHAPING = (0.05, 15.0)
"""sigma_min and sigma_max of the minis, whose latents show nothing at more noise and are as noisy at less."""

_SAME_SPREAD = {"cfg_rescale": 1.0}
"""The latents are roots of magnitudes: what guidance adds to their spread is squared in the sound."""

MINI: Presets = {
    "card": _levels("dpmpp-2m", 20, 7.0, _SHAPING, 0.0) | _SAME_SPREAD,
    "fast": _levels("dpmpp-2m", 10, 7.0, _SHAPING, 0.0) | _SAME_SPREAD,
}

MINI_1: Presets = {
    "card": _levels("dpmpp-2m", 20, 7.0, _SHAPING, 0.0) | _RESCALE,
    "fast": _levels("dpmpp-2m", 10, 7.0, _SHAPING, 0.0) | _RESCALE,
}
"""Its U-Net makes less than the spread that it should, so that guidance may add some, as in Stable Audio 1.0."""

MINI_3: Presets = {
    "card": {**_as_of("0.0.20", _flow("euler", 25, 2.5)), "apg": 1.0, "cfg_interval_max": 0.94} | _SAME_SPREAD,
    "fast": {**_as_of("0.0.20", _flow("euler", 12, 2.5)), "apg": 1.0, "cfg_interval_max": 0.94} | _SAME_SPREAD,
    "guided": {**_as_of("0.0.20", _flow("euler", 25, 3.0)), "apg": 1.0} | _SAME_SPREAD,
}
"""As the base models of Stable Audio 3, but that guidance keeps the spread and comes once there is something to hear:
from the first step on, as in `guided`, it leaves some of what is faint silent."""
