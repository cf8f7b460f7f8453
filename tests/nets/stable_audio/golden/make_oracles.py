"""Makes `oracles.npz`: what diffusers and k-diffusion compute for small seeded networks and a toy denoiser.

    pip install diffusers==0.42.1 accelerate k-diffusion==0.1.1 torchsde evalkit
    python tests/nets/stable_audio/golden/make_oracles.py

The networks are built by evalkit with seeded weights, copied into diffusers' classes under the name mapping of
its scripts/convert_stable_audio.py, and run there. The tests build the same networks again and compare.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderOobleck, StableAudioDiTModel
from diffusers.models.embeddings import get_1d_rotary_pos_embed

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from networks import DIT, SIGMAS, VAE, dit_inputs, latents, seeded_dit, seeded_vae, sound, start, toy_denoiser

sys.path.pop(0)


def diffusers_vae() -> AutoencoderOobleck:
    ours = seeded_vae()
    theirs = AutoencoderOobleck(
        encoder_hidden_size=VAE.channels,
        downsampling_ratios=list(VAE.strides),
        channel_multiples=list(VAE.c_mults),
        decoder_channels=VAE.channels,
        decoder_input_channels=VAE.latent,
        audio_channels=2,
        sampling_rate=16000,
    )
    # diffusers takes the encoder's width for its output's; ours is twice the latent's.
    last = theirs.encoder.conv2
    theirs.encoder.conv2 = torch.nn.utils.weight_norm(torch.nn.Conv1d(last.in_channels, 2 * VAE.latent, 3, padding=1))
    state = {}
    for name, tensor in ours.state_dict().items():
        side, _, *rest = name.split(".")
        state[f"{side}.{_vae_name(side, rest)}"] = tensor[None, :, None] if name.endswith(("alpha", "beta")) else tensor
    wanted = theirs.state_dict()
    theirs.load_state_dict({key: value.reshape(wanted[key].shape) for key, value in state.items()})
    return theirs.eval()


def _vae_name(side: str, rest: list[str]) -> str:
    depth, (index, *inner) = len(VAE.strides), rest
    layer = int(index)
    if not inner[0].isdigit() and inner[0] != "layers":
        return {0: "conv1", depth + 1: "snake1", depth + 2: "conv2"}[layer] + "." + inner[0]
    part, *deeper = inner[1:]
    if side == "encoder":
        names = {0: "res_unit1", 1: "res_unit2", 2: "res_unit3", 3: "snake1", 4: "conv1"}
    else:
        names = {0: "snake1", 1: "conv_t1", 2: "res_unit1", 3: "res_unit2", 4: "res_unit3"}
    tail = deeper
    if deeper[0] == "layers":
        tail = [{0: "snake1", 1: "conv1", 2: "snake2", 3: "conv2"}[int(deeper[1])], *deeper[2:]]
    return f"block.{layer - 1}.{names[int(part)]}." + ".".join(tail)


def diffusers_dit() -> StableAudioDiTModel:
    ours = seeded_dit()
    theirs = StableAudioDiTModel(
        sample_size=16,
        in_channels=DIT.io_channels,
        num_layers=DIT.depth,
        attention_head_dim=DIT.head_dim,
        num_attention_heads=DIT.num_heads,
        num_key_value_attention_heads=DIT.context_dim // DIT.head_dim,
        out_channels=DIT.io_channels,
        cross_attention_dim=DIT.context_dim,
        time_proj_dim=256,
        global_states_input_dim=DIT.global_cond_dim,
        cross_attention_input_dim=DIT.cond_token_dim,
    )
    state: dict[str, torch.Tensor] = {}
    for name, tensor in ours.state_dict().items():
        state |= _dit_entry(name, tensor)
    theirs.load_state_dict(state)
    return theirs.eval()


_SWAPS = {
    "timestep_features.weight": "time_proj.weight",
    "to_timestep_embed": "timestep_proj",
    "to_global_embed": "global_proj",
    "to_cond_embed": "cross_attention_proj",
    "transformer.layers": "transformer_blocks",
    "transformer.project_in": "proj_in",
    "transformer.project_out": "proj_out",
    "self_attn": "attn1",
    "cross_attn": "attn2",
    "to_out": "to_out.0",
    "cross_attend_norm": "norm2",
    "pre_norm": "norm1",
    "ff_norm": "norm3",
    "gamma": "weight",
    "beta": "bias",
    "ff.ff": "ff.net",
}


def _dit_entry(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
    for own, other in _SWAPS.items():
        name = name.replace(own, other)
    if "to_qkv" in name:
        thirds = zip(("to_q", "to_k", "to_v"), tensor.chunk(3), strict=True)
        return {name.replace("to_qkv", to): part for to, part in thirds}
    if "to_kv" in name:
        halves = zip(("to_k", "to_v"), tensor.chunk(2), strict=True)
        return {name.replace("to_kv", to): part for to, part in halves}
    return {name: tensor[:, 0] if name == "time_proj.weight" else tensor}


def k_diffusion_sampling() -> types.ModuleType:
    """k_diffusion/sampling.py alone; the package's own import pulls in half of computer vision."""
    origin = Path(importlib.util.find_spec("k_diffusion").origin).parent
    package = types.ModuleType("k_diffusion")
    package.__path__ = [str(origin)]
    sys.modules["k_diffusion"] = package
    utils = types.ModuleType("k_diffusion.utils")
    utils.append_dims = lambda x, dims: x[(...,) + (None,) * (dims - x.ndim)]
    utils.append_zero = lambda x: torch.cat([x, x.new_zeros([1])])
    sys.modules["k_diffusion.utils"] = package.utils = utils
    sys.modules.setdefault("torchdiffeq", types.SimpleNamespace(odeint=None))
    return importlib.import_module("k_diffusion.sampling")


