"""How fast Stable Audio samples beside diffusers' pipeline and stable-audio-tools: on a CPU, small, or on a GPU.

    nox -s bench_generate          # makes the environment; options: -- --rounds 5 --steps 10 --batch 2
    nox -s bench_generate -- --device cuda --dtype bfloat16 --width 1536 --channels 128 --length 1024 --steps 100
    PYTHONPATH=.:tests/parity python tests/bench/bench_generate.py     # in tests/parity/requirements-stable_audio.txt

The structure is Open 1.0's whole (24 blocks of grouped-query attention, 130 tokens of condition, the five stages of
Oobleck); the widths and the window are smaller unless asked otherwise. All three have the same weights, through a
folder that diffusers wrote, the same prompts (as embeddings: T5 is the same module everywhere), steps, guidance and
sampler (DPM-Solver++ 2M-SDE, sigma 0.3 to 500: the one that diffusers has), and the same number of threads. Each
round runs them one after the other in turning order; what is told is the median over rounds of the ratio of two
times, which a busy machine moves less than either time; of one thread it is the processor's time, not the wall's.
Before that, evalkit and stable-audio-tools make one sound without fresh noise (2M) from the same seed in float32 on
the CPU, and it must be the same one.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_records as records
import oracle_stable_audio as oracle  # before diffusers, as it makes stable-audio-tools importable
import stable_audio_seeded as seeded
import torch
from diffusers import AutoencoderOobleck, CosineDPMSolverMultistepScheduler, StableAudioDiTModel, StableAudioPipeline
from diffusers.pipelines.stable_audio import StableAudioProjectionModel
from side_by_side import ratio, rounds
from stable_audio_tools.inference.generation import generate_diffusion_cond
from stable_audio_tools.models.factory import create_model_from_config
from torch import Tensor, nn

from evalkit.checkpoints.diffusers import derive_config, read_diffusers
from evalkit.generators.stable_audio.network import load_model
from evalkit.generators.stable_audio.presets import OPEN_1_0
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.settings import SamplingOptions

HEAD, TOKENS, RATIO, RATE = 64, 128, 2048, 44100
AIM = 1.3
SAME_SOUND = 1e-3
NAMES = ("evalkit", "diffusers", "stable-audio-tools")


@dataclass(frozen=True)
class Size:
    """`width` of the transformer and `channels` of the autoencoder's outermost stage, where Open 1.0 has 1536 and
    128; `length` latents, where it has 1024."""

    width: int
    channels: int
    length: int
    depth: int = 24

    @property
    def cond(self) -> int:
        return self.width // 2

    @property
    def latent(self) -> int:
        """Channels of a latent: half of what the encoder gives, which in diffusers is as wide as its first stage."""
        return self.channels // 2

    @property
    def seconds(self) -> float:
        return self.length * RATIO / RATE


@dataclass(frozen=True)
class Work:
    """What is asked of all three: `text` (batch, tokens, width) for the prompts."""

    size: Size
    steps: int
    cfg: float
    text: Tensor
    device: str = "cpu"
    dtype: str = "float32"

    @property
    def batch(self) -> int:
        return len(self.text)

    @property
    def on(self) -> dict[str, Any]:
        """Device and number type, as torch's `to` takes them."""
        return {"device": self.device, "dtype": getattr(torch, self.dtype)}


def parts(size: Size) -> dict[str, Any]:
    """diffusers' networks with weights drawn from their names."""
    heads = size.width // HEAD
    found = {
        "transformer": StableAudioDiTModel(
            sample_size=size.length, in_channels=size.latent, out_channels=size.latent, num_layers=size.depth,
            attention_head_dim=HEAD, num_attention_heads=heads, num_key_value_attention_heads=heads // 2,
            cross_attention_dim=size.cond, cross_attention_input_dim=size.cond, global_states_input_dim=2 * size.cond,
        ),
        "vae": AutoencoderOobleck(
            encoder_hidden_size=size.channels, downsampling_ratios=[2, 4, 4, 8, 8], channel_multiples=[1, 2, 4, 8, 16],
            decoder_channels=size.channels, decoder_input_channels=size.latent, audio_channels=2, sampling_rate=RATE,
        ),
        "projection_model": StableAudioProjectionModel(
            text_encoder_dim=size.cond, conditioning_dim=size.cond, min_value=0, max_value=512
        ),
    }  # fmt: skip
    for part in found.values():
        part.load_state_dict(seeded.drawn({name: tuple(tensor.shape) for name, tensor in part.state_dict().items()}))
        part.eval().requires_grad_(False)
    return found


class Evalkit:
    """evalkit's own route, as `StableAudioGenerator` takes it once the text is read."""

    def __init__(self, folder: Path, work: Work) -> None:
        self._model: StableAudio = load_model(folder, work.device, work.dtype)
        self._work = work

    @torch.inference_mode()
    def __call__(self, seed: int = 0, **changes: object) -> Tensor:
        work = self._work
        options = {**OPEN_1_0["diffusers"], "steps": work.steps, "cfg": work.cfg, **changes}
        generators = [torch.Generator().manual_seed(seed + index) for index in range(work.batch)]
        told = self._model.describe(work.text.to(work.device), [work.size.seconds] * work.batch)
        return self._model.decode(self._model.sample(told, SamplingOptions(**options), generators))


