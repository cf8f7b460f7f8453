"""A suite's folder of reference audio: which recording belongs to which prompt, and what it becomes once embedded.

A recording is named by a prompt's id or by its source, as five captions may be of one recording (`evalkit.audio.names`
says how closely). For metrics of sets names mean nothing: every recording of the folder counts, each sound once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.audio.folders import sound_files
from evalkit.audio.names import match, told
from evalkit.core.errors import UserError
from evalkit.core.paths import name_of
from evalkit.core.text import part_of
from evalkit.embed.base import Features
from evalkit.store.spill import outside
from evalkit.suites.base import Prompt

_NAMED = 5
"""Prompts that an error names before it only counts the rest."""


@dataclass(frozen=True)
class Belonging:
    """`names` {prompt id: name of its recording} and `notes`, sentences on names that nearly fit."""

    names: Mapping[str, str]
    notes: Sequence[str] = ()


def reference_files(folder: Path) -> dict[str, Path]:
    """{file name: path} of every sound in a suite's reference folder, by name.

    Raises UserError for a folder that is absent or holds no sound, and for two files of one name but for the suffix.
    """
    try:
        paths = sound_files(folder)
    except UserError as error:
        raise UserError(f"reference audio: {error.message}", error.hint) from None
    stems: dict[str, Path] = {}
    for path in paths:
        if path.stem in stems:
            raise UserError(f"{folder}: both {stems[path.stem].name} and {path.name} would be {path.stem!r}")
        stems[path.stem] = path
    return {name_of(path): path for path in paths}


def belonging(where: str, prompts: Iterable[Prompt], names: Iterable[str]) -> Belonging:
    """The name that belongs to each prompt: that of its id, else of its source; a near one only where neither is there
    to the letter. A prompt without any is left out. Raises UserError for two names of one prompt or source."""
    keys = {prompt.id: (prompt.id, prompt.group) for prompt in prompts}
    found = match(where, (key for pair in keys.values() for key in pair), names)
    chosen, concerned = {}, set[str]()
    for identifier, pair in keys.items():
        known = sorted((key for key in pair if key in found.files), key=lambda key: key in found.nearly)
        concerned.update(known[:1] or pair)
        if known:
            chosen[identifier] = found.files[known[0]]
    return Belonging(chosen, [f"{where}: {sentence}" for sentence in told(found.only(concerned))])


def require_all(where: str, prompts: Sequence[Prompt], found: Belonging, names: Iterable[str]) -> None:
    """Raises UserError, naming prompts and the nearest name that is nobody's, where one of `prompts` has no reference.

    A gap that is meant is to be said in the manifest, else one misnamed file would silently make another measure.
    """
    missing = [prompt for prompt in prompts if prompt.id not in found.names]
    if not missing:
        return
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    shown = ", ".join(repr(prompt.id) for prompt in missing[:_NAMED]) + more
    free = {Path(name).stem: name for name in sorted(set(names) - set(found.names.values()))}
    hint = "add them; where the gaps are meant, list their sources in [prompts] no_reference = [...]"
    close = [stem for prompt in missing for stem in difflib.get_close_matches(prompt.id, free, n=1, cutoff=0.7)][:1]
    if close:
        hint = f"is {free[close[0]]!r} one of them, misnamed? else {hint}"
    elif not found.names:
        some = ", ".join(map(repr, list(free.values())[:3]))
        hint = f"it holds {some}: name each by its prompt's id or source; or {hint}"
    raise UserError(f"{where}: no reference for {part_of(len(missing), len(prompts), 'prompt')}: {shown}", hint)


def pairs_from_features(features: Mapping[str, Features], names: Mapping[str, str]) -> dict[str, Features]:
    """{prompt id: (d,)} of the recordings `names` {prompt id: key of `features`}.

    The row is the mean over the clip's frames: of PaSST's windows that is its protocol's own rule.
    """
    known = {name: place for place, name in enumerate(dict.fromkeys(names.values()))}
    rows = outside((len(known), features[next(iter(known))].shape[1] if known else 0), np.float32)
    for name, place in known.items():
        rows[place] = features[name].mean(axis=0, dtype=np.float64)
    return {identifier: rows[known[name]] for identifier, name in names.items()}
