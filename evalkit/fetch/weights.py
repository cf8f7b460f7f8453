"""Which file a weights name stands for, where it is looked for, and what to say where it is not there.

Minis ship inside the package. Everything else is looked for under `EVALKIT_HOME/weights`, under the name that
its publisher gave it, or in a folder named as the weights are, holding `model.safetensors` and `config.json`
(evalkit's own layout); then in the person's Hugging Face cache, where it is used as it lies. `--weights NAME=PATH`
comes before all of these. Nothing is ever put in a missing file's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from evalkit.core.errors import MissingWeights, UserError, unknown_name
from evalkit.core.paths import absent, entries_under, typed
from evalkit.fetch import hub_cache
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.manifests import baselines
from evalkit.fetch.published import PUBLISHED, Published
from evalkit.protocols.base import weights_in

MINI_FOLDER = Path(__file__).resolve().parent.parent / "mini" / "weights"
_CARRIED = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".json", ".model", ".txt", ".h5", ".gz")
"""How files end that a network may be read from."""

_JUDGES = ("clap-mini", "openl3-mini", "passt-mini", "panns-mini", "vggish-mini", "audiobox-mini")
_OWN = (*_JUDGES, "stable-audio-mini", "stable-audio-1-mini", "stable-audio-3-mini")
MINIS = (*_OWN, *(name for name, model in baselines().items() if model.shipped))
"""What ships inside the package: networks of evalkit's own, and the models whose manifest says so."""

TAUGHT = {"audiobox-mini": "made-up axes, no raters' answers"}
"""Minis that learnt from something else than the published networks of their family did, and from what."""

WITHOUT_FILE = ("sound",)
"""Embedders that a suite names as it names weights, and that have none: they measure without a network."""


def locate(name: str, overrides: Mapping[str, Path]) -> Path:
    """The folder or file of the weights called `name`, also where a protocol is part of it (`vggish@av-benchmark`);
    `overrides` are `--weights NAME=PATH`.

    Raises UserError for a name that is not known, has no file, or an override that is not there, MissingWeights
    (which file, from where, under which licence, where to put it) where the weights are not on this machine.
    """
    if name in WITHOUT_FILE:
        raise UserError(f"{name} has no weights: it measures without a network")
    if weights_in(name) != name and name not in overrides:
        return locate(weights_in(name), overrides)
    if weights_in(name) not in PUBLISHED and weights_in(name) not in MINIS:
        raise unknown_name("weights file", name, (*PUBLISHED, *MINIS))
    if name in overrides:
        return whole(typed(overrides[name]), f"--weights {name}={overrides[name]}")
    if name in MINIS:
        return _shipped(name)
    folder = evalkit_home() / "weights"
    for candidate in (folder / name, *(folder / file for file in PUBLISHED[name].files)):
        if candidate.exists() or candidate.is_symlink():
            return whole(candidate, str(candidate))
    return _cached(PUBLISHED[name]) or _refuse(name, PUBLISHED[name], folder)


def _cached(published: Published) -> Path | None:
    """The snapshot that has all that is needed, or the file in it that the weights are."""
    for repository in published.repositories:
        found = hub_cache.look(repository)
        if found is not None and not found.missing:
            alone = repository.names if set(repository.names) & set(published.files) else ()
            return found.folder.joinpath(*alone)
    return None


def _partly(published: Published) -> str:
    """What is to be said of a snapshot that lacks files; "" where there is none."""
    for repository in published.repositories:
        found = hub_cache.look(repository)
        if found is not None:
            lacking = f"{len(found.missing)} of its files ({hub_cache.names(found.missing)})"
            return f"; the Hugging Face cache has {found.folder} without {lacking}"
    return ""


def whole(path: Path, told: str) -> Path:
    """A file or folder of weights that was named. Raises MissingWeights, which begins with `told`, where it is not
    there, or where one of its files is a link that leads nowhere: the rest would be read as if it were all."""
    if not path.exists():
        raise MissingWeights(f"{told}: {absent(path)}")
    for entry in entries_under(path) if path.is_dir() else ():
        if entry.suffix in _CARRIED and not entry.exists():
            raise MissingWeights(f"{told}: {absent(entry)}", "download it again")
    return path


def _shipped(name: str) -> Path:
    folder = MINI_FOLDER / name
    if not folder.is_dir():
        raise MissingWeights(f"{name} is not in this installation ({folder})", "install evalkit again")
    return folder


def _refuse(name: str, published: Published, folder: Path) -> NoReturn:
    if not published.source:
        raise MissingWeights(
            f"the weights {name} are not here: they were never published",
            f"put what you have of them into {folder / published.files[0]}, or say --weights {name}=PATH",
        )
    raise MissingWeights(
        f"the weights {name} are not here: {' or '.join(published.files)}{_partly(published)}",
        f"evalkit fetch weights {name}, or get it from {published.source} (licence {published.licence}), put it into "
        f"{folder}, or say --weights {name}=PATH",
    )
