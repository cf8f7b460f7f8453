"""LAION's own CLAP checkpoints (`630k-audioset-fusion-best.pt` and its sisters), brought to transformers' names.

Source: LAION-AI/CLAP at 1fd4c37, `clap_module/model.py` and `clap_module/htsat.py` (names, sizes),
`clap_module/factory.py` (the state dict is under `state_dict`, its names begin with `module.`). Two
arrangements were published, and the shapes in the file tell which one it is: HTSAT-tiny, with fusion or
without, and HTSAT-base without. The text tower is RoBERTa-base with RoBERTa's epsilon of 1e-5; a folder in
the hub's layout keeps the epsilon that its own config states.

The file has no tokenizer: it comes from a folder of roberta-base (`--weights clap_tokenizer=PATH`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import ClapConfig

from evalkit.checkpoints.clap_folder import Checkpoint
from evalkit.checkpoints.torch_file import read_torch
from evalkit.core.errors import BadCheckpoint
from evalkit.fetch.published import TOKENIZER
from evalkit.fetch.weights import locate
from evalkit.nets.clap import FrontEnd, mel_filters

_TOKENIZER_FOLDER = "roberta-base"

_PLAIN_FRONT = FrontEnd(48000, 1024, 480, 64, 50.0, 14000.0, 480_000, fusion=False)
_FUSION_FRONT = FrontEnd(48000, 1024, 480, 64, 50.0, 14000.0, 480_000, fusion=True)


@dataclass(frozen=True)
class Tower:
    """An audio tower of LAION's: `width` of its first stage and blocks in each of the four."""

    name: str
    width: int
    depths: tuple[int, ...]


TOWERS = (Tower("HTSAT-tiny", 96, (2, 2, 6, 2)), Tower("HTSAT-base", 128, (2, 2, 12, 2)))
_FUSED = ("HTSAT-tiny",)
"""Towers of which a model with fusion was published."""

_HINT = "LAION published HTSAT-tiny with and without fusion, and HTSAT-base without"

# Not weights of the embedding: heads of the tower's first training, layers that only the training loss uses,
# and buffers that follow from the sizes.
_LEFT_OUT = re.compile(
    r"audio_branch\.(tscam_conv|head|spectrogram_extractor|logmel_extractor)\."
    r"|(audio|text)_transform\."
    r"|text_branch\.embeddings\.(position_ids|token_type_ids)$"
    r"|audio_branch\.layers\.\d+\.blocks\.\d+\.(attn_mask|attn\.relative_position_index)$"
)

# The first pattern that fits a name gives its new one.
_RENAMES = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"^audio_branch\.bn0\.", "audio_model.audio_encoder.batch_norm."),
        (r"^audio_branch\.(layers\.\d+\.blocks\.\d+)\.norm1\.", r"audio_model.audio_encoder.\1.layernorm_before."),
        (r"^audio_branch\.(layers\.\d+\.blocks\.\d+)\.norm2\.", r"audio_model.audio_encoder.\1.layernorm_after."),
        (
            r"^audio_branch\.(layers\.\d+\.blocks\.\d+)\.attn\.relative_",
            r"audio_model.audio_encoder.\1.attention.self.relative_",
        ),
        (
            r"^audio_branch\.(layers\.\d+\.blocks\.\d+)\.attn\.proj\.",
            r"audio_model.audio_encoder.\1.attention.output.dense.",
        ),
        (r"^audio_branch\.(layers\.\d+\.blocks\.\d+)\.mlp\.fc1\.", r"audio_model.audio_encoder.\1.intermediate.dense."),
        (r"^audio_branch\.(layers\.\d+\.blocks\.\d+)\.mlp\.fc2\.", r"audio_model.audio_encoder.\1.output.dense."),
        (r"^audio_branch\.", "audio_model.audio_encoder."),
        (r"^text_branch\.", "text_model."),
        (r"^(audio|text)_projection\.0\.", r"\1_projection.linear1."),
        (r"^(audio|text)_projection\.2\.", r"\1_projection.linear2."),
    )
)
_QKV = re.compile(r"^audio_branch\.(layers\.\d+\.blocks\.\d+)\.attn\.qkv\.(weight|bias)$")