def main() -> None:
    k = k_diffusion_sampling()
    draws = iter(torch.randn(64, *start().shape, generator=torch.Generator().manual_seed(5)))
    extra = {"noise_sampler": lambda sigma, sigma_next: next(draws), "disable": True}
    with torch.no_grad():
        vae, dit = diffusers_vae(), diffusers_dit()
        x, t, tokens, condition = dit_inputs()
        # diffusers' model prepends the timestep token itself but takes the rotary table from outside.
        table = get_1d_rotary_pos_embed(DIT.rotary_dim, x.shape[-1] + 1, use_real=True, repeat_interleave_real=False)
        context = {"encoder_hidden_states": tokens, "global_hidden_states": condition[:, None]}
        velocity = dit(x, t, rotary_embedding=table, **context).sample
        found = {
            "sigmas": k.get_sigmas_polyexponential(10, 0.3, 500.0),
            "dpmpp_2m": k.sample_dpmpp_2m(toy_denoiser, start(), SIGMAS, disable=True),
            "dpmpp_2m_sde": k.sample_dpmpp_2m_sde(toy_denoiser, start(), SIGMAS, **extra),
            "dpmpp_3m_sde_eta_0": k.sample_dpmpp_3m_sde(toy_denoiser, start(), SIGMAS, eta=0.0, **extra),
            "dpmpp_3m_sde": k.sample_dpmpp_3m_sde(toy_denoiser, start(), SIGMAS, **extra),
            "heun": k.sample_heun(toy_denoiser, start(), SIGMAS, disable=True),
            "dpm_2": k.sample_dpm_2(toy_denoiser, start(), SIGMAS, disable=True),
            "lms": k.sample_lms(toy_denoiser, start(), SIGMAS, disable=True),
            "dpmpp_2s_ancestral_eta_0": k.sample_dpmpp_2s_ancestral(toy_denoiser, start(), SIGMAS, eta=0.0, **extra),
            "dpmpp_2s_ancestral": k.sample_dpmpp_2s_ancestral(toy_denoiser, start(), SIGMAS, **extra),
            "encoded": vae.encoder(sound()),
            "decoded": vae.decode(latents()).sample,
            "velocity": velocity,
        }
    arrays = {name: value.numpy() for name, value in found.items()}
    np.savez_compressed(Path(__file__).with_name("oracles.npz"), **arrays)
    print({name: value.shape for name, value in arrays.items()})


if __name__ == "__main__":
    main()