class Tools:
    """`generate_diffusion_cond` of stable-audio-tools."""

    def __init__(self, folder: Path, work: Work) -> None:
        config = copy.deepcopy(derive_config(folder))
        model: nn.Module = create_model_from_config(config).eval().requires_grad_(False)
        missing, unexpected = model.load_state_dict(read_diffusers(folder), strict=False)
        assert not unexpected and all("inv_freq" in name for name in missing), (missing[:3], unexpected[:3])
        self._model = model.to(**work.on)
        self._work = work

    @torch.no_grad()
    def __call__(self, seed: int = 0, sampler: str = "dpmpp-2m-sde") -> Tensor:
        work = self._work
        text, mask = work.text.to(**work.on), torch.ones(work.batch, work.text.shape[1], device=work.device)
        oracle.Tower.texts = {str(row): (text[row], mask[row]) for row in range(work.batch)}
        asked = [
            {"prompt": str(row), "seconds_start": 0, "seconds_total": work.size.seconds} for row in range(work.batch)
        ]
        made: Tensor = generate_diffusion_cond(
            self._model, steps=work.steps, cfg_scale=work.cfg, conditioning=asked, batch_size=work.batch,
            sample_size=work.size.length * RATIO, seed=seed, device=work.device, sampler_type=sampler, sigma_min=0.3,
            sigma_max=500.0,
        )  # fmt: skip
        return made


class Diffusers:
    """diffusers' StableAudioPipeline."""

    def __init__(self, networks: dict[str, Any], work: Work) -> None:
        scheduler = CosineDPMSolverMultistepScheduler(solver_order=2, sigma_min=0.3, sigma_max=500)
        self._pipeline = StableAudioPipeline(text_encoder=None, tokenizer=None, scheduler=scheduler, **networks)
        self._pipeline.to(**work.on)
        self._pipeline.set_progress_bar_config(disable=True)
        self._work = work

    def __call__(self, seed: int = 0) -> Tensor:
        work = self._work
        made: Tensor = self._pipeline(
            prompt_embeds=work.text.to(**work.on),
            attention_mask=torch.ones(work.batch, work.text.shape[1], dtype=torch.long, device=work.device),
            audio_end_in_s=work.size.seconds,
            num_inference_steps=work.steps,
            guidance_scale=work.cfg,
            generator=[torch.Generator().manual_seed(seed + index) for index in range(work.batch)],
        ).audios
        return made


def same_sound(ours: Evalkit, tools: Tools) -> float:
    """Largest difference over largest value of one prompt's sound without fresh noise, from one seed."""
    mine = ours(seed=7, sampler="dpmpp-2m")[:1]
    theirs = tools(seed=7, sampler="dpmpp-2m")[:1]
    return float((mine - theirs).abs().max() / theirs.abs().max())


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--keep", action="store_true", help="append the figures to reports/bench")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    given = read_arguments(arguments)
    torch.set_num_threads(given.threads)
    size = Size(given.width, given.channels, given.length)
    single = Work(size, given.steps, 7.0, seeded.noise(1, TOKENS, size.cond, seed=1))
    texts = seeded.noise(given.batch, TOKENS, size.cond, seed=1)
    work = Work(size, given.steps, 7.0, texts, given.device, given.dtype)
    networks = parts(size)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, part in networks.items():
            part.save_pretrained(folder / name)
        difference = same_sound(Evalkit(folder, single), Tools(folder, single))
        assert difference < SAME_SOUND, f"another sound: {difference:.1e}"
        sides = {
            "evalkit": Evalkit(folder, work),
            "diffusers": Diffusers(networks, work),
            "stable-audio-tools": Tools(folder, work),
        }
    on_gpu = given.device.startswith("cuda")
    alone = given.threads == 1 and not on_gpu
    seconds = rounds(sides, given.rounds, time.process_time if alone else time.perf_counter)
    row = {
        "date": records.today(),
        "processor": torch.cuda.get_device_name() if on_gpu else records.processor(),
        "dtype": given.dtype,
        "threads": given.threads,
        "width, latents, VAE channels": f"{size.width}, {size.length}, {size.channels}",
        "steps": given.steps,
        "batch": given.batch,
        "rounds": given.rounds,
        "clock": "processor" if alone else "wall",
        **{f"{name} (s)": statistics.median(seconds[name]) for name in NAMES},
        **{f"{name} / evalkit": ratio(seconds, name) for name in NAMES[1:]},
        "same sound": f"{difference:.0e}",
        "versions": records.versions("torch", "diffusers", "stable-audio-tools"),
    }
    print(records.table([row]))
    slower = [name for name in NAMES[1:] if ratio(seconds, name) < AIM]
    print(f"aim: at least {AIM} times as fast as both; {'missed beside ' + ', '.join(slower) if slower else 'met'}")
    if given.keep:
        name, where = ("generate_cuda", "a GPU") if on_gpu else ("generate_cpu", "a CPU")
        print(records.append(name, f"Generating on {where}, beside both libraries", __doc__, row))


if __name__ == "__main__":
    main()
