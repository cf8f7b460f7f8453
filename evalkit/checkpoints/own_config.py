"""Which model config is a checkpoint's own, where several lie together: another's would run, and make noise.

Open Small is published with the model before its distillation in the same folder: `model.ckpt` beside
`model_config.json`, `base_model.ckpt` beside `base_model_config.json`, of equal shapes and unlike objectives, so that
no tensor would tell them apart. What counts, in this order:

1. a config of the file's own name: `<stem>.json`, `<stem>_config.json`, `<file name>.json`;
2. the config that stable-audio-tools' trainer has put inside a training checkpoint;
3. `model_config.json`, where it is no other file's own and no other config could be meant.

Where the first two say different things of the model, or several of a kind do, it is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.checkpoints.config_file import read_object
from evalkit.core.errors import BadCheckpoint, UserError

CONFIG = "model_config.json"
SUFFIXES = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")

_DECIDES = ("model_type", "model", "sample_rate", "sample_size", "audio_channels")
"""What of a config shapes the sound; the rest is about training and data."""

_MOST_FILES = 1000
_NAMED = 5


@dataclass(frozen=True)
class OwnConfig:
    """A checkpoint's config: what it says, and the file that it was read from (the checkpoint, where it is inside)."""

    content: Mapping[str, Any]
    source: Path


def own_config(file: Path) -> OwnConfig:
    """The config of a checkpoint's file. Raises BadCheckpoint, naming the files, where there is none, it cannot be
    read, or it could be another's."""
    named = [OwnConfig(read_object(path), path) for path in _own_names(file) if path.is_file()]
    inside = _inside(file)
    found = [*named, *([] if inside is None else [inside])]
    if found:
        _require_agreement(file, found)
        return found[0]
    return _unnamed(file)


def _own_names(file: Path) -> list[Path]:
    names = (f"{file.stem}.json", f"{file.stem}_config.json", f"{file.name}.json")
    return [file.with_name(name) for name in dict.fromkeys(names)]


def _inside(file: Path) -> OwnConfig | None:
    if file.suffix == ".safetensors":
        return None
    from evalkit.checkpoints.torch_file import read_entry

    content = read_entry(file, "model_config")
    return OwnConfig(content, file) if isinstance(content, dict) else None


def _require_agreement(file: Path, found: Sequence[OwnConfig]) -> None:
    first = found[0]
    for other in found[1:]:
        differs = [key for key in _DECIDES if first.content.get(key) != other.content.get(key)]
        if differs:
            where = "the one inside it" if other.source == file else other.source.name
            raise BadCheckpoint(
                f"{file}: {first.source.name} and {where} say different things of it ({', '.join(differs)})",
                f"move {first.source.name} away, or make them agree",
            )


def _unnamed(file: Path) -> OwnConfig:
    """`model_config.json`, where nothing says that it could be another file's, or another config this one's."""
    beside = sorted(path for path in file.parent.iterdir() if path.is_file())[:_MOST_FILES]
    owners = {
        config: other for other in beside if other.suffix in SUFFIXES and other != file for config in _own_names(other)
    }
    configs = [path for path in beside if path.suffix == ".json" and _describes_a_model(path)]
    free = [path for path in configs if path not in owners]
    general = file.with_name(CONFIG)
    if general.is_file() and general not in owners and set(free) <= {general}:
        return OwnConfig(read_object(general), general)
    hint = f"put the config that it was trained with beside it as {file.stem}_config.json"
    if not configs:
        raise BadCheckpoint(f"{file}: no {CONFIG} beside it", hint)
    told = [f"{path.name} is {owners[path].name}'s" if path in owners else path.name for path in configs[:_NAMED]]
    raise BadCheckpoint(f"{file}: which config is its own? Beside it: {', '.join(told)}", hint)


def _describes_a_model(path: Path) -> bool:
    """Whether a JSON file is the config of a diffusion model: a tokenizer's, or an autoencoder's, is nobody's rival."""
    try:
        content = read_object(path)
    except UserError:
        return path.name == CONFIG
    return isinstance(content.get("model"), dict) and str(content.get("model_type", "")).startswith("diffusion")
