"""Finding a Stable Audio checkpoint: which file holds the tensors, which the config, and where the text tower is.

Three layouts are known, all of them published or written by stable-audio-tools or diffusers:

- a folder with `model_config.json` and `model.safetensors` or one `.ckpt`;
- one such file with its config beside it, or inside where its trainer has put it (`own_config.py` says which is its);
- a folder of diffusers' `StableAudioPipeline` or `StableAudio3Pipeline`.

Nothing here reads a tensor or imports torch, but for the config inside a training checkpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from evalkit.checkpoints.own_config import SUFFIXES, own_config
from evalkit.checkpoints.safetensors_header import read_header
from evalkit.checkpoints.shards import is_index, shards_of, whole_of
from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.core.faults import Gathering
from evalkit.core.ids import digest_json
from evalkit.core.paths import absent, is_folder, is_there, typed
from evalkit.fetch.digests import remembered_sha256
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import MINIS, locate, whole

WEIGHTS, PIPELINE = "model.safetensors", "model_index.json"

UNPUBLISHED_CLAP = "stable-audio-clap"
"""The weights name of the CLAP text tower of 1.0 and 2.0, which was never published."""

_DIFFUSERS = {"transformer", "vae", "projection_model"}, {"transformer", "vae", "duration_embedder"}
_TOWER_KEYS = {"clap_text": "clap_ckpt_path", "t5": "t5_model_name", "t5gemma": "subfolder"}
"""Where a conditioner's config names the weights of its text tower."""

