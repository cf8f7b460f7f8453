"""Recipe of stable-audio-3-mini's text tower and diffusion transformer, on the latents of its SAME.

    python -m evalkit.mini.train.stable_audio_3 --data DATA/esc10 --out OUT --vae SAME_OUT --minutes 55

Stable Audio 3's structure, small: adaLN, RMS norms on rows, queries and keys, memory tokens, the local condition of
inpainting (which is zeros here, so that its biases alone are learnt), seconds by given frequencies, and T5Gemma with a
learnt row at padding. The objective is that of the base models, a rectified flow: x_t = (1 - t) x + t n, velocity
n - x (Liu et al. 2022), the text left out of 10 % of the items, a moving average of the weights. There is no T5Gemma of
this size, so the encoder first learns to say what a caption names, and then stands still: latents and texts of a few
thousand windows are made once, and some are replaced as training goes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.random import Generator as Rng
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from evalkit.core.files import write_bytes
from evalkit.core.jsonio import write_json
from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio.generator import CONFIG, WEIGHTS, published_names
from evalkit.mini.recordings.captions import caption
from evalkit.mini.recordings.clap_batches import TEXT_TARGETS, text_targets
from evalkit.mini.recordings.scenes import Recording, load_recordings, random_scene, render
from evalkit.mini.starts import same as start
from evalkit.mini.starts.same import Analysis
from evalkit.mini.starts.tiles import RATE
from evalkit.mini.train import same
from evalkit.mini.train.diffusion import Window
from evalkit.mini.train.loop import Ema, Loop, Options, cosine, descend, read_options, set_rate
from evalkit.nets.stable_audio.conditioning import Condition
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.same import ResamplerConfig

NAME, TOWER = "stable-audio-3-mini", "t5gemma-mini"
TEXT_WIDTH, TOKENS = 64, 40
BATCH, DROPOUT = 16, 0.1
FIRST, POOL, RENEWED = 1024, 8192, 2
PEAK_RATE = 1.2e-3
WORD_STEPS, WORD_BATCH, WORD_RATE = 400, 48, 2e-3

CLEAREST, NOISIEST = 3.5, -5.0
"""log((1 - t) / t) between which half of the times are drawn evenly; the other half are even in t."""


def model_config() -> dict[str, object]:
    """The model's `model_config.json`, with the entries of a published base model."""
    conditioners = [
        {
            "id": "prompt",
            "type": "t5gemma",
            "config": {"max_length": TOKENS, "padding_mode": "learned", "repo_id": NAME, "subfolder": TOWER},
        },
        {
            "id": "seconds_total",
            "type": "number",
            "config": {"min_val": 0, "max_val": 8, "fourier_features_type": "expo"},
        },
    ]
    return {
        "model_type": "diffusion_cond_inpaint",
        "sample_size": same.WINDOW,
        "sample_rate": RATE,
        "audio_channels": 1,
        "model": {
            "pretransform": {"type": "autoencoder", "config": autoencoder_block()},
            "conditioning": {"configs": conditioners, "cond_dim": TEXT_WIDTH},
            "diffusion": diffusion_block(),
            "io_channels": start.CONFIG.latent,
        },
    }


def autoencoder_block() -> dict[str, object]:
    """The block `model.pretransform.config`."""
    sizes = start.CONFIG
    patches, latent = sizes.patch_channels, sizes.latent
    return {
        "pretransform": {"type": "patched", "config": {"channels": sizes.io_channels, "patch_size": sizes.patch}},
        "encoder": {"type": "same", "config": {"in_channels": patches, "latent_dim": latent, **_half(sizes.encoder)}},
        "decoder": {"type": "same", "config": {"out_channels": patches, "latent_dim": latent, **_half(sizes.decoder)}},
        "bottleneck": {"type": "softnorm", "config": {"dim": latent, "auto_scale": True, "freeze": True}},
        "latent_dim": latent,
        "downsampling_ratio": sizes.ratio,
        "io_channels": sizes.io_channels,
    }


def _half(sizes: ResamplerConfig) -> dict[str, object]:
    return {
        "channels": sizes.width,
        "c_mults": [1],
        "strides": [sizes.stride],
        "transformer_depths": [sizes.depth],
        "dim_heads": sizes.head_dim,
        "differential": sizes.differential,
        "variable_stride": sizes.one_token,
        "chunk_size": sizes.chunk,
        "chunk_midpoint_shift": sizes.shifted,
        "ff_mult": sizes.mult,
        "conv_mapping": sizes.kernel > 1,
    }


