"""How fast Stable Audio 3 samples beside diffusers' pipeline and stable-audio-tools: on a CPU, small, or on a GPU.

    nox -s bench_stable_audio_3    # makes the environment; options: -- --rounds 7 --keep
    nox -s bench_stable_audio_3 -- --device cuda --dtype float16 --width 1536 --seconds 120 --keep
    PYTHONPATH=.:tests/parity:tests/checkpoints python tests/bench/bench_stable_audio_3.py

The structure is medium's whole, the only one that diffusers has: 24 blocks of differential attention with 64 memory
tokens, 12 layers of SAME-L on each side; the width is smaller unless asked otherwise. All three have the same weights,
through a folder that diffusers wrote, the same prompt (as an embedding: T5Gemma is the same module everywhere), eight
steps of ping-pong without guidance, six seconds beyond those that are asked, decoding, and the same number of threads.
diffusers leaves out the local condition, and makes the noise of whole latents alone, so that it computes a little less.
Each round runs them one after the other in turning order; what is told is the median over rounds of the ratio of two
times, which a busy machine moves less than either time; of one thread it is the processor's time, not the wall's.
Before that, evalkit and stable-audio-tools make the latents of one seed in float32 on the CPU: they must be the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_records as records
import diffusers_small_3 as small
import oracle_stable_audio_3 as oracle  # before diffusers, as it makes stable-audio-tools importable
import stable_audio_seeded as seeded
import torch
from diffusers import AutoencoderSAME, FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel, StableAudio3Pipeline
from diffusers.pipelines.stable_audio_3.modeling_stable_audio_3 import StableAudio3DurationEmbedder
from side_by_side import ratio, rounds
from stable_audio_tools.inference.generation import generate_diffusion_cond_inpaint
from stable_audio_tools.models.factory import create_model_from_config
from torch import Tensor, nn

from evalkit.checkpoints.diffusers_3 import derive_config, read_diffusers_3
from evalkit.generators.stable_audio.network import load_model
from evalkit.generators.stable_audio.presets import VERSION_3
from evalkit.generators.stable_audio.sampling_options import read_options
from evalkit.nets.stable_audio.lengths import HEADROOM, room
from evalkit.nets.stable_audio.model import StableAudio

oracle.transformer.Attention.apply_attn = oracle.on_a_cpu  # as the package has it: nothing is padded here
TOKENS = 256
AIM = 1.2
SAME_LATENTS = 1e-3
NAMES = ("evalkit", "diffusers", "stable-audio-tools")
WITHOUT_PADDING = 9.6
"""Seconds that take a whole number of pairs of latents, so that no package pads them."""


@dataclass(frozen=True)
class Work:
    """What is asked of all three: `text` (1, tokens, width) for a prompt, of so many words."""

    text: Tensor
    seconds: float
    steps: int
    words: int = 12
    device: str = "cpu"
    dtype: str = "float32"

    @property
    def mask(self) -> Tensor:
        return (torch.arange(self.text.shape[1]) < self.words)[None].to(self.device)

    @property
    def on(self) -> dict[str, Any]:
        """Device and number type, as torch's `to` takes them."""
        return {"device": self.device, "dtype": getattr(torch, self.dtype)}


