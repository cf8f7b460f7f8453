"""`folder:PATH`: audio that already exists, one file per prompt, scored where it lies.

A file belongs to a prompt when its name without extension is the prompt's id or the id's safe name
(`core.ids.safe_name`, the names that a run folder's `audio/` has). Two files for one prompt are an error,
as nobody could say which of them was scored; a prompt without a file is a failed item; a file without a
prompt is reported and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.audio.folders import sound_files
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file, digest_json, safe_name
from evalkit.generators.base import GeneratorSpec

PREFIX = "folder:"


@dataclass(frozen=True)
class Found:
    """What a folder holds for a list of prompts: `clips` {id: file}, `digests` {id: sha256 of the file},
    and `strangers`, the audio files that belong to no prompt."""

    clips: Mapping[str, Path]
    digests: Mapping[str, str]
    strangers: Sequence[Path]


def find(folder: Path, prompt_ids: Iterable[str]) -> Found:
    """Match the audio files directly inside `folder` with prompts.

    Raises UserError where the folder is not one, cannot be read, holds no audio file, or holds two files
    for one prompt.
    """
    by_stem: dict[str, list[Path]] = {}
    for path in sound_files(folder):
        by_stem.setdefault(path.stem, []).append(path)
    clips: dict[str, Path] = {}
    for prompt_id in prompt_ids:
        stems = dict.fromkeys((prompt_id, safe_name(prompt_id)))
        files = [path for stem in stems for path in by_stem.pop(stem, [])]
        if len(files) > 1:
            names = " and ".join(path.name for path in files)
            raise UserError(f"{folder}: two files for prompt {prompt_id!r}: {names}", "keep one of them")
        if files:
            clips[prompt_id] = files[0]
    strangers = sorted(path for paths in by_stem.values() for path in paths)
    return Found(clips, {key: _digest(path) for key, path in clips.items()}, strangers)


def describe(folder: Path, found: Found) -> GeneratorSpec:
    """The spec of the folder as a model. Its weights are the digest of the matched files, so a changed,
    added or removed file makes another run; rate and channels are the files' own, here 0."""
    return GeneratorSpec(
        name=folder.resolve().name or "folder",
        family="folder",
        sample_rate=0,
        channels=0,
        max_seconds=float("inf"),
        size="none",
        weights=digest_json(dict(found.digests)),
    )


def _digest(path: Path) -> str:
    """sha256 of a file; of nothing for what cannot be read as one (its decoding will say why)."""
    try:
        return digest_file(path) if path.is_file() else ""
    except OSError:
        return ""
