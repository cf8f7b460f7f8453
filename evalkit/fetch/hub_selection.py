"""Which files of a hub repository a model needs, read off its listing: publishers add files, and a list that was
written down once becomes wrong. Paths in, paths out; nothing is opened.

A repository holds a model several times over: for torch, TensorFlow, flax and onnx, in half precision, as a training
checkpoint. What is kept, by folder: JSON, vocabularies, and the tensors once, in the first of these forms:
safetensors (whole, else in shards with their index), torch's (whole, else in shards), a lone variant (`.fp16.`). Of
stable-audio-tools' layout it is `model_config.json` and `model.safetensors` at the root, whatever else lies there; of a
pipeline of diffusers the root and the folders in it; of any other repository with tensors at the root, that alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from evalkit.core.errors import UserError
from evalkit.core.paths import MOST_ENTRIES
from evalkit.fetch.sources import Digest

LARGEST = 64 << 30
"""Bytes that a file of a repository may have."""

PIPELINE = "model_index.json"
_STABLE_AUDIO = ("model.safetensors", "model_config.json")
_OTHER_FOLDERS = ("onnx", "openvino", "flax", "coreml", "gguf")
_OTHER_STEMS = ("flax", "tf_", "onnx", "openvino")
_VOCABULARIES = ("tokenizer.json", "spiece.model", "vocab.json", "vocab.txt", "tokenizer.model")
_TENSORS = re.compile(
    r"(model|pytorch_model|diffusion_pytorch_model)(\.[A-Za-z0-9_]+)?(-\d{5}-of-(\d{5}))?\.(safetensors|bin)"
)
_STRANGE = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|]")
_HEX = {"blob": re.compile(r"[0-9a-f]{40}"), "sha256": re.compile(r"[0-9a-f]{64}")}
_LONGEST = 200


@dataclass(frozen=True)
class HubFile:
    """A file of a listing: its path in the repository, its bytes, and the digest that they must have."""

    path: str
    size: int
    digest: Digest


def checked(files: Iterable[HubFile], whose: str) -> list[HubFile]:
    """The files of a listing, which comes from a server. Raises UserError, beginning with `whose`, for a path that
    leads outwards or that some disk reads otherwise, two paths that one disk takes for the same, a size or digest
    that is none, and more files than any model has."""
    found: dict[str, HubFile] = {}
    for file in files:
        if len(found) >= MOST_ENTRIES:
            raise UserError(f"{whose}: lists more than {MOST_ENTRIES:,} files, which no model has")
        _require_plain(file, whose)
        twin = found.setdefault(_as_on_disk(file.path), file)
        if twin is not file:
            raise UserError(f"{whose}: lists {twin.path[:120]!r} and {file.path[:120]!r}, one file on some disks")
    for key, file in found.items():
        above = next((str(each) for each in PurePosixPath(key).parents if str(each) in found), None)
        if above is not None:
            raise UserError(f"{whose}: lists {file.path[:120]!r} inside of {found[above].path[:120]!r}, a file")
    return sorted(found.values(), key=lambda file: file.path)


def needed(paths: Collection[str], names: Sequence[str], whose: str) -> list[str]:
    """The paths that a model needs: `names`, or by the rule above where there are none of these.

    Raises UserError, beginning with `whose`, where the repository has not got them, or no tensors at all.
    """
    if names:
        absent = sorted(set(names) - set(paths))
        if absent:
            raise UserError(f"{whose}: has no file {', '.join(absent)}", "was it moved? name a revision that has it")
        return sorted(names)
    if set(_STABLE_AUDIO) <= set(paths):
        return list(_STABLE_AUDIO)
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    deep = _is_pipeline(paths)
    kept = {
        folder: _of_folder(inside)
        for folder, inside in folders.items()
        if not folder or (deep and "/" not in folder and folder.lower() not in _OTHER_FOLDERS)
    }
    if not any(_TENSORS.fullmatch(name) for inside in kept.values() for name in inside):
        raise UserError(f"{whose}: holds no tensors in a form that evalkit reads (safetensors or torch's .bin)")
    return sorted(f"{folder}/{name}" if folder else name for folder, inside in kept.items() for name in inside)


def gaps(paths: Collection[str], names: Sequence[str], components: Sequence[str] = ()) -> list[str]:
    """What a folder of these files lacks of what its model needs, where no listing tells: [] where it is whole.

    `components` are the folders that its `model_index.json` names.
    """
    if names:
        return sorted(set(names) - set(paths))
    try:
        kept = needed(paths, (), "")
    except UserError:
        return ["its tensors"]
    if set(kept) == set(_STABLE_AUDIO):
        return []
    if _is_pipeline(kept):
        components = components or sorted({path.partition("/")[0] for path in kept if "/" in path})
        inside = {
            each: {path.rpartition("/")[2] for path in kept if path.startswith(f"{each}/")} for each in components
        }
        return [each for each, found in inside.items() if not _is_component(found)]
    lacking = [] if "config.json" in kept else ["config.json"]
    return lacking if any(name in kept for name in _VOCABULARIES) else [*lacking, _VOCABULARIES[0]]


def _is_pipeline(paths: Collection[str]) -> bool:
    """Lies the model in folders? Its list says so, or that the root has no tensors."""
    return PIPELINE in paths or not any(_TENSORS.fullmatch(path) for path in paths)


def _is_component(names: Collection[str]) -> bool:
    """Has a folder of a pipeline what its kind has: a network its tensors, a tokenizer its words?"""
    if "config.json" in names:
        return any(_TENSORS.fullmatch(name) for name in names)
    if "tokenizer_config.json" in names:
        return any(name in names for name in _VOCABULARIES)
    return any(name.endswith(".json") for name in names)


def _of_folder(names: Collection[str]) -> list[str]:
    tensors, indices = _tensors(names)
    plain = [
        name
        for name in names
        if (name.endswith((".json", ".model")) or name in ("merges.txt", "vocab.txt"))
        and not name.endswith(".index.json")
        and not name.lower().startswith(_OTHER_STEMS)
    ]
    return [*plain, *tensors, *indices]


def _tensors(names: Collection[str]) -> tuple[list[str], list[str]]:
    """(files of tensors, their index) of the first form that is there whole."""
    found = [each for each in map(_TENSORS.fullmatch, sorted(names)) if each]
    for form, variants in (("safetensors", False), ("bin", False), ("safetensors", True), ("bin", True)):
        these = [each for each in found if each[5] == form and bool(each[2]) == variants]
        single = [each[0] for each in these if not each[3]]
        if single:
            return single[:1] if variants else single, []
        stems = dict.fromkeys((each[1], each[2] or "", each[4]) for each in these)
        for stem, variant, count in stems:
            shards = [f"{stem}{variant}-{number:05}-of-{count}.{form}" for number in range(1, int(count) + 1)]
            index = _index_of(stem, variant, form)
            if index in names and set(shards) <= set(names):
                return shards, [index]
    return [], []


def _index_of(stem: str, variant: str, form: str) -> str:
    return f"{stem}.{form}.index{variant}.json"


def _require_plain(file: HubFile, whose: str) -> None:
    path, size, digest = file.path, file.size, file.digest
    parts = path.split("/") if isinstance(path, str) else []
    bad = not parts or any(
        part in ("", ".", "..", "~") or part.startswith(".part-") or part.endswith((" ", ".")) for part in parts
    )
    if bad or _STRANGE.search(path) or len(path) > _LONGEST or not path.isprintable():
        raise UserError(f"{whose}: lists the path {str(path)[:120]!r}, which cannot be")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST:
        raise UserError(f"{whose}: lists {path} with {str(size)[:40]} bytes, which cannot be")
    if not isinstance(digest.value, str) or not _HEX[digest.kind].fullmatch(digest.value):
        raise UserError(f"{whose}: lists {path} with a digest that is none")


def _as_on_disk(path: str) -> str:
    """What a disk that knows no case takes the path for."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
