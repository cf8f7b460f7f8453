"""Audiobox Aesthetics' published files: `checkpoint.pt`, and the hub's folder of `model.safetensors` and `config.json`.

facebookresearch/audiobox-aesthetics at 8e2f262 (`infer.py`, `inference.py`) and the package 0.0.4 (`model/aes.py`). The
.pt has its tensors under `state_dict`, `model.` before each name, the heads' arrangement under `model_cfg` and what
brings a target back to its scale under `target_transform`. The hub's config.json holds the arguments of the network,
`target_transform` among them; the repository's earlier export put `encoder.` before each name. A folder may state
sizes of WavLM too, under fairseq's names; without them they are WavLM-base's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

from torch import Tensor

from evalkit.checkpoints.config_file import read_object
from evalkit.checkpoints.own_layout import CONFIG, read_weights
from evalkit.checkpoints.shards import tensor_files
from evalkit.checkpoints.torch_file import TORCH_SUFFIXES, read_entry
from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.tables import Report, Table
from evalkit.nets.aesthetics import AXES, AestheticsConfig
from evalkit.nets.wavlm import WavLMConfig

_READ_FROM = "audiobox-aesthetics' checkpoint.pt, or the hub's folder with model.safetensors and config.json"
_PREFIXES = ("model.", "encoder.")


@dataclass(frozen=True)
class AudioboxCheckpoint:
    """`scale` {axis: (mean, std)} of the ratings that the heads were trained on."""

    config: AestheticsConfig
    scale: Mapping[str, tuple[float, float]]
    tensors: Mapping[str, Tensor]


def read_audiobox(path: Path) -> AudioboxCheckpoint:
    """Raises MissingWeights or BadCheckpoint, naming the file and all that is wrong with what it says of itself."""
    path = _within(path)
    tensors = read_weights(path, _READ_FROM)
    where, said = _said(path)
    report = Report(str(where))
    table = Table(said, report)
    try:
        config, scale = _config(table), _scale(table)
        table.settle()
    except (UserError, ValueError) as error:
        told = error.message if isinstance(error, UserError) else f"{where}: {error}"
        raise BadCheckpoint(told, f"it is read from {_READ_FROM}") from None
    return AudioboxCheckpoint(config, scale, {_plain(name): tensor for name, tensor in tensors.items()})


def _within(path: Path) -> Path:
    """The published file in a folder that has no tensors otherwise: the hub's repository holds either."""
    alone = path / "checkpoint.pt"
    return alone if path.is_dir() and alone.is_file() and not tensor_files(path, "model") else path


def _said(path: Path) -> tuple[Path, dict[str, Any]]:
    """What the checkpoint says of itself, and where."""
    if path.suffix in TORCH_SUFFIXES and path.is_file():
        model, scale = (read_entry(path, key) for key in ("model_cfg", "target_transform"))
        return path, {**(model if isinstance(model, dict) else {}), "target_transform": scale}
    config = (path if path.is_dir() else path.parent) / CONFIG
    return config, read_object(config)


def _plain(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _config(table: Table) -> AestheticsConfig:
    """Only the published arrangement: the original's other ones do not run with these heads."""
    sizes = {each.name: table.whole(each.name, each.default, 1) for each in fields(WavLMConfig)}  # type: ignore[arg-type]
    wavlm = WavLMConfig(**sizes)
    table.one_of("proj_act_fn", ("gelu",), "gelu")
    for key, only in (("use_weighted_layer_sum", True), ("nth_layer", wavlm.encoder_layers + 1), ("output_dim", 1)):
        table.read(key, partial(eq, only), str(only), only, only)
    return AestheticsConfig(
        table.whole("proj_num_layer", 1, 1),
        table.switch("proj_ln"),
        float(table.read("proj_dropout", lambda value: _is_number(value) and 0 <= value < 1, "a share", 0, 0)),
        table.switch("normalize_embed", True),
        wavlm,
    )


def _scale(table: Table) -> dict[str, tuple[float, float]]:
    transform = table.table("target_transform")
    found = {}
    for axis in AXES:
        one = transform.table(axis)
        mean = one.read("mean", _is_number, "a number", None, 0.0)
        found[axis] = (float(mean), one.number("std"))
        one.knows(*one.rest())
    transform.knows(*transform.rest())
    table.knows(*table.rest())  # of training and precision, which change nothing here
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
