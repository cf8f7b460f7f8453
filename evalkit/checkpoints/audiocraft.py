"""audiocraft's exports (`state_dict.bin`, `compression_state_dict.bin`) under transformers' names.

Each is a torch file with the tensors as `best_state` and the training config as `xp.cfg`: YAML, or a pickled tree of
omegaconf's classes. Nothing of omegaconf is run: its names are bound to stand-ins that keep what they are given, and
plain values are read out of them. Sizes come from the tensors' shapes; the config is asked for what shapes
do not tell. What audiocraft can do and these networks cannot is refused by name.

Source of the names: audiocraft 1.3.0, `models/lm.py`, `modules/{transformer,seanet,conv,lstm}.py`,
`quantization/core_vq.py`; transformers 5.23, `models/{musicgen,encodec}`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from evalkit.checkpoints.config_file import plain_values
from evalkit.checkpoints.torch_file import plain_tensors, read_content
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.yamlio import parse_yaml

LM_FILE, CODEC_FILE = "state_dict.bin", "compression_state_dict.bin"

_DEEPEST = 40
_TEXT = "condition_provider.conditioners.description.output_proj."
_LAYER = {
    "norm1": "self_attn_layer_norm",
    "norm_cross": "encoder_attn_layer_norm",
    "norm2": "final_layer_norm",
    "linear1": "fc1",
    "linear2": "fc2",
    "self_attn": "self_attn",
    "cross_attention": "encoder_attn",
}


@dataclass(frozen=True)
class Export:
    """One file: its tensors, and its config as plain values ({} where there is none)."""

    path: Path
    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """Tensors under transformers' names, and the sizes of the network that takes them."""

    tensors: Mapping[str, Tensor]
    sizes: Mapping[str, Any]


class _Node:
    """Stands for omegaconf's classes: keeps its state and does nothing."""

    def __init__(self, *_arguments: object) -> None:
        pass


class _Many(dict[Any, Any]):
    """Stands for `collections.defaultdict`."""

    def __init__(self, *_arguments: object) -> None:
        super().__init__()


def _nothing(*_arguments: object) -> None:
    """Stands for the types that omegaconf notes beside its values."""


_OMEGACONF = (
    "dictconfig.DictConfig",
    "listconfig.ListConfig",
    "base.ContainerMetadata",
    "base.Metadata",
    *(f"nodes.{kind}Node" for kind in ("Any", "String", "Integer", "Float", "Boolean", "Path", "Bytes")),
)
_LET_IN: Sequence[tuple[Callable[..., object], str]] = [
    *((_Node, f"omegaconf.{name}") for name in _OMEGACONF),
    (_Many, "collections.defaultdict"),
    (_nothing, "typing.Any"),
    *((_nothing, f"builtins.{name}") for name in ("dict", "list", "int", "float", "str", "bool", "object")),
]


def read_export(path: Path) -> Export:
    """Raises MissingWeights, or BadCheckpoint naming the file where it is no export of audiocraft or asks for code."""
    content = read_content(path, _LET_IN)
    state = content.get("best_state") if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state:
        other = isinstance(content, Mapping) and "pretrained" in content
        raise BadCheckpoint(
            f"{path}: {'names another model instead of holding one' if other else 'is no export of audiocraft'}",
            "it has the tensors as `best_state` and the config as `xp.cfg`",
        )
    assert isinstance(content, Mapping)
    return Export(path, plain_tensors(path, state), _config(path, content.get("xp.cfg")))