def diffusion_block() -> dict[str, object]:
    """The block `model.diffusion`."""
    return {
        "type": "dit",
        "diffusion_objective": "rectified_flow",
        "cross_attention_cond_ids": ["prompt", "seconds_total"],
        "global_cond_ids": ["seconds_total"],
        "local_add_cond_ids": ["inpaint_mask", "inpaint_masked_input"],
        "mask_padding_attention": True,
        "use_effective_length_for_schedule": True,
        "config": {
            "io_channels": start.CONFIG.latent,
            "embed_dim": 128,
            "depth": 3,
            "num_heads": 4,
            "cond_token_dim": TEXT_WIDTH,
            "global_cond_dim": TEXT_WIDTH,
            "local_add_cond_dim": start.CONFIG.latent + 1,
            "global_cond_type": "adaLN",
            "timestep_features_type": "expo",
            "timestep_features_dim": 128,
            "norm_type": "rms_norm",
            "norm_kwargs": {"force_fp32": True},
            "attn_kwargs": {"qk_norm": "rms"},
            "num_memory_tokens": 4,
        },
    }


def new_tower(vocabulary: int) -> Any:
    """T5Gemma's encoder before its first step."""
    from transformers import T5GemmaConfig, T5GemmaEncoderModel, T5GemmaModuleConfig

    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 32}
    sizes: dict[str, Any] = {"hidden_size": TEXT_WIDTH, "intermediate_size": TEXT_WIDTH, "num_hidden_layers": 2}
    shared: dict[str, Any] = {"vocab_size": vocabulary, "initializer_range": TEXT_WIDTH**-0.5, "pad_token_id": 1}
    encoder = T5GemmaModuleConfig(**sizes, **heads, **shared, query_pre_attn_scalar=32, max_position_embeddings=256)
    config = T5GemmaConfig(encoder=encoder, is_encoder_decoder=False, **shared)
    config._attn_implementation = "eager"
    return T5GemmaEncoderModel(config)


def load_tokenizer() -> Any:
    """clap-mini's, which knows the words of the captions."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_file=str(locate("clap-mini", {}) / "tokenizer.json"), pad_token="<pad>")


@dataclass(frozen=True)
class Tower:
    """A text encoder with its tokenizer, as `T5GemmaTower` reads with them."""

    encoder: Any
    tokenizer: Any

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(batch, TOKENS, TEXT_WIDTH) of the last layer, and the mask (batch, TOKENS)."""
        words = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt"
        )
        mask: Tensor = words["attention_mask"]
        hidden: Tensor = self.encoder(input_ids=words["input_ids"], attention_mask=mask).last_hidden_state
        return hidden, mask


