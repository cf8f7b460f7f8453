"""Networks of the published sizes with random weights, to measure speed and memory where no weights are at hand.

What they make is noise without meaning. It is marked wherever it goes: by the model's name, by its size "random",
by its weights, and by the protocol of every score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from evalkit.checkpoints.find import weights_name
from evalkit.core.errors import UserError
from evalkit.fetch.weights import MINIS, locate
from evalkit.generators.stable_audio.network import ready
from evalkit.generators.stable_audio.specs import KnownConfig
from evalkit.generators.stable_audio.text_towers import TextTower, load_tower
from evalkit.nets.stable_audio.config import TextConfig, parse
from evalkit.nets.stable_audio.model import StableAudio

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SEED = 0
_T5 = {"t5-small": (512, 6, 8, 2048), "t5-base": (768, 12, 12, 3072), "t5-large": (1024, 24, 16, 4096)}
"""Width, layers, heads and inner width of the T5 encoders (Raffel et al. 2020, table 14)."""

_CLAP_TOKENS = 77
_BYTES_FROM = 3
"""The first ids of both vocabularies are for special tokens."""


def build_random(known: KnownConfig, device: str, dtype: str) -> StableAudio:
    """The network of a config, with the same random weights at every call.

    Raises BadCheckpoint where the config cannot be built.
    """
    config = parse(known.content, str(known.source))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return ready(StableAudio(config), device, dtype)


def random_tower(known: KnownConfig, config: TextConfig, overrides: Mapping[str, Path], device: str) -> TextTower:
    """The text tower that ships or was given by name; else one of the published size with random weights."""
    name = weights_name(known.content)
    if name in MINIS or name in overrides:
        place = locate(name, overrides) if name in MINIS else overrides[name]
        return load_tower(config, place, overrides, device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        if config.kind == "t5":
            return RandomTower(_random_t5(config.weights), config.max_length, device, layer=-1, keep_padding=False)
        if config.kind == "t5gemma":
            return RandomTower(_random_t5gemma(), config.max_length, device, layer=-1, keep_padding=True)
        return RandomTower(_random_clap(), _CLAP_TOKENS, device, layer=-2, keep_padding=True)


class RandomTower:
    """An untrained encoder over the bytes of a prompt; rows at padding are zero unless they are kept."""

    def __init__(self, net: Any, tokens: int, device: str, *, layer: int, keep_padding: bool) -> None:
        self._net = net.eval().to(device)
        self._tokens, self._device, self._layer, self._keep = tokens, device, layer, keep_padding

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """As every :class:`TextTower`."""
        ids = torch.zeros(len(texts), self._tokens, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(texts):
            data = torch.tensor(list(text.encode("utf-8", "replace")[: self._tokens])) + _BYTES_FROM
            ids[row, : len(data)], mask[row, : len(data)] = data, 1
        ids, mask = ids.to(self._device), mask.to(self._device)
        hidden: Tensor = self._net(ids, attention_mask=mask, output_hidden_states=True).hidden_states[self._layer]
        return (hidden if self._keep else hidden * mask[..., None]), mask


def _random_t5(name: str) -> PreTrainedModel:
    from transformers import T5Config, T5EncoderModel

    if name not in _T5:
        known = ", ".join(_T5)
        raise UserError(f"--random-weights: no stand-in for the text tower {name!r}", f"known: {known}")
    width, layers, heads, inner = _T5[name]
    return T5EncoderModel(
        T5Config(d_model=width, num_layers=layers, num_heads=heads, d_ff=inner, d_kv=64, is_encoder_decoder=False)
    )


def _random_t5gemma() -> PreTrainedModel:
    """The encoder of t5gemma-b-b-ul2."""
    from transformers import T5GemmaConfig, T5GemmaEncoderModel, T5GemmaModuleConfig

    heads: dict[str, Any] = {"num_attention_heads": 12, "num_key_value_heads": 12, "head_dim": 64}
    heads["query_pre_attn_scalar"] = 64
    sizes: dict[str, Any] = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12}
    encoder = T5GemmaModuleConfig(**sizes, **heads, vocab_size=256_000)
    config = T5GemmaConfig(encoder=encoder, is_encoder_decoder=False, vocab_size=256_000)
    config._attn_implementation = "eager"
    return T5GemmaEncoderModel(config)


def _random_clap() -> PreTrainedModel:
    """CLAP's text tower has the sizes of roberta-base, which are transformers' defaults for it."""
    from transformers import ClapTextConfig, ClapTextModel

    return ClapTextModel(ClapTextConfig())