def language_model(export: Export) -> Part:
    """The transformer over codes, as MusicgenForCausalLM under `decoder.`, with `enc_to_dec_proj`.

    Raises BadCheckpoint, naming the file, for a model that MusicGen's classes cannot be.
    """
    told = _section(export.config, "transformer_lm")
    found: dict[str, Tensor] = {}
    for name, tensor in export.tensors.items():
        found |= _language_tensors(export.path, name.replace(".mha.", "."), tensor)
    streams = sum(name.startswith("emb.") for name in export.tensors)
    embedding = _tensor(export, "emb.0.weight")
    width = embedding.shape[1]
    layers = {name.split(".")[2] for name in export.tensors if name.startswith("transformer.layers.")}
    delays = _section(_section(export.config, "codebooks_pattern"), "delay").get("delays", list(range(streams)))
    _require(export, delays == list(range(streams)), f"delays of the codebooks {delays}")
    for key, only in (("positional_embedding", "sin"), ("norm_first", True), ("activation", "gelu"), ("kv_repeat", 1)):
        _require(export, told.get(key, only) == only, f"transformer_lm.{key} {told.get(key)!r}")
    sizes = {
        "vocab_size": embedding.shape[0] - 1,
        "hidden_size": width,
        "num_hidden_layers": len(layers),
        "num_attention_heads": _whole(told.get("num_heads"), width // 64),
        "ffn_dim": _tensor(export, "transformer.layers.0.linear1.weight").shape[0],
        "num_codebooks": streams,
        "audio_channels": 1,
        "pad_token_id": embedding.shape[0] - 1,
        "bos_token_id": embedding.shape[0] - 1,
        "dropout": 0.0,
    }
    return Part(found, sizes)


def codec(export: Export) -> Part:
    """The codec, as EncodecModel. Raises BadCheckpoint, naming the file, for one that EnCodec's classes cannot be."""
    told = _section(export.config, "seanet")
    renormalize = _section(export.config, "encodec").get("renormalize", False)
    _require(export, not renormalize, "encodec.renormalize")
    _require(export, "encoder.model.0.conv.conv.weight_g" in export.tensors, "a norm that is not weight_norm")
    tensors = {_codec_name(export.path, name): tensor for name, tensor in export.tensors.items()}
    kernels = [tensor.shape[2] for name, tensor in export.tensors.items() if name.endswith("convtr.convtr.weight_v")]
    blocks = [
        name for name in export.tensors if re.fullmatch(r"decoder\.model\.\d+\.block\.1\.conv\.conv\.weight_v", name)
    ]
    first, last = _convs(export, "encoder")
    inner = _tensor(export, blocks[0]) if blocks else first
    book = _tensor(export, "quantizer.vq.layers.0._codebook.embed")
    streams = sum(name.endswith("_codebook.embed") for name in export.tensors)
    rate = _whole(export.config.get("sample_rate"), 16000)
    ratios = [kernel // 2 for kernel in kernels]
    bits = math.ceil(rate / math.prod(ratios)) * math.ceil(math.log2(book.shape[0])) * streams
    sizes = {
        "sampling_rate": rate,
        "audio_channels": first.shape[1],
        "upsampling_ratios": ratios,
        "target_bandwidths": [bits / 1000],
        "num_filters": first.shape[0],
        "hidden_size": book.shape[1],
        "codebook_size": book.shape[0],
        "codebook_dim": book.shape[1],
        "kernel_size": first.shape[2],
        "last_kernel_size": last.shape[2],
        "residual_kernel_size": inner.shape[2],
        "compress": inner.shape[1] // inner.shape[0],
        "num_residual_layers": len(blocks) // max(len(ratios), 1),
        "dilation_growth_rate": _whole(told.get("dilation_base"), 2),
        "num_lstm_layers": sum("encoder" in name and "lstm.weight_ih" in name for name in export.tensors),
        "use_conv_shortcut": any(".shortcut." in name for name in export.tensors),
        "use_causal_conv": told.get("causal") is True,
        "pad_mode": told["pad_mode"] if told.get("pad_mode") in ("constant", "reflect") else "constant",
        "normalize": False,
    }
    return Part(tensors, sizes)


def _language_tensors(path: Path, name: str, tensor: Tensor) -> dict[str, Tensor]:
    """One of audiocraft's tensors as one or three of transformers'."""
    if name.startswith(_TEXT):
        return {f"enc_to_dec_proj.{name.removeprefix(_TEXT)}": tensor}
    if match := re.fullmatch(r"(emb|linears)\.(\d+)\.weight", name):
        head = "model.decoder.embed_tokens" if match[1] == "emb" else "lm_heads"
        return {f"decoder.{head}.{match[2]}.weight": tensor}
    if match := re.fullmatch(r"out_norm\.(weight|bias)", name):
        return {f"decoder.model.decoder.layer_norm.{match[1]}": tensor}
    match = re.fullmatch(r"transformer\.layers\.(\d+)\.(\w+)\.(.+)", name)
    if match is None or match[2] not in _LAYER:
        raise BadCheckpoint(f"{path}: has a tensor that MusicGen's classes have no place for: {name}")
    head = f"decoder.model.decoder.layers.{match[1]}.{_LAYER[match[2]]}"
    if match[3] == "in_proj_weight":
        parts = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{head}.{letter}_proj.weight": part.clone() for letter, part in parts}
    return {f"{head}.{match[3]}": tensor}


def _codec_name(path: Path, name: str) -> str:
    if match := re.fullmatch(r"quantizer\.vq\.layers\.(\d+)\._codebook\.(\w+)", name):
        return f"quantizer.layers.{match[1]}.codebook.{match[2]}"
    match = re.fullmatch(r"(encoder|decoder)\.model\.(.+)", name)
    if match is None:
        raise BadCheckpoint(f"{path}: has a tensor that EnCodec's classes have no place for: {name}")
    inner = re.sub(r"(conv|convtr)\.\1\.", "conv.", match[2])
    for ours, theirs in (("weight_g", "original0"), ("weight_v", "original1")):
        inner = inner.replace(ours, f"parametrizations.weight.{theirs}")
    return f"{match[1]}.layers.{inner}"


def _convs(export: Export, side: str) -> tuple[Tensor, Tensor]:
    """The first and the last convolution of the encoder or decoder."""
    found = [name for name in export.tensors if re.fullmatch(rf"{side}\.model\.\d+\.conv\.conv\.weight_v", name)]
    ordered = sorted(found, key=lambda name: int(name.split(".")[2]))
    if not ordered:
        raise BadCheckpoint(f"{export.path}: has no convolution in its {side}")
    return export.tensors[ordered[0]], export.tensors[ordered[-1]]


def _config(path: Path, value: object) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = parse_yaml(value, f"{path}: its xp.cfg")
        except UserError as error:
            raise BadCheckpoint(error.message, error.hint) from None
    plain = plain_values(path, value, _unwrapped)
    return plain if isinstance(plain, dict) else {}


def _unwrapped(value: object) -> object:
    """What a node of omegaconf's tree stands for; one that stands for itself, for nothing."""
    for _ in range(_DEEPEST):
        if not isinstance(value, _Node):
            return value
        value = vars(value).get("_content", vars(value).get("_val"))
    return None


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _tensor(export: Export, name: str) -> Tensor:
    if name not in export.tensors:
        raise BadCheckpoint(f"{export.path}: lacks the tensor {name}")
    return export.tensors[name]


def _whole(value: object, otherwise: int) -> int:
    """A number from the config, or the published one where it is none (a reference to another entry)."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31 else otherwise


def _require(export: Export, holds: bool, what: str) -> None:
    if not holds:
        raise BadCheckpoint(f"{export.path}: has {what}, which transformers' classes do not do")
