"""diffusers' parts of Stable Audio Open beside evalkit's, through a folder that diffusers itself has written.

The structure is the published one, five stages and grouped heads, at reduced widths.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

import oracle_steps as steps
import stable_audio_seeded as seeded
import torch
from diffusers import AutoencoderOobleck, StableAudioDiTModel
from diffusers.models.embeddings import get_1d_rotary_pos_embed
from diffusers.pipelines.stable_audio import StableAudioProjectionModel
from torch import Tensor, nn

from evalkit.generators.stable_audio.network import load_model
from evalkit.nets.stable_audio.conditioning import Condition
from evalkit.nets.stable_audio.model import StableAudio

ORACLE = ("diffusers", version("diffusers"))
LENGTH, HEAD = 6, 64

Answers = dict[str, tuple[Tensor, Tensor]]


def parts() -> dict[str, nn.Module]:
    """The three networks of a pipeline, with weights drawn from their names."""
    transformer = StableAudioDiTModel(
        sample_size=LENGTH, in_channels=8, out_channels=8, num_layers=3, attention_head_dim=HEAD,
        num_attention_heads=4, num_key_value_attention_heads=2, cross_attention_dim=128,
        cross_attention_input_dim=128, global_states_input_dim=256,
    )  # fmt: skip
    vae = AutoencoderOobleck(
        encoder_hidden_size=16, downsampling_ratios=[2, 4, 4, 8, 8], channel_multiples=[1, 2, 4, 8, 16],
        decoder_channels=16, decoder_input_channels=8, audio_channels=2, sampling_rate=44100,
    )  # fmt: skip
    projection = StableAudioProjectionModel(text_encoder_dim=128, conditioning_dim=128, min_value=0, max_value=512)
    found = {"transformer": transformer, "vae": vae, "projection_model": projection}
    for part in found.values():
        shapes = {name: tuple(tensor.shape) for name, tensor in part.state_dict().items()}
        part.load_state_dict(seeded.drawn(shapes))
        part.eval().requires_grad_(False)
    return found


def compare() -> list[dict[str, object]]:
    """The rows of the table."""
    theirs = parts()
    with tempfile.TemporaryDirectory() as folder:
        for name, part in theirs.items():
            part.save_pretrained(Path(folder) / name)  # type: ignore[operator]
        ours = load_model(Path(folder), "cpu", "float32")
    with torch.no_grad():
        found = {**_autoencoder(ours, theirs["vae"]), **_network(ours, theirs["transformer"])}
        found |= _numbers(ours, theirs["projection_model"])
    return [steps.row(f"Stable Audio {name}", "network", ORACLE, [pair]) for name, pair in found.items()]


def _autoencoder(ours: StableAudio, vae: nn.Module) -> Answers:
    audio, latents = 0.3 * seeded.noise(2, 2, 2048 * LENGTH, seed=3), seeded.noise(2, 8, LENGTH, seed=5)
    posterior = vae.encode(audio).latent_dist  # type: ignore[operator]
    return {
        "autoencoder, encoding: mean": (ours.vae.posterior(audio)[0], posterior.mean),
        "autoencoder, encoding: deviation": (ours.vae.posterior(audio)[1], posterior.std),
        "autoencoder, decoding": (ours.decode(latents, chunk=4), vae.decode(latents).sample),  # type: ignore[operator]
    }


def _network(ours: StableAudio, transformer: nn.Module) -> Answers:
    x, t = seeded.noise(2, 8, LENGTH, seed=5), torch.tensor([0.2, 0.9])
    tokens, vector = seeded.noise(2, 79, 128, seed=1), seeded.noise(2, 256, seed=2)
    # diffusers' model prepends the token of time and length itself but takes the rotary table from outside.
    table = get_1d_rotary_pos_embed(HEAD // 2, LENGTH + 1, use_real=True, repeat_interleave_real=False)
    wanted = transformer(
        x, t, encoder_hidden_states=tokens, global_hidden_states=vector[:, None], rotary_embedding=table
    ).sample
    return {"DiT, forward": (ours.backbone.velocity(x, t, Condition(tokens, None, None, vector)), wanted)}


def _numbers(ours: StableAudio, projection: nn.Module) -> Answers:
    seconds = torch.tensor([0.0, 3.7, 47.55, 700.5])
    wanted = projection(start_seconds=seconds, end_seconds=seconds)
    return {
        "conditioner of seconds_start": (
            ours.conditioners["seconds_start"](seconds), wanted.seconds_start_hidden_states[:, 0]
        ),
        "conditioner of seconds_total": (
            ours.conditioners["seconds_total"](seconds), wanted.seconds_end_hidden_states[:, 0]
        ),
    }  # fmt: skip
