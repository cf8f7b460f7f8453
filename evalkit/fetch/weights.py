"""Which file a weights name stands for, where it is looked for, and what to say where it is not there.

Minis ship inside the package. Everything else is looked for under `EVALKIT_HOME/weights`, under the name that
its publisher gave it, or in a folder named as the weights are, holding `model.safetensors` and `config.json`
(evalkit's own layout). `--weights NAME=PATH` comes before both. Nothing is ever put in a missing file's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError, unknown_name
from evalkit.core.jsonio import read_json
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.manifests import baselines
from evalkit.fetch.published import PUBLISHED, Published

MINI_FOLDER = Path(__file__).resolve().parent.parent / "mini" / "weights"
TENSORS, CONFIG = "model.safetensors", "config.json"


_OWN = ("clap-mini", "openl3-mini", "passt-mini", "stable-audio-mini", "stable-audio-1-mini")
MINIS = (*_OWN, *(name for name, model in baselines().items() if model.shipped))
"""What ships inside the package: networks of evalkit's own, and the models whose manifest says so."""

WITHOUT_FILE = ("sound",)
"""Embedders that a suite names as it names weights, and that have none: they measure without a network."""


def locate(name: str, overrides: Mapping[str, Path]) -> Path:
    """The folder or file of the weights called `name`; `overrides` are `--weights NAME=PATH`.

    Raises UserError for a name that is not known, has no file, or an override that is not there, MissingWeights
    (which file, from where, under which licence, where to put it) where the weights are not on this machine.
    """
    if name in WITHOUT_FILE:
        raise UserError(f"{name} has no weights: it measures without a network")
    if name not in PUBLISHED and name not in MINIS:
        raise unknown_name("weights file", name, (*PUBLISHED, *MINIS))
    if name in overrides:
        path = Path(overrides[name]).expanduser()
        if not path.exists():
            raise MissingWeights(f"--weights {name}={path}: no such file or folder")
        return path
    if name in MINIS:
        return _shipped(name)
    folder = evalkit_home() / "weights"
    for candidate in (folder / name, *(folder / file for file in PUBLISHED[name].files)):
        if candidate.exists():
            return candidate
    raise _missing(name, PUBLISHED[name], folder)


def _shipped(name: str) -> Path:
    folder = MINI_FOLDER / name
    if not folder.is_dir():
        raise MissingWeights(f"{name} is not in this installation ({folder})", "install evalkit again")
    return folder


def _missing(name: str, published: Published, folder: Path) -> MissingWeights:
    if not published.source:
        return MissingWeights(
            f"the weights {name} are not here: they were never published",
            f"put what you have of them into {folder / published.files[0]}, or say --weights {name}=PATH",
        )
    fetch = f"evalkit fetch weights {name}, or " if published.downloads else ""
    return MissingWeights(
        f"the weights {name} are not here: {' or '.join(published.files)}",
        f"{fetch}get it from {published.source} (licence {published.licence}), put it into {folder}, "
        f"or say --weights {name}=PATH",
    )


def weights_file(path: Path) -> Path:
    """The safetensors file of a weights folder or file.

    Raises BadCheckpoint for a folder without one, and UserError for a format that this version cannot read.
    """
    if path.is_dir():
        found = path / TENSORS
        if not found.is_file():
            raise BadCheckpoint(f"{path}: the folder holds no {TENSORS}")
        return found
    if path.suffix != ".safetensors":
        raise UserError(
            f"{path}: this version reads safetensors only, not {''.join(path.suffixes[-2:]) or 'this file'}",
            "the published .h5 and .pt files are read by a later version; none is unpickled",
        )
    return path


_Config = TypeVar("_Config")


def read_config(path: Path, kind: type[_Config]) -> _Config:
    """The network's sizes: `config.json` in a weights folder, or beside a lone file the published ones.

    `kind` is a frozen dataclass of plain numbers. Raises BadCheckpoint, naming the file and the key, for a
    key that is unknown or absent, a value of another type, or sizes that do not go together.
    """
    if not path.is_dir():
        return kind()
    file = path / CONFIG
    if not file.is_file():
        raise BadCheckpoint(f"{path}: the folder holds no {CONFIG}")
    content = read_json(file)
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{file}: is not a JSON object")
    default = kind()
    known = {field.name: type(getattr(default, field.name)) for field in fields(default)}  # type: ignore[arg-type]
    wrong = sorted(set(content) ^ set(known))
    if wrong:
        raise BadCheckpoint(f"{file}: keys unknown or absent: {', '.join(map(str, wrong))}")
    values = {name: _number(file, name, content[name], known[name]) for name in known}
    try:
        return kind(**values)
    except ValueError as error:
        raise BadCheckpoint(f"{file}: {error}") from None


def _number(file: Path, name: str, value: object, kind: type) -> Any:
    fits = isinstance(value, int) or (kind is float and isinstance(value, float))
    if not fits or isinstance(value, bool) or not 0 <= value < 1e9:  # type: ignore[operator]
        raise BadCheckpoint(f"{file}: {name} is {value!r}, expected a {kind.__name__}")
    return kind(value)