def read_laion(path: Path, overrides: Mapping[str, Path]) -> Checkpoint:
    """A LAION checkpoint with the tokenizer that belongs to it.

    Raises MissingWeights where the file or the tokenizer is not there, BadCheckpoint where the file is not
    one of LAION's, mixes a tower with a fusion that it was never published with, or cannot be read safely.
    """
    tensors = {name.removeprefix("module."): tensor for name, tensor in read_torch(path).items()}
    tower = _tower(path, tensors)
    fusion = any(name.startswith("audio_branch.patch_embed.mel_conv2d.") for name in tensors)
    if fusion and tower.name not in _FUSED:
        raise BadCheckpoint(f"{path}: mixes {tower.name} with layers of fusion", _HINT)
    front = _FUSION_FRONT if fusion else _PLAIN_FRONT
    if not fusion:
        check_filters(path, tensors, front, _HINT)
    config = config_of(tower, fusion)
    return Checkpoint(path, path, config, front, dict(to_transformers(tensors)), tokenizer_of(path, overrides))


def read_laion_text(path: Path, overrides: Mapping[str, Path]) -> Checkpoint:
    """The text tower of a LAION checkpoint, whatever its audio tower is: all of them have roberta-base's.

    Raises MissingWeights or BadCheckpoint, as :func:`read_laion` does.
    """
    named = ((name.removeprefix("module."), tensor) for name, tensor in read_torch(path).items())
    tensors = {name: tensor for name, tensor in named if name.startswith("text_branch.")}
    if not tensors:
        raise BadCheckpoint(f"{path}: holds no text_branch of LAION-CLAP", _HINT)
    config = config_of(TOWERS[0], fusion=False)
    return Checkpoint(path, path, config, _PLAIN_FRONT, dict(to_transformers(tensors)), tokenizer_of(path, overrides))


def _tower(path: Path, tensors: Mapping[str, Tensor]) -> Tower:
    first = tensors.get("audio_branch.patch_embed.proj.weight")
    if first is None or first.dim() == 0:
        raise BadCheckpoint(f"{path}: holds no audio_branch of LAION-CLAP's HTSAT", _HINT)
    depths = tower_depths(tensors)
    for tower in TOWERS:
        if (tower.width, tower.depths) == (first.shape[0], depths):
            return tower
    raise BadCheckpoint(f"{path}: an audio tower of width {first.shape[0]} and blocks {depths} is not known", _HINT)


def tower_depths(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Blocks in each of the four stages."""
    return tuple(
        sum(f"audio_branch.layers.{stage}.blocks.{block}.norm1.weight" in tensors for block in range(64))
        for stage in range(4)
    )


def check_filters(path: Path, tensors: Mapping[str, Tensor], front: FrontEnd, hint: str) -> None:
    """A tower without fusion carries its mel filters: they must be the ones that it is going to hear through. Raises
    BadCheckpoint with the `hint` where they are others."""
    stored = tensors.get("audio_branch.logmel_extractor.melW")
    if stored is None:
        return
    expected = mel_filters(front)
    if stored.shape != expected.shape or not torch.allclose(stored.float(), expected, atol=1e-6, rtol=1e-3):
        raise BadCheckpoint(f"{path}: its mel filters are not those of the published models", hint)


def config_of(tower: Tower, fusion: bool) -> ClapConfig:
    """The towers' sizes, which the file does not state."""
    audio = {
        "spec_size": 256,
        "window_size": 8,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "num_mel_bins": 64,
        "patch_embeds_hidden_size": tower.width,
        "hidden_size": tower.width * 8,
        "depths": list(tower.depths),
        "num_attention_heads": [4, 8, 16, 32],
        "enable_fusion": fusion,
        "fusion_type": "aff_2d" if fusion else None,
        "aff_block_r": 4,
    }
    text = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    config = ClapConfig(audio_config=audio, text_config=text, projection_dim=512)
    config._attn_implementation = "eager"
    return config


def to_transformers(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """transformers' names; queries, keys and values, one tensor at LAION's, become three."""
    for name, tensor in tensors.items():
        if _LEFT_OUT.match(name):
            continue
        joint = _QKV.match(name)
        if joint and tensor.dim() and tensor.shape[0] % 3 == 0:
            for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                yield f"audio_model.audio_encoder.{joint[1]}.attention.self.{part}.{joint[2]}", rows
            continue
        yield _rename(name), tensor


def _rename(name: str) -> str:
    for pattern, new in _RENAMES:
        if pattern.match(name):
            return pattern.sub(new, name)
    return name


def tokenizer_of(path: Path, overrides: Mapping[str, Path]) -> Path:
    """The folder of roberta-base: as typed, else beside the checkpoint, else under EVALKIT_HOME/weights."""
    if TOKENIZER not in overrides:
        for folder in (path.parent / _TOKENIZER_FOLDER, path.parent):
            if (folder / "tokenizer.json").is_file() or (folder / "vocab.json").is_file():
                return folder
    return locate(TOKENIZER, overrides)
