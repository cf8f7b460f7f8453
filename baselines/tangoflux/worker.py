"""TangoFlux by the authors' package, as an evalkit worker (evalkit/generators/worker/harness.py has the protocol).

The network and its sampling are those of tangoflux 0.1.0 (`TangoFlux.inference_flow`), its autoencoder diffusers'
AutoencoderOobleck, as the package decodes. The published files are safetensors: no pickle is read. This file runs in
an environment without evalkit.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import sys
import time
import types
from pathlib import Path
from typing import Any

MOST_STEPS = 1000
OPTIONS = {"steps": 50, "cfg": 4.5}
ABSENT = ("datasets",)
"""What tangoflux imports at its start and text-to-sound does not use: its training's data sets."""

TIED = {"text_encoder.encoder.embed_tokens.weight"}
"""What the published file leaves out, as it is another tensor's."""


class BadRequest(Exception):
    """An option that this model does not have; the harness tells it by this name."""


class Nothing(types.ModuleType):
    """Stands for an absent package; whatever is imported from it does nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)  # libraries look for some of them by theirs

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class TangoFluxWorker:
    """`tangoflux`: the whole window is made of each item by itself, from its own seed, and cut."""

    def load(self, device: str, dtype: str, weights: dict[str, str]) -> None:
        """`weights`: "tangoflux" is the folder of the published files, "flan-t5-large" that of the tokenizer."""
        if dtype != "float32":
            raise ValueError(f"the authors' package computes in float32 alone, not in {dtype}")
        for name in ABSENT:
            if name not in sys.modules and importlib.util.find_spec(name) is None:
                sys.modules[name] = Nothing(name)
        folder, words = Path(weights["tangoflux"]), Path(weights["flan-t5-large"])
        for file in (folder / "config.json", folder / "tangoflux.safetensors", folder / "vae.safetensors"):
            if not file.is_file():
                raise FileNotFoundError(f"{file}: no such file")
        import torch
        from tangoflux import model as package

        self.device = torch.device(device)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        read_text_encoder(package, words)
        network = package.TangoFlux({**config, "text_encoder_name": str(words)})
        fill(network, folder / "tangoflux.safetensors", TIED)
        self.model = network.eval().to(self.device)
        self.vae = read_vae(folder / "vae.safetensors").eval().to(self.device)
        self.rate = int(self.vae.config.sampling_rate)

    def generate(
        self, prompts: list[str], seconds: list[float], seeds: list[int], options: dict[str, Any]
    ) -> tuple[list[Any], int, dict[str, float]]:
        """float32 (2, samples) each, Hz, and the seconds of text, sampling and decoding."""
        chosen = read_options(options)
        timings = {"text": 0.0, "sample": 0.0, "decode": 0.0}
        items = zip(prompts, seconds, seeds)  # noqa: B905 - Python 3.9, which the harness may meet
        return [self.one(*item, chosen, timings) for item in items], self.rate, timings

    def one(self, prompt: str, seconds: float, seed: int, options: dict[str, Any], timings: dict[str, float]) -> Any:
        """One sound, float32 (2, samples). The package draws its noise on the CPU, from torch's own generator."""
        import torch

        most, tokens = self.model.tokenizer.model_max_length, len(self.model.tokenizer(prompt).input_ids)
        if tokens > most:
            raise ValueError(f"the prompt has {tokens} tokens, and the model reads {most}")
        clock = [time.perf_counter()]
        first = self.model.transformer.register_forward_pre_hook(lambda *_: self.tick(clock, 2))
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                latents = self.model.inference_flow(
                    prompt,
                    duration=torch.tensor([float(seconds)], device=self.device),
                    num_inference_steps=options["steps"],
                    guidance_scale=float(options["cfg"]),
                    disable_progress=True,
                )
                self.tick(clock, 3)
                with torch.backends.mkldnn.flags(enabled=False):  # which in torch 2.4 is slow at what decodes on a CPU
                    sound = self.vae.decode(latents.transpose(2, 1)).sample[0].float().cpu()
        finally:
            first.remove()
        self.tick(clock, 4)
        for part, begun, ended in zip(timings, clock, clock[1:]):  # noqa: B905
            timings[part] += ended - begun
        return sound[:, : round(seconds * self.rate)].contiguous().numpy()

    def tick(self, clock: list[float], most: int) -> None:
        """Note the time once the device has done what it was told, where fewer than `most` are noted."""
        import torch

        if len(clock) >= most:
            return
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        clock.append(time.perf_counter())


def read_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options with the authors' values where nothing was said. Raises BadRequest with all that is wrong."""
    wrong = ["no option is called " + name for name in sorted(set(options) - set(OPTIONS))]
    chosen = {**OPTIONS, **options}
    steps, cfg = chosen["steps"], chosen["cfg"]
    if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MOST_STEPS:
        wrong.append(f"steps is a whole number from 1 to {MOST_STEPS}, not {steps!r}")
    if not isinstance(cfg, (int, float)) or isinstance(cfg, bool) or not 1 < cfg < 1000:
        wrong.append(f"cfg is a number above 1 (the package cannot sample without guidance), not {cfg!r}")
    if wrong:
        raise BadRequest("; ".join(wrong))
    return chosen


def fill(network: Any, file: Path, absent: set[str]) -> None:
    """A network's tensors from a file, all of them but for those that may be `absent`."""
    from safetensors.torch import load_file

    missing, unexpected = network.load_state_dict(load_file(str(file)), strict=False)
    for told, names in (("lacks", sorted(set(missing) - absent)), ("has unknown", sorted(unexpected))):
        if names:
            raise ValueError(f"{file}: {told} tensors: {len(names)}, the first {names[0]}")


def read_text_encoder(package: Any, folder: Path) -> None:
    """Let the package, which asks the hub for Flan-T5, make it by this folder's config: its file has the weights."""
    from transformers import T5Config, T5EncoderModel

    def encoder(name: str) -> Any:
        return T5EncoderModel(T5Config.from_pretrained(str(folder), local_files_only=True))

    package.T5EncoderModel = types.SimpleNamespace(from_pretrained=encoder)


def read_vae(file: Path) -> Any:
    """The autoencoder, in the sizes that its tensors have; those of the published file are diffusers' own."""
    from diffusers import AutoencoderOobleck
    from safetensors import safe_open

    with safe_open(str(file), "pt") as tensors:
        shapes = {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    downs = []
    while f"encoder.block.{len(downs)}.conv1.weight_v" in shapes:
        downs.append(shapes[f"encoder.block.{len(downs)}.conv1.weight_v"])
    width = shapes["encoder.conv1.weight_v"][0]
    vae = AutoencoderOobleck(
        encoder_hidden_size=width,
        downsampling_ratios=[shape[2] // 2 for shape in downs],
        channel_multiples=[shape[0] // width for shape in downs],
        decoder_channels=shapes["decoder.conv2.weight_v"][1],
        decoder_input_channels=shapes["decoder.conv1.weight_v"][1],
        audio_channels=shapes["encoder.conv1.weight_v"][1],
    )
    fill(vae, file, set())
    return vae


def build(name: str) -> TangoFluxWorker:
    """What the harness calls."""
    return TangoFluxWorker()
