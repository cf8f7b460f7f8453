"""`folder:PATH`: audio that already exists, one file per sound, scored where it lies.

`evalkit.audio.names` says which file belongs to a prompt, `evalkit.audio.numbered` to which of its sounds; names that
nearly fit are told. Two files for one sound are an error, as nobody could say which of them was scored; so is a folder
in which nothing fits, before any work. A prompt without a file is a failed item; a file without a prompt is reported
and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.audio.folders import inner_sounds, sound_digest, sound_files
from evalkit.audio.names import nothing_fits
from evalkit.audio.numbered import match_numbered
from evalkit.core.ids import digest_json, sound_name
from evalkit.core.paths import name_of
from evalkit.generators.about import About
from evalkit.generators.base import GeneratorSpec

PREFIX = "folder:"


@dataclass(frozen=True)
class Found:
    """What a folder holds for a list of prompts: `clips` {name of a sound: file}, a prompt's id where each has one,
    `digests` {name: sha256 of the file}, `strangers`, the audio files that belong to no prompt, and `notes`, sentences
    on names that nearly fit. `about` is what is said of the system that made them."""

    clips: Mapping[str, Path]
    digests: Mapping[str, str]
    strangers: Sequence[Path]
    notes: Sequence[str] = ()
    about: About | None = None


def find(folder: Path, prompt_ids: Iterable[str], others: Iterable[str] = (), samples: int = 1) -> Found:
    """Match the audio files directly inside `folder` with prompts of `samples` sounds each; `others` are ids of prompts
    that are not asked for, whose files are theirs all the same.

    Raises UserError where the folder is not one, cannot be read, holds no audio file, none for any prompt, or two
    files for one sound.
    """
    files = {name_of(path): path for path in sound_files(folder)}
    ids = list(prompt_ids)
    found = match_numbered(str(folder), ids, list(others), files, samples)
    wanted = [(identifier, sample) for identifier in ids for sample in range(samples)]
    clips = {sound_name(*sound, samples): files[found.files[sound]] for sound in wanted if sound in found.files}
    if not clips:
        raise nothing_fits(str(folder), ids, list(files))
    taken = set(found.files.values())
    strangers = [path for name, path in files.items() if name not in taken]
    inside = inner_sounds(folder) if len(clips) < len(wanted) else ""
    notes = [*found.notes, *([f"{folder}: {inside}"] if inside else [])]
    return Found(clips, {name: sound_digest(path) for name, path in clips.items()}, strangers, notes)


def describe(folder: Path, found: Found) -> GeneratorSpec:
    """The spec of the folder as a model, by the name of the system where that is told. Its weights are the digest of
    the matched files, so a changed, added or removed file makes another run; rate and channels are the files' own, here
    0."""
    return GeneratorSpec(
        name=found.about.name if found.about is not None else folder.resolve().name or "folder",
        family="folder",
        sample_rate=0,
        channels=0,
        max_seconds=float("inf"),
        size="none",
        weights=digest_json(dict(found.digests)),
        licence=found.about.terms if found.about is not None else "",
    )