def learn_words(options: Options, tower: Tower, recordings: Sequence[Recording]) -> None:
    """Train the text encoder to answer TEXT_TARGETS from its mean state; `out/words` has the checkpoint."""
    heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, count) for count in TEXT_TARGETS.values())
    free = [*tower.encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(free, lr=WORD_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    words = replace(options, out=options.out / "words", steps=WORD_STEPS, minutes=None)
    loop = Loop(words, modules={"text": tower.encoder, "heads": heads}, optimizers={"words": optimizer})
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, WORD_RATE * cosine(loop.progress))
        scenes = [random_scene(rng, recordings) for _ in range(WORD_BATCH)]
        answers = torch.tensor([text_targets(scene) for scene in scenes])
        states, mask = tower.read([caption(scene, rng) for scene in scenes])
        mean = torch.where(mask[..., None].bool(), states, 0).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        losses = [F.cross_entropy(head(mean), answers[:, index]) for index, head in enumerate(heads)]
        loss = torch.stack(losses).mean()
        descend(optimizer, loss)
        loop.log(step, {"words": loss.item(), "class": losses[0].item()})
    tower.encoder.eval().requires_grad_(False)


class Source:
    """Makes windows: a scene, what its caption tells, and the latents of its sound."""

    def __init__(self, recordings: Sequence[Recording], analysis: Analysis, tower: Tower) -> None:
        self._recordings, self._analysis, self._tower = recordings, analysis, tower

    @torch.no_grad()
    def draw(self, rng: Rng, count: int) -> list[Window]:
        """`count` windows; the sound begins at 0 and silence follows it to the window's end."""
        scenes = [random_scene(rng, self._recordings) for _ in range(count)]
        latents = self._analysis.latents(same.windows([render(scene, RATE) for scene in scenes])[:, None])
        text, mask = self._tower.read([caption(scene, rng) for scene in scenes])
        seconds = [scene.seconds for scene in scenes]
        return [Window(*of_one) for of_one in zip(latents, text, mask, seconds, strict=True)]

    def pool(self, rng: Rng) -> list[Window]:
        """The first windows, made in small batches."""
        return [window for _ in range(FIRST // BATCH) for window in self.draw(rng, BATCH)]

    def renew(self, pool: list[Window], rng: Rng) -> None:
        """Other windows: more of them, or in a full pool instead of some that are there."""
        fresh = self.draw(rng, RENEWED)
        if len(pool) < POOL:
            pool.extend(fresh)
            return
        for place, window in zip(rng.choice(len(pool), RENEWED, replace=False), fresh, strict=True):
            pool[int(place)] = window


def flow_loss(model: StableAudio, clean: Tensor, told: Condition, rng: Rng) -> Tensor:
    """Mean squared error of the velocity at random times, for latents (batch, channels, length)."""
    batch = clean.shape[0]
    t = torch.from_numpy(random_times(rng, batch)).to(clean)
    noise = torch.randn_like(clean)
    kept = torch.from_numpy(rng.random(batch) >= DROPOUT)[:, None, None]
    nothing = model.backbone.null(told).tokens
    assert told.tokens is not None and nothing is not None
    seen = replace(told, tokens=torch.where(kept, told.tokens, nothing))
    along = t[:, None, None]
    v = model.backbone.velocity((1 - along) * clean + along * noise, t, seen)
    return F.mse_loss(v, noise - clean)


def random_times(rng: Rng, batch: int) -> NDArray[np.float64]:
    """(batch,) times in [0, 1]: half of them uniform, half uniform in log((1 - t) / t), each half stratified."""
    share = (np.arange(batch) // 2 + rng.random(batch)) / -(-batch // 2)
    forming = 1 / (1 + np.exp(NOISIEST + (CLEAREST - NOISIEST) * share))
    return np.asarray(rng.permutation(np.where(np.arange(batch) % 2, forming, share)))


def new_model(vae: nn.Module) -> StableAudio:
    """The model before its first step."""
    model = StableAudio(parse(model_config(), NAME))
    model.vae.load_state_dict(vae.state_dict())
    model.vae.requires_grad_(False)
    model.dit.initialize()
    return model


def train(options: Options) -> None:
    """Train, then write the shipped folder. Run again after its end, with another encoder, it ships that one."""
    assert options.vae is not None
    torch.manual_seed(options.seed)
    recordings = load_recordings(options.data, RATE, (1, 2, 3))
    vae, analysis = same.load(options.vae)
    tokenizer = load_tokenizer()
    tower = Tower(new_tower(len(tokenizer)), tokenizer)
    learn_words(options, tower, recordings)
    model = new_model(vae)
    ema = Ema(model, decay=0.998)
    _optimize(options, model, ema, Source(recordings, analysis, tower))
    ship(options.out / "shipped", ema.module, tower)


def _optimize(options: Options, model: StableAudio, ema: Ema[StableAudio], source: Source) -> None:
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(free, lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-2)
    modules: dict[str, nn.Module] = {
        "backbone": model.backbone,
        "conditioners": model.conditioners,
        "ema_backbone": ema.module.backbone,
        "ema_conditioners": ema.module.conditioners,
    }
    loop = Loop(options, modules=modules, optimizers={"backbone": optimizer})
    pool = source.pool(np.random.default_rng([options.seed, 2])) if loop.progress < 1 else []
    for step in loop:
        rng = loop.rng(step)
        set_rate(optimizer, PEAK_RATE * cosine(loop.progress))
        source.renew(pool, rng)
        chosen = [pool[index] for index in rng.choice(len(pool), BATCH, replace=False)]
        clean = torch.stack([window.latents for window in chosen])
        text, mask = (torch.stack([getattr(window, name) for window in chosen]) for name in ("text", "mask"))
        loss = flow_loss(model, clean, model.describe(text, [window.seconds for window in chosen], mask), rng)
        norm = descend(optimizer, loss)
        ema.update(model, step)
        loop.log(step, {"velocity": loss.item(), "gradient_norm": norm})


def ship(folder: Path, model: StableAudio, tower: Tower) -> None:
    """Write `folder/model.safetensors` (fp16, names as published), `model_config.json`, and the tower's folder."""
    tensors = {name: value.half().cpu().contiguous() for name, value in published_names(model.state_dict()).items()}
    (folder / TOWER).mkdir(parents=True, exist_ok=True)
    write_bytes(folder / WEIGHTS, safetensors.torch.save(tensors, {"format": "pt"}))
    write_json(folder / CONFIG, model_config())
    tower.encoder.half().save_pretrained(folder / TOWER)
    tower.encoder.float()
    shutil.copy(locate("clap-mini", {}) / "tokenizer.json", folder / TOWER / "tokenizer.json")
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "model_max_length": 256}
    write_bytes(folder / TOWER / "tokenizer_config.json", (json.dumps(told, indent=2) + "\n").encode())


def main() -> None:
    train(read_options(__doc__ or "", steps=20000, needs_vae=True))


if __name__ == "__main__":
    main()
