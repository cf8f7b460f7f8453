"""What is asked of both sides of Stable Audio 3's parity, and evalkit's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import stable_audio_3_seeded as seeded
import torch
from torch import Tensor

from evalkit.generators.stable_audio.network import published_names
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.guidance import Guidance
from evalkit.nets.stable_audio.lengths import room
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.oobleck import fold_weight_norm
from evalkit.nets.stable_audio.settings import SamplingOptions

TOKENS, LATENT, LENGTH = 9, 6, 11
WORDS = (5, 0)
"""Of the two prompts; the second is empty."""

VALID = (11, 7)
"""Latents that are no padding, where some are."""

SECONDS = (3.7, 400.0)
"""The second is out of the conditioner's range."""

LENGTHS = (3.6, 1.6)
"""Seconds of two sounds of a batch; both of as many latents in the one package as in the other."""

SEEDS = (11, 12)
CFG = 7.0
GUIDED_AT = 0.7
GUIDANCE = {
    "guided": Guidance(CFG, apg=1.0),
    "plain": Guidance(CFG),
    "half": Guidance(CFG, apg=0.5),
    "not": Guidance(CFG, apg=1.0),
    "limited": Guidance(CFG, most=0.5),
    "limited and projected": Guidance(CFG, 0.4, apg=1.0, most=0.5),
    "within": Guidance(CFG, apg=1.0, low=0.2, high=0.7),
    "above": Guidance(CFG, apg=1.0, low=0.0, high=0.69),
    "below": Guidance(CFG, apg=1.0, low=0.71),
}
"""One step of each; "not" has a negative prompt. The level of the step is an end of `within`."""

AUDIO_STEP = 397
"""Of the decoded sound every so-manieth sample is kept in the golden file."""


@dataclass(frozen=True)
class Chain:
    """A whole sampling: its name, objective, sampler, steps, guidance and share of projected guidance."""

    name: str
    objective: str
    sampler: str
    steps: int
    cfg: float
    apg: float = 1.0

    @property
    def options(self) -> SamplingOptions:
        apg = 0.0 if self.cfg == 1 else self.apg
        return SamplingOptions(self.steps, self.cfg, self.sampler, apg=apg, sigma_max=1.0, schedule="0.0.20")


CHAINS = (
    Chain("distilled", "rf_denoiser", "pingpong", 8, 1.0),
    Chain("base", "rectified_flow", "euler", 16, CFG),
    Chain("base without projection", "rectified_flow", "euler", 6, CFG, apg=0.0),
)
FROM_SOUND = 0.7
"""The noise level at which a distilled model starts from a sound."""


def text() -> tuple[Tensor, Tensor]:
    """(2, tokens, 768) of a tower, whose padding is rubbish, and the mask."""
    mask = (torch.arange(TOKENS) < torch.tensor(WORDS)[:, None]).long()
    found = seeded.seeded.noise(2, TOKENS, 768, seed=1)
    found[1, -1] = torch.nan
    return found, mask


PROMPTS = ("word1 word2 word3", "", " ".join(f"word{index}" for index in range(20)), "word7")
"""Some words, none, more than fit, one."""


def tower(folder: Path) -> Path:
    """A small T5Gemma with its tokenizer, filled from a seed by its tensors' names, large enough for its soft cap."""
    from evalkit_checkpoints import small_t5gemma
    from safetensors.torch import load_file, save_file

    file = small_t5gemma(folder) / "model.safetensors"
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(file).items()}
    weights = seeded.seeded.drawn(shapes)
    sharp = {name: 40 * tensor if "q_proj" in name else tensor for name, tensor in weights.items()}
    save_file(sharp, file, metadata={"format": "pt"})
    return folder


def padding() -> Tensor:
    """The learnt row at padding, (768)."""
    return seeded.seeded.noise(768, seed=9)


def latents() -> Tensor:
    return seeded.seeded.noise(2, LATENT, LENGTH, seed=5)


def times() -> Tensor:
    return torch.tensor([0.2, 0.95])


def kept() -> tuple[Tensor, Tensor]:
    """Which latents are kept in inpainting, (2, 1, length), and what they are."""
    mask = (torch.arange(LENGTH) < torch.tensor([4, 9])[:, None]).float()[:, None]
    return mask, seeded.seeded.noise(2, LATENT, LENGTH, seed=6) * mask


def begun_for_all(size: str) -> Tensor:
    """A sound to start from, (2, samples), as long as the longer of the two is made."""
    config = parse(seeded.small(size), size)
    samples = room(config, max(LENGTHS)).drawn * config.autoencoder.ratio
    return 0.3 * seeded.seeded.noise(2, samples, seed=7)


def model(size: str, objective: str = "rf_denoiser") -> StableAudio:
    """evalkit's network with the seeded weights, ready to sample."""
    network = StableAudio(parse(seeded.small(size, objective), size))
    shapes = {key: tuple(tensor.shape) for key, tensor in published_names(network.state_dict()).items()}
    weights = seeded.drawn(shapes)
    network.load_state_dict({key: weights[name] for key, name in zip(network.state_dict(), shapes, strict=True)})
    fold_weight_norm(network)
    return network.eval().requires_grad_(False)


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


@torch.no_grad()
def forward(size: str) -> dict[str, Tensor]:
    """The network's answers at one step."""
    network = model(size, "rectified_flow")
    words, mask = text()
    told = network.describe(words, SECONDS, mask)
    x, t = latents(), times()
    keep, what = kept()
    local = torch.cat([keep, what], dim=1).transpose(1, 2)
    found = {
        "tokens": told.tokens,
        "vector": told.vector,
        "velocity": network.backbone.velocity(x, t, told),
        "inpainting": network.backbone.velocity(x, t, replace(told, local=local)),
        "padded": torch.cat(
            [
                torch.nn.functional.pad(
                    network.backbone.velocity(x[row : row + 1, :, :valid], t[row : row + 1], told.rows([row])),
                    (0, LENGTH - valid),
                )
                for row, valid in enumerate(VALID)
            ]
        ),
    }
    against = network.describe(words.flip(0).nan_to_num(), SECONDS)
    for name, guidance in GUIDANCE.items():
        velocity = network.guided_velocity(told, guidance, against if name == "not" else None, LENGTH)
        found[f"guided/{name}"] = velocity(x, torch.tensor(GUIDED_AT))
    return {name: value for name, value in found.items() if value is not None}


@torch.no_grad()
def sampled(size: str) -> Mapping[str, list[Tensor]]:
    """Latents of every chain, for both sounds of a batch, and of a distilled model that starts from a sound."""
    words, mask = text()
    found = {}
    for chain in CHAINS:
        network = model(size, chain.objective)
        told = network.describe(words, LENGTHS, mask)
        found[chain.name] = network.sample_each(told, LENGTHS, chain.options, generators())
        if chain.name == "distilled":
            options = SamplingOptions(8, 1.0, "pingpong", init_noise_level=FROM_SOUND, schedule="0.0.20")
            init = begun_for_all(size)
            found["from a sound"] = network.sample_each(told, LENGTHS, options, generators(), init=init)
    return found
