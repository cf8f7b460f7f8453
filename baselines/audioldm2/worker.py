"""AudioLDM2 at 48 kHz by the authors' package, as an evalkit worker (evalkit/generators/worker/harness.py).

evalkit hands over the published `audioldm_48k.pth` as safetensors: nothing is unpickled here. The network, its sizes
and the DDIM steps are those of audioldm2 0.1.0; what its `generate_batch` does besides (a mel spectrogram of silence
through the encoder, ranking by CLAP) is left out. This file runs in an environment without evalkit.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

RATE = 48000
HOP = 8 * 480
"""Samples of one latent: eight frames of the mel spectrogram."""

STEP = 8
"""Latents of one step at the bottom of the U-Net."""

MODEL = "audioldm_48k"
"""The authors' name of the model, and of its file."""

MOST_STEPS = 1000
OPTIONS = {"steps": 200, "cfg": 3.5, "eta": 1.0}
ROBERTA = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
"""What roberta-base's config says other than transformers' defaults; the tokenizer's folder does not hold it."""


class BadRequest(Exception):
    """An option that this model does not have; the harness tells it by this name."""


class AudioLDM2Worker:
    """`audioldm2-48k`: every item is sampled alone, over whole steps of the network's time, and cut."""

    def load(self, device: str, dtype: str, weights: dict[str, str]) -> None:
        """`weights`: "audioldm2-48k" is the folder of evalkit's copy, "clap_tokenizer" that of roberta-base's words."""
        if dtype != "float32":
            raise ValueError(f"the authors' package computes in float32 alone, not in {dtype}")
        import torch

        read_roberta(Path(weights["clap_tokenizer"]))
        from audioldm2.latent_diffusion.models import ddim
        from audioldm2.latent_diffusion.models.ddpm import LatentDiffusion
        from audioldm2.utils import default_audioldm_config
        from safetensors.torch import load_file

        params = default_audioldm_config(MODEL)["model"]["params"]
        for condition in params["cond_stage_config"].values():
            condition["params"]["pretrained_path"] = ""  # a path on the authors' machine; the file has these weights
        self.device, self.ddim = torch.device(device), ddim
        model = LatentDiffusion(**{**params, "device": self.device})
        (found,) = Path(weights["audioldm2-48k"]).glob("*.safetensors")
        model.load_state_dict(load_file(str(found)))
        for stage in model.cond_stage_models:
            stage.unconditional_prob = 0.0  # one prompt of ten would be forgotten, as in training
        self.model = model.eval().to(self.device)

    def generate(
        self, prompts: list[str], seconds: list[float], seeds: list[int], options: dict[str, Any]
    ) -> tuple[list[Any], int, dict[str, float]]:
        """float32 (1, samples) each, Hz, and the seconds of text, sampling and decoding."""
        chosen = read_options(options)
        timings = {"text": 0.0, "sample": 0.0, "decode": 0.0}
        items = zip(prompts, seconds, seeds)  # noqa: B905 - Python 3.9
        return [self.one(*item, chosen, timings) for item in items], RATE, timings

    def one(self, prompt: str, seconds: float, seed: int, options: dict[str, Any], timings: dict[str, float]) -> Any:
        """One sound, float32 (1, samples). All noise is drawn on the CPU from the item's seed."""
        import torch

        samples = round(seconds * RATE)
        latents = STEP * -(-samples // (STEP * HOP))

        model, noise = self.model, torch.Generator().manual_seed(seed)

        def draw(shape: Any, device: Any, repeat: bool = False) -> Any:
            return torch.randn(tuple(shape), generator=noise).to(device)

        self.ddim.noise_like = draw
        clock = [time.perf_counter()]
        with torch.no_grad():
            told, empty = self.read([prompt]), None
            if options["cfg"] != 1:
                empty = {key: stage.get_unconditional_condition(1) for key, stage in self.stages()}
            self.tick(clock)
            model.latent_t_size = latents
            shape = (1, model.channels, latents, model.latent_f_size)
            sampled, _ = model.sample_log(
                cond=told, batch_size=1, ddim=True, ddim_steps=options["steps"], eta=options["eta"],
                x_T=draw(shape, self.device), unconditional_guidance_scale=options["cfg"],
                unconditional_conditioning=empty,
            )  # fmt: skip
            self.tick(clock)
            mel = model.decode_first_stage(sampled)
            sound = model.first_stage_model.vocoder(mel.squeeze(1).permute(0, 2, 1))[0].float().cpu()
        self.tick(clock)
        for part, begun, ended in zip(timings, clock, clock[1:]):  # noqa: B905
            timings[part] += ended - begun
        return sound[:, :samples].contiguous().numpy()

    def read(self, prompts: list[str]) -> dict[str, Any]:
        """The prompts as the network is told them: CLAP's embeddings, (prompts, 1, 512)."""
        return {key: self.model.get_learned_conditioning(prompts, key, False) for key, _ in self.stages()}

    def stages(self) -> list[tuple[str, Any]]:
        """(name, network) of what conditions the model."""
        known = self.model.cond_stage_model_metadata
        return [(key, self.model.cond_stage_models[entry["model_idx"]]) for key, entry in known.items()]

    def tick(self, clock: list[float]) -> None:
        """Note the time once the device has done what it was told."""
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize()
        clock.append(time.perf_counter())


def read_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options with the authors' values where nothing was said. Raises BadRequest with all that is wrong."""
    wrong = ["no option is called " + name for name in sorted(set(options) - set(OPTIONS))]
    chosen = {**OPTIONS, **options}
    steps, cfg, eta = chosen["steps"], chosen["cfg"], chosen["eta"]
    if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MOST_STEPS:
        wrong.append(f"steps is a whole number from 1 to {MOST_STEPS}, not {steps!r}")
    if not isinstance(cfg, (int, float)) or isinstance(cfg, bool) or not cfg >= 1:
        wrong.append(f"cfg is a number from 1, not {cfg!r}")
    if not isinstance(eta, (int, float)) or isinstance(eta, bool) or not 0 <= eta <= 1:
        wrong.append(f"eta is a number from 0 to 1, not {eta!r}")
    if wrong:
        raise BadRequest("; ".join(wrong))
    return chosen


def read_roberta(folder: Path) -> None:
    """Let the package find roberta-base, which it asks the hub for at its very import, in this folder."""
    import transformers

    reader = transformers.RobertaTokenizer.from_pretrained
    here = reader(str(folder), local_files_only=True)
    transformers.RobertaTokenizer.from_pretrained = lambda *asked, **further: here
    told = folder / "config.json"
    sizes = json.loads(told.read_text(encoding="utf-8")) if told.is_file() else ROBERTA
    config = transformers.RobertaConfig(**sizes)
    transformers.RobertaConfig.from_pretrained = lambda *asked, **further: config


def build(name: str) -> AudioLDM2Worker:
    """What the harness calls."""
    return AudioLDM2Worker()
