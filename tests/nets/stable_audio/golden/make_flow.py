"""Makes `flow.npz`: what stable-audio-tools samples from a toy velocity network, for every sampler of a flow and DDIM.

    pip install stable-audio-tools==0.0.19 (and what tests/parity/requirements of it say) evalkit
    python tests/nets/stable_audio/golden/make_flow.py

Only inference/sampling.py is run. Its random draws are replaced by the seeded ones that the tests draw too.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from networks import draws, toy_velocity, unit_start

sys.path.pop(0)

STEPS = 9


def sampling() -> types.ModuleType:
    """stable_audio_tools/inference/sampling.py alone; k-diffusion, which it imports, is not called here."""
    origin = Path(importlib.util.find_spec("stable_audio_tools").submodule_search_locations[0])
    sys.modules.setdefault("k_diffusion", types.ModuleType("k_diffusion"))
    spec = importlib.util.spec_from_file_location("sampling", origin / "inference" / "sampling.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fresh_draws() -> None:
    drawn = draws()
    torch.randn_like = lambda _: next(drawn)


def main() -> None:
    tools = sampling()
    x, init = unit_start(), unit_start() / 3
    found = {}
    for name in ("euler", "rk4", "dpmpp", "pingpong"):
        fresh_draws()
        found[name] = tools.sample_rf(toy_velocity, x, steps=STEPS, sampler_type=name)
        fresh_draws()
        found[f"{name}_from_sound"] = tools.sample_rf(
            toy_velocity, x, init_data=init, steps=STEPS, sampler_type=name, sigma_max=0.6
        )
    shift = tools.DistributionShift(max_length=64, min_length=4)
    found["rk4_shifted"] = tools.sample_rf(toy_velocity, x, steps=STEPS, sampler_type="rk4", dist_shift=shift)
    found["shifted_sine"] = tools.DistributionShift(use_sine=True).time_shift(torch.linspace(1, 0, 12), 1024)
    found["ddim"] = tools.sample_k(toy_velocity, x, steps=STEPS, sampler_type="v-ddim", device="cpu")
    found["ddim_from_sound"] = tools.sample_k(
        toy_velocity, x, init_data=init, steps=STEPS, sampler_type="v-ddim", sigma_max=0.6, device="cpu"
    )
    fresh_draws()
    found["ddim_eta"] = tools.sample(toy_velocity, x, STEPS, 0.7)
    arrays = {name: value.numpy() for name, value in found.items()}
    np.savez_compressed(Path(__file__).with_name("flow.npz"), **arrays)
    print({name: value.shape for name, value in arrays.items()})


if __name__ == "__main__":
    main()
