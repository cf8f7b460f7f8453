"""AudioGen by audiocraft's own package, as an evalkit worker (evalkit/generators/worker/harness.py has the protocol).

evalkit hands over the two published files as safetensors and JSON: nothing is unpickled here. The networks are those of
audiocraft 1.3.0's builders, from the file's own config; the sampling is its `AudioGen`. This file runs in an
environment without evalkit.
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

STRIDE = 2.0
"""Seconds by which the window moves on: `AudioGen.set_generation_params`."""

OPTIONS = {"top_k": 250, "temperature": 1.0, "cfg": 3.0}
ABSENT = ("av", "spacy")
"""What audiocraft imports at its start and text-to-sound does not use: video, and the tagging of words. av 11.0.0,
which it pins, would have to be compiled against ffmpeg."""


class BadRequest(Exception):
    """An option that this model does not have; the harness tells it by this name."""


class Nothing(types.ModuleType):
    """Stands for an absent package; using it says so."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)  # transformers looks for some of them by theirs

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.__name__} is not in this environment ({name})")


class AudioGenWorker:
    """`audiogen-medium-audiocraft`: seeds per item, so each item is sampled alone."""

    def load(self, device: str, dtype: str, weights: dict[str, str]) -> None:
        """`weights`: "audiogen-medium" is the folder of evalkit's copy, "t5-large" that of the hub's repository."""
        only = "float32" if device == "cpu" else "float16"
        if dtype != only:
            raise ValueError(f"audiocraft computes the language model in {only} on {device}, not in {dtype}")
        for name in ABSENT:
            if name not in sys.modules and importlib.util.find_spec(name) is None:
                sys.modules[name] = Nothing(name)
        from audiocraft.models import AudioGen, builders
        from audiocraft.modules import conditioners, transformer

        transformer.set_efficient_attention_backend("torch")
        read_text_encoder(conditioners, Path(weights["t5-large"]))
        folder = Path(weights["audiogen-medium"])
        codec = build_network(folder, "compression_state_dict", builders.get_compression_model, device, "float32")
        lm = build_network(folder, "state_dict", builders.get_lm_model, device, dtype)
        self.model = AudioGen("audiogen-medium", codec, lm)

    def generate(
        self, prompts: list[str], seconds: list[float], seeds: list[int], options: dict[str, Any]
    ) -> tuple[list[Any], int, dict[str, float]]:
        """float32 (1, samples) each, Hz, and the seconds of sampling and decoding."""
        chosen = read_options(options)
        timings = {"sample": 0.0, "decode": 0.0}
        items = zip(prompts, seconds, seeds)  # noqa: B905 - Python 3.9, which audiocraft was made for
        sounds = [self.one(*item, chosen, timings) for item in items]
        return sounds, self.model.sample_rate, timings

    def one(self, prompt: str, seconds: float, seed: int, options: dict[str, Any], timings: dict[str, float]) -> Any:
        """One sound. Whole frames are made, at least as many as are needed, and cut."""
        import torch

        samples = round(seconds * self.model.sample_rate)
        frames = -(-samples * int(self.model.frame_rate) // self.model.sample_rate)
        self.model.set_generation_params(
            top_k=min(int(options["top_k"]), self.model.lm.card),
            temperature=float(options["temperature"]),
            cfg_coef=float(options["cfg"]),
            duration=(frames + 0.5) / self.model.frame_rate,
            extend_stride=STRIDE,
        )
        torch.manual_seed(seed)
        started = time.perf_counter()
        attributes, _ = self.model._prepare_tokens_and_attributes([prompt], None)
        with torch.no_grad():
            tokens = self.model._generate_tokens(attributes, None)
        if tokens.is_cuda:
            torch.cuda.synchronize()
        sampled = time.perf_counter()
        sound = self.model.generate_audio(tokens)[0, :, :samples].float().cpu().contiguous().numpy()
        timings["sample"] += sampled - started
        timings["decode"] += time.perf_counter() - sampled
        return sound


def read_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options with audiocraft's values where nothing was said. Raises BadRequest with all that is wrong."""
    wrong = ["no option is called " + name for name in sorted(set(options) - set(OPTIONS))]
    chosen = {**OPTIONS, **options}
    for name in OPTIONS:
        value = chosen[name]
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
            wrong.append(f"{name} is a number from 0, not {value!r}")
        elif name == "top_k" and value != int(value):
            wrong.append(f"top_k is a whole number, not {value!r}")
    if wrong:
        raise BadRequest("; ".join(wrong))
    return chosen


def build_network(folder: Path, stem: str, builder: Any, device: str, dtype: str) -> Any:
    """A network of audiocraft's from its copy: the config as it was exported, but for where and how it is to run."""
    from omegaconf import OmegaConf
    from safetensors.torch import load_file

    config = OmegaConf.create(json.loads((folder / (stem + ".json")).read_text(encoding="utf-8")))
    config.device, config.dtype = device, dtype
    network = builder(config)
    network.load_state_dict(load_file(str(folder / (stem + ".safetensors")), device=device))
    network.eval()
    network.cfg = config
    return network


def read_text_encoder(conditioners: Any, folder: Path) -> None:
    """Let audiocraft find T5, which it asks the hub for by name, in this folder."""
    from transformers import PreTrainedTokenizerFast, T5EncoderModel, T5Tokenizer

    def tokenizer(name: str) -> Any:
        told = folder / "tokenizer.json"
        if not told.is_file():
            return T5Tokenizer.from_pretrained(str(folder), local_files_only=True)
        words = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
        inputs = ["input_ids", "attention_mask"]
        return PreTrainedTokenizerFast(tokenizer_file=str(told), model_input_names=inputs, **words)

    def encoder(name: str) -> Any:
        return T5EncoderModel.from_pretrained(str(folder), use_safetensors=True, local_files_only=True)

    width = json.loads((folder / "config.json").read_text(encoding="utf-8"))["d_model"]
    conditioners.T5Conditioner.MODELS_DIMS = dict.fromkeys(conditioners.T5Conditioner.MODELS, width)
    conditioners.T5Tokenizer = types.SimpleNamespace(from_pretrained=tokenizer)
    conditioners.T5EncoderModel = types.SimpleNamespace(from_pretrained=encoder)


def build(name: str) -> AudioGenWorker:
    """What the harness calls."""
    return AudioGenWorker()
