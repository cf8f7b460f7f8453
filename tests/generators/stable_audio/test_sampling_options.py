"""What may be said with --preset and --set, and the settings that are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.generators.stable_audio import presets
from evalkit.generators.stable_audio.sampling_options import FURTHER, read_options
from evalkit.generators.stable_audio.variants import VARIANTS

FAST = presets.MINI["fast"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sampler": "dpmpp-3m-sd"}, "dpmpp-3m-sde"),
        ({"sampler": "k-huen"}, "did you mean k-heun"),
        ({"sampler": "k-dpm-adaptive"}, "depend on what else is in the batch"),
        ({"sampler": "v-ddim-cfgpp"}, "v-ddim, ddim"),
        ({"sampler": None}, "no sampler is called 'None'"),
        ({"seconds_start": -1}, "seconds_start"),
        ({"seconds_start": "3"}, "seconds_start"),
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"cfg": "seven"}, "cfg"),
        ({"sigma_min": 200.0}, "sigma_min"),
        ({"eta": -1}, "eta"),
        ({"cfg_rescale": 1.5}, "cfg_rescale"),
        ({"cfg_rescale": True}, "cfg_rescale"),
        ({"trim_silence": 60}, "trim_silence"),
        ({"init_audio": "x.wav", "init_noise_level": 0.001}, "sigma_min < init_noise_level"),
        ({"apg": 2}, "apg is a share"),
        ({"cfg_norm_threshold": -1}, "cfg_norm_threshold is not negative"),
        ({"cfg_interval_max": float("nan")}, "0 <= cfg_interval_min < cfg_interval_max <= 1"),
        ({"cfg_interval_min": 0.5, "cfg_interval_max": 0.5}, "cfg_interval_min < cfg_interval_max"),
        ({"cfg_interval_max": 1.5}, "cfg_interval_max <= 1"),
        ({"schedule": "0.0.18"}, "schedule is a version of stable-audio-tools: 0.0.19, 0.0.20"),
        ({"schedule": 0.0}, "schedule is a version"),
        ({"rho": 7}, "rho"),
    ],
)
def test_an_option_out_of_range_is_named(change: dict[str, object], named: str) -> None:
    with pytest.raises(UserError) as error:
        read_options({**FAST, **change})
    assert named in f"{error.value.message} {error.value.hint}"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cfg": 1.0, "negative_prompt": "rain"}, "no effect at cfg 1"),
        ({"init_noise_level": 0.5}, "without init_audio"),
        ({"cfg": 1.0, "apg": 1.0}, "apg has no effect at cfg 1"),
        ({"cfg": 1.0, "cfg_interval_max": 0.8}, "cfg_interval_max has no effect at cfg 1; set it to 1"),
        ({"cfg": 1.0, "cfg_norm_threshold": 2}, "cfg_norm_threshold has no effect at cfg 1; set it to 0"),
        ({"schedule": "0.0.20"}, "schedule has no effect with dpmpp-2m"),
        ({"eta": 1.0}, "eta has no effect with dpmpp-2m"),
        ({"sampler": "v-ddim", "eta": 0.5}, "eta has no effect with v-ddim"),
        ({"sampler": "k-heun", "eta": 0.5}, "eta has no effect with k-heun"),
    ],
)
def test_an_option_without_effect_is_refused(change: dict[str, object], named: str) -> None:
    """Two runs that differ in nothing would be told apart by their options."""
    with pytest.raises(UserError, match=named):
        read_options({**FAST, **change})


def test_options_arrive_typed() -> None:
    change = {"negative_prompt": "hum", "init_audio": "/x.wav", "init_noise_level": 5.0, "trim_silence": -60}
    asked = read_options({**FAST, **change})
    assert (asked.negative_prompt, asked.init_audio, asked.trim_silence) == ("hum", Path("/x.wav"), -60)
    assert (asked.sampling.steps, asked.sampling.init_noise_level) == (10, 5.0)
    plain = read_options(FAST)
    assert (plain.negative_prompt, plain.init_audio, plain.trim_silence) == ("", None, None)


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_every_preset_can_be_sampled(name: str) -> None:
    """A preset with a misspelt sampler or an impossible level would be found by its first user."""
    from evalkit.nets.stable_audio.sampling import check_sampler

    variant = VARIANTS[name]
    assert variant.spec.default_preset in variant.spec.presets
    for options in variant.spec.presets.values():
        check_sampler(read_options(options).sampling.sampler, variant.objective)
    assert set(variant.spec.further) == set(FURTHER)


def test_the_published_settings() -> None:
    """Another sigma or step count under a published name would be another model.

    From the card of stabilityai/stable-audio-open-1.0 and its diffusers scheduler; stable-audio-tools at 50049e3
    (`sample_k` in `inference/sampling.py`; of the interface, `interface/interfaces/diffusion_cond.py`, the sliders'
    values in `create_sampling_ui`, which it sends: the defaults of `generate_cond`'s arguments, 250 steps, 6.0 and
    0.03-1000, reach nothing); the papers' guidance.
    """
    card = {"steps": 100, "cfg": 7.0, "sampler": "dpmpp-3m-sde", "sigma_min": 0.3, "sigma_max": 500.0, "eta": 1.0}
    ui = {"steps": 100, "cfg": 7.0, "sampler": "dpmpp-3m-sde", "sigma_min": 0.01, "sigma_max": 100.0, "eta": 1.0}
    tools = {"steps": 100, "sampler": "dpmpp-2m-sde", "sigma_min": 0.01, "sigma_max": 100.0, "eta": 1.0}
    assert presets.OPEN_1_0["card"] == card
    assert presets.OPEN_1_0["ui"] == presets.VERSION_2["ui"] == ui
    assert presets.VERSION_1["ui"] == {**ui, "cfg_rescale": 0.0}
    assert presets.OPEN_SMALL["ui"] == {"steps": 8, "cfg": 1.0, "sampler": "pingpong", "sigma_max": 1.0}
    assert presets.OPEN_SMALL["card@0.0.19"] == {**presets.OPEN_SMALL["card"], "schedule": "0.0.19"}
    assert presets.OPEN_SMALL["card@0.0.20"] == {**presets.OPEN_SMALL["card"], "schedule": "0.0.20"}
    assert presets.FLOW["ui"] == {"steps": 50, "cfg": 7.0, "sampler": "euler", "sigma_max": 1.0}
    assert presets.OPEN_1_0["diffusers"] == {**card, "sampler": "dpmpp-2m-sde"}
    assert presets.VERSION_1["paper"] == {**tools, "cfg": 6.0, "cfg_rescale": 0.4}
    assert presets.VERSION_2["paper"] == {**tools, "cfg": 7.0}
    assert presets.OPEN_SMALL["card"] == {"steps": 8, "cfg": 1.0, "sampler": "pingpong", "sigma_max": 1.0}