def parts(width: int) -> dict[str, Any]:
    """diffusers' networks with weights drawn from their names."""
    found = {
        "transformer": StableAudio3DiTModel(embed_dim=width, num_heads=width // 64),
        "vae": AutoencoderSAME(
            encoder_channels=width, encoder_c_mults=[1], encoder_transformer_depths=[12], decoder_sinusoidal_blocks=[8]
        ),
        "duration_embedder": StableAudio3DurationEmbedder(),
    }
    for part in found.values():
        kept = {name: each for name, each in part.state_dict().items() if name.endswith("freqs") or "inv_freq" in name}
        shapes = {name: tuple(each.shape) for name, each in part.state_dict().items()}
        part.load_state_dict({**small.drawn(shapes), **kept})
        part.eval().requires_grad_(False)
    return found


class Evalkit:
    """evalkit's own route, as `StableAudioGenerator` takes it once the text is read."""

    def __init__(self, folder: Path, work: Work) -> None:
        self._model: StableAudio = load_model(folder, work.device, work.dtype)
        self._work = work

    def latents(self, seed: int = 0) -> Tensor:
        """(1, channels, length)."""
        work = self._work
        asked = read_options({**VERSION_3["card"], "steps": work.steps})
        told = self._model.describe(work.text.to(work.device), [work.seconds], work.mask)
        return self._model.sample_each(told, [work.seconds], asked.sampling, [torch.Generator().manual_seed(seed)])[0][
            None
        ]

    @torch.inference_mode()
    def __call__(self) -> Tensor:
        return self._model.decode(self.latents())


class Tools:
    """`generate_diffusion_cond_inpaint` of stable-audio-tools."""

    def __init__(self, folder: Path, work: Work) -> None:
        model: nn.Module = create_model_from_config(derive_config(folder)).eval().requires_grad_(False)
        missing, unexpected = model.load_state_dict(read_diffusers_3(folder), strict=False)
        assert not unexpected and all("inv_freq" in name for name in missing), (missing[:3], unexpected[:3])
        self._model = model.to(**work.on)
        self._work = work

    @torch.no_grad()
    def __call__(self, seed: int = 0, return_latents: bool = False) -> Tensor:
        work = self._work
        oracle.Tower.texts = {"0": (work.text[0].to(**work.on), work.mask[0])}
        made: Tensor = generate_diffusion_cond_inpaint(
            self._model, steps=work.steps, cfg_scale=1.0, sampler_type="pingpong", seed=seed, device=work.device,
            conditioning=[{"prompt": "0", "seconds_total": work.seconds}], sample_size=16_777_216,
            return_latents=return_latents,
        )  # fmt: skip
        return made


class Diffusers:
    """diffusers' StableAudio3Pipeline."""

    def __init__(self, networks: dict[str, Any], work: Work) -> None:
        scheduler = FlowMatchEulerDiscreteScheduler(stochastic_sampling=True)
        self._pipeline = StableAudio3Pipeline(text_encoder=None, tokenizer=None, scheduler=scheduler, **networks)
        self._pipeline.to(**work.on)
        self._pipeline.set_progress_bar_config(disable=True)
        self._work = work

    def __call__(self) -> Tensor:
        work = self._work
        made: Tensor = self._pipeline(
            prompt_embeds=work.text.to(**work.on),
            encoder_attention_mask=work.mask.long(),
            duration=work.seconds,
            silence_padding_duration=float(HEADROOM),
            num_inference_steps=work.steps,
            generator=torch.Generator().manual_seed(0),
        ).audios
        return made


def same_latents(ours: Evalkit, tools: Tools) -> float:
    """Largest difference over largest value of one prompt's latents, from one seed."""
    with torch.inference_mode():
        mine = ours.latents(seed=7)
    theirs = tools(seed=7, return_latents=True)[..., : mine.shape[-1]]
    return float((mine - theirs).abs().max() / theirs.abs().max())


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=WITHOUT_PADDING)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--keep", action="store_true", help="append the figures to reports/bench")
    return parser.parse_args(arguments)


def measured(given: argparse.Namespace) -> tuple[dict[str, list[float]], float, int]:
    """Seconds of every side, how far the latents of one seed are apart, and how many there are."""
    text = seeded.noise(1, TOKENS, 768, seed=1)
    work = Work(text, given.seconds, given.steps, device=given.device, dtype=given.dtype)
    exact = Work(text, WITHOUT_PADDING, given.steps)
    networks = parts(given.width)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, part in networks.items():
            part.save_pretrained(folder / name)
        FlowMatchEulerDiscreteScheduler(stochastic_sampling=True).save_pretrained(folder / "scheduler")
        ours, tools = Evalkit(folder, exact), Tools(folder, exact)
        made = room(ours._model.config, given.seconds).made
        difference = same_latents(ours, tools)
        assert difference < SAME_LATENTS, f"other latents: {difference:.1e}"
        if work.on != exact.on:
            ours, tools = Evalkit(folder, work), Tools(folder, work)
        ours._work = tools._work = work
        sides = {"evalkit": ours, "diffusers": Diffusers(networks, work), "stable-audio-tools": tools}
        on_gpu = given.device.startswith("cuda")
        clock = time.process_time if given.threads == 1 and not on_gpu else time.perf_counter
        return rounds(dict(sides), given.rounds, clock), difference, made


def main(arguments: Sequence[str] | None = None) -> None:
    given = read_arguments(arguments)
    torch.set_num_threads(given.threads)
    seconds, difference, made = measured(given)
    on_gpu = given.device.startswith("cuda")
    row = {
        "date": records.today(),
        "processor": torch.cuda.get_device_name() if on_gpu else records.processor(),
        "dtype": given.dtype,
        "threads": given.threads,
        "width, latents": f"{given.width}, {made}",
        "steps": given.steps,
        "rounds": given.rounds,
        "clock": "processor" if given.threads == 1 and not on_gpu else "wall",
        **{f"{name} (s)": statistics.median(seconds[name]) for name in NAMES},
        **{f"{name} / evalkit": ratio(seconds, name) for name in NAMES[1:]},
        "same latents": f"{difference:.0e}",
        "versions": records.versions("torch", "diffusers", "stable-audio-tools"),
    }
    print(records.table([row]))
    slower = [name for name in NAMES[1:] if ratio(seconds, name) < AIM]
    print(f"aim: at least {AIM} times as fast as both; {'missed beside ' + ', '.join(slower) if slower else 'met'}")
    if given.keep:
        name, where = ("stable_audio_3_cuda", "a GPU") if on_gpu else ("stable_audio_3_cpu", "a CPU")
        print(records.append(name, f"Stable Audio 3 on {where}, beside both libraries", __doc__, row))


if __name__ == "__main__":
    main()
