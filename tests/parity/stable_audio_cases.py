"""What is asked of both sides of Stable Audio's parity: the inputs, the options, and evalkit's answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import stable_audio_seeded as seeded
import torch
from torch import Tensor

from evalkit.generators.stable_audio.network import published_names
from evalkit.nets.stable_audio.conditioning import Condition
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.guidance import Guidance
from evalkit.nets.stable_audio.model import StableAudio
from evalkit.nets.stable_audio.oobleck import fold_weight_norm
from evalkit.nets.stable_audio.settings import SamplingOptions

CFG, SIGMAS = 6.0, (0.3, 500.0)
SEEDS = (11, 12)
WORDS, NEGATIVE_WORDS = (5, 9), (7, 3)
"""Tokens of each prompt that are words; the rest is padding."""

AUDIO_STEP = 5
"""Of the decoded sound every fifth sample is kept in the golden file."""


@dataclass(frozen=True)
class Chain:
    """A whole run of a sampler, from noise to sound."""

    sampler: str
    steps: int

    @property
    def label(self) -> str:
        return f"{self.sampler}, {self.steps} steps"


V_CHAINS = Chain("dpmpp-2m", 8), Chain("dpmpp-3m-sde", 8)
PUBLISHED_CHAINS = Chain("dpmpp-2m", 100), Chain("dpmpp-3m-sde", 100)
FLOW_CHAINS = tuple(Chain(sampler, 8) for sampler in ("euler", "rk4", "dpmpp", "pingpong"))


@dataclass(frozen=True)
class Case:
    """One layout's inputs. `seconds` are out of the conditioner's range for the second item."""

    name: str
    seconds: tuple[float, float]
    text: Tensor
    mask: Tensor
    negative: Tensor
    negative_mask: Tensor
    audio: Tensor
    posterior_noise: Tensor
    latents: Tensor
    times: Tensor
    guided_time: Tensor


def case(name: str) -> Case:
    """The inputs of a layout, drawn from seeds."""
    config = parse(seeded.layout(name), name)
    tokens, width = config.text.max_length, config.text.projected_from or config.width
    latents, length = config.latent_channels, config.latent_length
    (text, mask), (negative, negative_mask) = (
        _text(words, tokens, width, keep=config.text.kind == "clap_text", seed=seed)
        for words, seed in ((WORDS, 1), (NEGATIVE_WORDS, 2))
    )
    return Case(
        name=name,
        seconds=(3.0, 600.0) if name in ("stable-audio-1", "features") else (3.7, 700.5),
        text=text,
        mask=mask,
        negative=negative,
        negative_mask=negative_mask,
        audio=0.3 * seeded.noise(2, 2, config.sample_size, seed=3),
        posterior_noise=seeded.noise(2, latents, length, seed=4),
        latents=seeded.noise(2, latents, length, seed=5),
        times=torch.tensor([0.2, 0.9]),
        guided_time=torch.tensor(0.7),
    )


def _text(words: tuple[int, int], tokens: int, width: int, *, keep: bool, seed: int) -> tuple[Tensor, Tensor]:
    """(2, tokens, width) and its mask; CLAP's padding is kept as it comes, T5's is zero."""
    mask = (torch.arange(tokens) < torch.tensor(words)[:, None]).float()
    text = seeded.noise(2, tokens, width, seed=seed)
    return (text if keep else text * mask[..., None]), mask


def model(name: str, dtype: torch.dtype = torch.float32) -> StableAudio:
    """evalkit's network of a layout with the seeded weights, ready to sample."""
    network = StableAudio(parse(seeded.layout(name), name))
    shapes = {key: tuple(tensor.shape) for key, tensor in published_names(network.state_dict()).items()}
    weights = seeded.drawn(shapes)
    own = {key: weights[published] for key, published in zip(network.state_dict(), shapes, strict=True)}
    network.load_state_dict(own)
    fold_weight_norm(network)
    return network.eval().to(dtype)


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


def item_noises(network: StableAudio) -> Iterator[Tensor]:
    """What evalkit draws for each step, item by item from its own generator."""
    shape = (network.config.latent_channels, network.config.latent_length)
    drawing = generators()
    while True:
        yield torch.stack([torch.randn(shape, generator=one) for one in drawing])


def rescale(network: StableAudio) -> float:
    """phi of the guidance: the U-Net's wrapper has 0.4, the DiT's none."""
    return 0.4 if hasattr(network.backbone, "fixed_embedding") else 0.0


def options(network: StableAudio, chain: Chain) -> SamplingOptions:
    low, high = SIGMAS
    return SamplingOptions(chain.steps, CFG, chain.sampler, low, high, eta=0.0, cfg_rescale=rescale(network))


def chains(name: str) -> tuple[Chain, ...]:
    """What a layout is sampled with; Open 1.0 also with as many steps as its card has."""
    if name in ("stable-audio-open-small", "adaln"):
        return FLOW_CHAINS
    return (*V_CHAINS, *PUBLISHED_CHAINS) if name == "stable-audio" else V_CHAINS


@torch.no_grad()
def answers(name: str, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """evalkit's numbers for a layout, under the names that the golden file has."""
    given, network = case(name), model(name, dtype)
    x, t = given.latents.to(dtype), given.times.to(dtype)
    told = network.describe(given.text.to(dtype), given.seconds, given.mask)
    against = network.describe(given.negative.to(dtype), given.seconds, given.negative_mask)
    scale, guidance = network.config.latent_scale, Guidance(CFG, rescale(network))
    found = {
        "encoded": network.vae.encode(given.audio.to(dtype), given.posterior_noise.to(dtype)) / scale,
        "decoded": network.decode(x, chunk=4),
        **_parts(told),
        "velocity": network.backbone.velocity(x, t, told),
        "guided": network.guided_velocity(told, guidance)(x, given.guided_time),
        "guided_by_a_negative": network.guided_velocity(told, guidance, against)(x, given.guided_time),
    }
    for chain in chains(name):
        latents = network.sample(told, options(network, chain), generators())
        found |= {f"latents/{chain.label}": latents, f"audio/{chain.label}": network.decode(latents)}
    return found


def _parts(condition: Condition) -> dict[str, Tensor]:
    """What the network is told, without what this layout has not."""
    parts = {"tokens": condition.tokens, "prepended": condition.prepended, "vector": condition.vector}
    return {name: part for name, part in parts.items() if part is not None}


def kept(answer: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the golden file keeps: sounds thinned out."""
    thin = ("decoded", "audio/")
    return {name: value[..., ::AUDIO_STEP] if name.startswith(thin) else value for name, value in answer.items()}
