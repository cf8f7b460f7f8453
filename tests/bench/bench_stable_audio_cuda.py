"""Stable Audio at full size on a CUDA GPU, with random weights: seconds a prompt, decoding, and peak memory.

    PYTHONPATH=. python tests/bench/bench_stable_audio_cuda.py --keep
    PYTHONPATH=. python tests/bench/bench_stable_audio_cuda.py --device cpu --reduced        # to try the script

Each model is built from its shipped config with random weights in bfloat16 and samples its whole window under its
`paper` or `card` preset; the text is given as embeddings. Times are device-synchronised medians of `--rounds` after
one that is not counted. The floor beside them is arithmetic: 454 TFLOP for Open 1.0 (100 guided steps of 1,025
tokens) at 790 TFLOP/s are 0.575 s a prompt. What was not run is told as not measured.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bench_records as records
import torch

import evalkit
from evalkit.generators.stable_audio import presets
from evalkit.generators.stable_audio.network import ready
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.settings import SamplingOptions

CONFIGS = Path(evalkit.__file__).parent / "generators" / "stable_audio" / "configs"
MODELS = {
    "stable-audio": (presets.OPEN_1_0["card"], 0.575, "batch of 4: at most 1.2 s a prompt; decode at most 0.015 s"),
    "stable-audio-open-small": (presets.OPEN_SMALL["card"], 0.0017, ""),
    "stable-audio-1": (presets.VERSION_1["paper"], 0.58, ""),
    "stable-audio-2": (presets.VERSION_2["paper"], 4.6, ""),
}
"""Preset, floor in seconds a prompt at 790 TFLOP/s, and what is aimed at."""


def build(name: str, device: str, dtype: str, reduced: bool) -> StableAudio:
    """The network with random weights; `reduced` keeps the structure at a sixteenth of the width."""
    config: dict[str, Any] = json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))
    if reduced:
        config = narrow(config)
    torch.manual_seed(0)
    with torch.device(device):
        network = StableAudio(parse(config, name))
    return ready(network, device, dtype)


def narrow(full: dict[str, Any]) -> dict[str, Any]:
    """The config with a small window and small widths."""
    config = copy.deepcopy(full)
    model, diffusion = config["model"], config["model"]["diffusion"]["config"]
    autoencoder, conditioning = model["pretransform"]["config"], model["conditioning"]
    config["sample_size"] = 16 * autoencoder["downsampling_ratio"]
    encoder, decoder = autoencoder["encoder"]["config"], autoencoder["decoder"]["config"]
    if autoencoder["encoder"]["type"] == "dac":
        encoder["d_model"], decoder["channels"] = 8, 96
        diffusion |= {"channels": 32, "multipliers": [2, 2, 2, 3, 3], "attention_heads": 4}
        diffusion["context_embedding_features"] = 128
    else:
        encoder["channels"] = decoder["channels"] = 8
        heads = 2 if diffusion["num_heads"] == 8 else 4
        overall = 128 * len(model["diffusion"]["global_cond_ids"])
        diffusion |= {"embed_dim": 256, "num_heads": heads, "cond_token_dim": 128, "global_cond_dim": overall}
    conditioning["cond_dim"] = 128
    text = conditioning["configs"][0]["config"]
    text["clap_ckpt_path" if "clap_ckpt_path" in text else "t5_model_name"] = "clap-mini"
    return config


def timed(work: Callable[[], object], device: str, rounds: int) -> float:
    """Median seconds of `rounds` runs after one that is not counted."""
    seconds = []
    for index in range(rounds + 1):
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        if index:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


@torch.inference_mode()
def measure(name: str, given: argparse.Namespace) -> dict[str, object]:
    """One row of the table."""
    preset, floor, aim = MODELS[name]
    network = build(name, given.device, given.dtype, given.reduced)
    changes = {} if given.steps is None else {"steps": given.steps}
    options = SamplingOptions(**{**preset, **changes})
    seconds = network.config.window_seconds
    text = torch.randn(given.batch, network.config.text.max_length, network.config.width, device=given.device)
    told = network.describe(text, [seconds] * given.batch)

    def sample() -> torch.Tensor:
        generators = [torch.Generator().manual_seed(seed) for seed in range(given.batch)]
        return network.sample(told, options, generators)

    if given.device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    latents = sample()
    sampling = timed(sample, given.device, given.rounds)
    decoding = timed(lambda: network.decode(latents, given.chunk), given.device, given.rounds)
    on_gpu = given.device.startswith("cuda")
    return {
        "date": records.today(),
        "model": name + (" (reduced)" if given.reduced else ""),
        "device": torch.cuda.get_device_name() if on_gpu else records.processor(),
        "dtype": given.dtype,
        "window (s)": seconds,
        "steps": options.steps,
        "batch": given.batch,
        "sampling a prompt (s)": sampling / given.batch,
        "decoding a prompt (s)": decoding / given.batch,
        "peak memory (GiB)": torch.cuda.max_memory_allocated() / 2**30 if on_gpu else None,
        "floor at full size (s)": floor,
        "aim": aim,
        "versions": records.versions("torch", "triton"),
    }


def not_measured(name: str) -> dict[str, object]:
    """The row of a model at full size on a GPU, where there is no GPU."""
    preset, floor, aim = MODELS[name]
    row: dict[str, object] = dict.fromkeys(("date", "model", "device", "dtype", "window (s)", "steps", "batch"))
    row |= {"date": records.today(), "model": name, "device": "H100 class", "dtype": "bfloat16"}
    row |= {"steps": preset["steps"], "sampling a prompt (s)": None, "decoding a prompt (s)": None}
    return {**row, "peak memory (GiB)": None, "floor at full size (s)": floor, "aim": aim}


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="instead of the preset's")
    parser.add_argument("--chunk", type=int, default=1024, help="latents that are decoded at once")
    parser.add_argument("--reduced", action="store_true", help="small widths and windows, to try the script")
    parser.add_argument("--keep", action="store_true", help="append the figures to reports/bench")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    given = read_arguments(arguments)
    there = not given.device.startswith("cuda") or torch.cuda.is_available()
    rows = [measure(name, given) if there else not_measured(name) for name in given.models]
    print(records.table(rows))
    if given.keep:
        for row in rows:
            page = records.append("stable_audio_cuda", "Stable Audio at full size on a GPU", __doc__, row)
        print(page)


if __name__ == "__main__":
    main()