_LAYOUTS = (
    "a checkpoint is a folder with model_config.json and model.safetensors or a .ckpt, such a file beside its "
    "config, or a folder of diffusers' StableAudioPipeline or StableAudio3Pipeline"
)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that has been found and not yet read.

    `config` is what its `model_config.json` says (derived, for diffusers' folders), `source` the file that errors
    about it name; `weights` is the file of the tensors, or diffusers' folder; `files` are all that shape the sound,
    in a fixed order; `tower` is the folder with the text tower that came with it, if one did.
    """

    config: Mapping[str, Any]
    source: Path
    weights: Path
    files: tuple[Path, ...]
    tower: Path | None = None

    @property
    def folder(self) -> Path:
        return self.weights if self.weights.is_dir() else self.weights.parent


def open_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`. Raises MissingWeights where nothing is there, BadCheckpoint or UserError, naming
    the file, where it has none of the layouts or its config cannot be read."""
    if not is_there(path):
        raise MissingWeights(f"{path}: {absent(path)}", _LAYOUTS)
    if path.is_file():
        return _of_file(path)
    whole(path, str(path))
    file = _weights_in(path)
    if file is None:
        return _of_diffusers(path)
    return _of_file(file)


def fingerprint(checkpoint: Checkpoint, overrides: Mapping[str, Path]) -> str | None:
    """Digest of everything that shapes the sound: weights, config and text tower; None where a part is not here."""
    try:
        files = [*checkpoint.files, *tower_files(checkpoint, overrides)]
        return digest_json([remembered_sha256(file) for file in files])
    except (UserError, OSError):
        return None


def tower_name(config: Mapping[str, Any]) -> tuple[str, str]:
    """(kind, name) of the text tower that a model config asks for, ("", "") where it is not to be found."""
    try:
        for entry in config["model"]["conditioning"]["configs"]:
            if entry["type"] in _TOWER_KEYS:
                return str(entry["type"]), str(entry["config"][_TOWER_KEYS[entry["type"]]])
    except (LookupError, TypeError, AttributeError):
        pass
    return "", ""


def weights_name(config: Mapping[str, Any]) -> str:
    """The name under which `--weights` replaces a config's text tower.

    A CLAP is named in configs by a path on the machine of its training, so any that evalkit does not know by
    name stands for the one that was not published.
    """
    kind, name = tower_name(config)
    known = name in PUBLISHED or name in MINIS
    return name if kind != "clap_text" or known else UNPUBLISHED_CLAP


def locate_tower(checkpoint: Checkpoint, overrides: Mapping[str, Path]) -> Path:
    """The folder or file of a checkpoint's text tower: given by name, brought along, or at its known place.

    Raises MissingWeights, with what to put where, or BadCheckpoint where the config names no tower.
    """
    kind, written = tower_name(checkpoint.config)
    if not kind:
        raise BadCheckpoint(f"{checkpoint.source}: has no text conditioner", f"known: {', '.join(_TOWER_KEYS)}")
    name = weights_name(checkpoint.config)
    if name in overrides:
        return whole(typed(overrides[name]), f"--weights {name}={overrides[name]}")
    if kind in ("t5", "t5gemma") and checkpoint.tower is not None:
        return checkpoint.tower
    beside = checkpoint.folder / written
    if ".." not in PurePath(written).parts and is_there(beside):
        return beside
    if name in PUBLISHED or name in MINIS:
        return locate(name, overrides)
    place = evalkit_home() / "weights" / name
    if ".." not in PurePath(name).parts and is_folder(place):
        return place
    raise MissingWeights(
        f"{checkpoint.source}: asks for the text tower {name[:80]!r}, which is not here",
        f"get its folder from the hub, put it into {evalkit_home() / 'weights'} under that name, "
        f"or say --weights {name[:80]}=PATH",
    )


def tower_files(checkpoint: Checkpoint, overrides: Mapping[str, Path]) -> list[Path]:
    """The files of the text tower, by name. Raises as `locate_tower` does."""
    return sorted(path for path in _inside(locate_tower(checkpoint, overrides)) if path.is_file())


def stored_notes(checkpoint: Checkpoint) -> tuple[str, ...]:
    """A sentence where a checkpoint's weights are stored in less than float32: they have lost digits by then."""
    kinds = Counter[str]()
    for file in (file for file in checkpoint.files if file.suffix == ".safetensors"):
        with suppress(UserError):  # reading it will tell
            for each in read_header(file).values():
                kinds[each.kind] += each.count
    told = [word for kind, word in (("F16", "float16"), ("BF16", "bfloat16")) if 2 * kinds[kind] > kinds.total()]
    return tuple(f"its weights are stored in {word}; --dtype says in what they are computed" for word in told)


def stored_parameters(checkpoint: Checkpoint) -> int | None:
    """How many weights the safetensors files of a checkpoint hold, by their headers; None for other files.

    Constants that are stored beside them (rotary frequencies, the zeros of the norms) are not counted.
    """
    total = 0
    for file in (file for file in checkpoint.files if file.suffix != ".json"):
        if file.suffix != ".safetensors":
            return None
        with suppress(UserError):  # reading it will tell
            told = read_header(file).items()
            total += sum(each.count for name, each in told if not _is_constant(name))
    return total or None


def _is_constant(name: str) -> bool:
    """The norms of a SAME autoencoder learn their `beta`, those of the diffusion network do not."""
    return (
        name == "freqs" or name.endswith("inv_freq") or (name.endswith("_norm.beta") and ".transformers." not in name)
    )


def _inside(tower: Path) -> list[Path]:
    """A lone file, or the files of a folder; of diffusers' pipeline, those of its text parts."""
    if tower.is_file():
        return [tower]
    parts = [tower / part for part in ("text_encoder", "tokenizer") if (tower / part).is_dir()]
    return [path for folder in (parts or [tower]) for path in folder.iterdir()]


def _weights_in(folder: Path) -> Path | None:
    """The file with the tensors, None in a folder of diffusers' parts."""
    for name in (WEIGHTS, "model.ckpt"):
        if (folder / name).is_file():
            return folder / name
    indices = sorted(path for path in folder.iterdir() if is_index(path))
    listed = {file for index in indices for file in shards_of(index)}
    found = sorted(
        path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file() and path not in listed
    )
    found = [*indices, *found]
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise UserError(f"{folder}: holds several checkpoints ({names})", "name the file itself")
    if found:
        return found[0]
    if (folder / PIPELINE).is_file() or any(all((folder / part).is_dir() for part in parts) for parts in _DIFFUSERS):
        return None
    raise BadCheckpoint(f"{folder}: holds no checkpoint of Stable Audio", _LAYOUTS)


def _of_file(file: Path) -> Checkpoint:
    if file.suffix not in SUFFIXES and not is_index(file):
        raise BadCheckpoint(f"{file}: not a checkpoint: its name ends in none of {', '.join(SUFFIXES)}", _LAYOUTS)
    own = own_config(whole_of(file) if is_index(file) else file)
    parts = shards_of(file) if is_index(file) else [file]
    files = (*parts, *([] if own.source == file else [own.source]))
    return Checkpoint(own.content, own.source, file, files, _tower_beside(file.parent))


def _of_diffusers(folder: Path) -> Checkpoint:
    from evalkit.checkpoints import diffusers, diffusers_3

    layout = diffusers_3 if diffusers_3.is_one(folder) else diffusers
    wrong, config, files = Gathering(), dict[str, Any](), list[Path]()
    with wrong.look():
        config = layout.derive_config(folder)
    for part in layout.PARTS:
        with wrong.look():
            files += diffusers.tensor_files(folder / part) if (folder / part).is_dir() else []
    wrong.settle()
    configs = [folder / part / "config.json" for part in layout.PARTS]
    return Checkpoint(config, folder, folder, (*files, *configs), _tower_beside(folder))


def _tower_beside(folder: Path) -> Path | None:
    """diffusers' text parts, which the published repository of Open 1.0 has beside `model.safetensors` too."""
    return folder if (folder / "text_encoder").is_dir() and (folder / "tokenizer").is_dir() else None
