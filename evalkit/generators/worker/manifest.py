"""`worker.toml`: how the models of a folder run in a process of their own.

file = "worker.py"                  # see generators/worker/harness.py
requirements = "requirements.txt"   # pinned; absent: evalkit's own Python runs the worker
complete = true                     # requirements names every package: none is added to them
python = "3.10"                     # of the environment; absent: the Python at hand
[timeouts]                          # seconds; each may be absent
load = 1800
first = 1200                        # a first call may compile
each = 600
[models.tone]                       # fields of GeneratorSpec
sample_rate = 16000
channels = 1
max_seconds = 30
needs = ["tone"]
copied = { tone = "torch" }         # needs that evalkit reads and hands over as safetensors (checkpoints/safe_copy.py)
[models.tone.presets.default]
pitch = 440
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from evalkit.checkpoints.safe_copy import READERS
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Section, refuse_unknown
from evalkit.core.ids import digest_file, digest_json
from evalkit.core.paths import MOST_ENTRIES
from evalkit.core.tomlio import read_toml
from evalkit.generators.base import GeneratorSpec, Timeouts

MANIFEST = "worker.toml"
_TEXT = ("family", "size", "licence", "default_preset")
_WHOLE = ("sample_rate", "channels", "batch_size", "parameters")
_REAL = ("max_seconds", "window_seconds")
_MODEL_KEYS = (*_TEXT, *_WHOLE, *_REAL, "gated", "needs", "copied", "presets")
_SIZES = ("mini", "full", "none")


@dataclass(frozen=True)
class WorkerManifest:
    """A folder's worker. `requirements` is None where it needs no environment of its own, `python` "" for any; `copied`
    is model -> {name of weights: form of their files}, see :func:`evalkit.checkpoints.safe_copy.safe_copy`."""

    folder: Path
    file: Path
    requirements: Path | None
    python: str
    timeouts: Timeouts
    models: Mapping[str, GeneratorSpec]
    copied: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    complete: bool = False

    def model(self, name: str) -> GeneratorSpec:
        """The spec of one of its models, of the only one for "". Raises UserError."""
        if not name and len(self.models) == 1:
            return next(iter(self.models.values()))
        if name not in self.models:
            raise unknown_name(f"model of {self.folder}", name, self.models)
        return self.models[name]

    def code(self) -> str:
        """Digest of what decides sounds beside weights: this table, the requirements, and every Python file of the
        folder, as the worker may import any of them."""
        files = {path.relative_to(self.folder).as_posix(): path for path in _python_files(self.folder)}
        files |= {
            path.name: path for path in (self.folder / MANIFEST, self.file, self.requirements) if path is not None
        }
        return digest_json({name: digest_file(path) for name, path in files.items()})


def _python_files(folder: Path) -> Iterator[Path]:
    """Those in the folder and below, but for hidden folders and environments. Raises UserError for very many files."""
    seen = 0
    for place, folders, names in os.walk(folder):
        seen += len(folders) + len(names)
        if seen > MOST_ENTRIES:
            raise UserError(f"{folder}: holds more than {MOST_ENTRIES:,} files", "give the worker a folder of its own")
        here = Path(place)
        folders[:] = [
            each
            for each in folders
            if not each.startswith((".", "__pycache__")) and not (here / each / "pyvenv.cfg").exists()
        ]
        yield from (here / name for name in names if name.endswith(".py"))


def read_worker(folder: Path) -> WorkerManifest:
    """Raises UserError, naming the file and the key, where there is no worker or its table is not as it should be."""
    path = folder / MANIFEST
    table = read_toml(path, "worker manifest", "name a folder that holds one")
    _refuse_strangers(path, table)
    models = {name: _spec(path, name, entry) for name, entry in _table(path, "models", table).items()}
    if not models:
        raise UserError(f"{path}: [models] names no model")
    requirements = _file(path, table, "requirements") if "requirements" in table else None
    return WorkerManifest(
        folder,
        _file(path, table, "file"),
        requirements,
        str(table.get("python", "")),
        _timeouts(path, table),
        models,
        {name: _copied(path, name, entry, models[name]) for name, entry in _table(path, "models", table).items()},
        _switch(path, "complete", table.get("complete", False)),
    )


def _refuse_strangers(path: Path, table: Mapping[str, Any]) -> None:
    """A key that nothing reads, in any of the tables; presets hold what the worker knows itself."""
    models = table.get("models")
    refuse_unknown(
        path,
        Section("", table, ("file", "requirements", "complete", "python", "timeouts", "models")),
        Section("[timeouts]", table.get("timeouts"), [field.name for field in fields(Timeouts)]),
        *(Section(f"[models.{name}]", entry, _MODEL_KEYS) for name, entry in _entries(models)),
    )


def _entries(models: object) -> list[tuple[str, object]]:
    return list(models.items()) if isinstance(models, dict) else []


def _file(path: Path, table: Mapping[str, Any], key: str) -> Path:
    """A file inside the folder; a name that leads out of it is refused."""
    value = table.get(key)
    if not isinstance(value, str) or Path(value).name != value or not (path.parent / value).is_file():
        raise UserError(f"{path}: {key} is {value!r}, not the name of a file in {path.parent}")
    return (path.parent / value).absolute()


def _timeouts(path: Path, table: Mapping[str, Any]) -> Timeouts:
    entry = _table(path, "timeouts", table)
    return Timeouts(**{key: _number(path, f"timeouts.{key}", value) for key, value in entry.items()})


def _spec(path: Path, name: str, entry: object) -> GeneratorSpec:
    where = f"models.{name}"
    if not isinstance(entry, dict):
        raise UserError(f"{path}: {where} is no table")
    values: dict[str, Any] = {key: str(entry[key]) for key in _TEXT if key in entry}
    values |= {key: _whole(path, f"{where}.{key}", entry[key]) for key in _WHOLE if key in entry}
    values |= {key: _number(path, f"{where}.{key}", entry[key]) for key in _REAL if key in entry}
    missing = [key for key in ("sample_rate", "channels", "max_seconds") if key not in values]
    if missing:
        raise UserError(f"{path}: {where} does not state {', '.join(missing)}")
    if values.setdefault("size", "full") not in _SIZES:
        raise unknown_name(f"size ({path}: {where})", values["size"], _SIZES)
    presets = _table(path, "presets", entry)
    default = values.setdefault("default_preset", next(iter(presets), ""))
    if not all(isinstance(options, dict) for options in presets.values()) or (default and default not in presets):
        raise UserError(f"{path}: {where}: presets are tables, and default_preset is one of them")
    needs = entry.get("needs", [])
    if not isinstance(needs, list) or not all(isinstance(each, str) for each in needs):
        raise UserError(f"{path}: {where}: needs is {needs!r:.80}, expected a list of names of weights")
    values.setdefault("family", path.parent.name)
    return GeneratorSpec(
        name=name,
        gated=_switch(path, f"{where}.gated", entry.get("gated", False)),
        needs=tuple(needs),
        presets=presets,
        **values,
    )


def _copied(path: Path, name: str, entry: Mapping[str, Any], spec: GeneratorSpec) -> Mapping[str, str]:
    found = _table(path, "copied", entry)
    for need, form in found.items():
        if need not in spec.needs:
            raise unknown_name(f"weights in models.{name}.copied ({path})", need, spec.needs)
        if form not in READERS:
            raise unknown_name(f"form in models.{name}.copied ({path})", str(form), READERS)
    return {need: str(form) for need, form in found.items()}


def _table(path: Path, key: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise UserError(f"{path}: {key} is no table")
    return found


def _switch(path: Path, where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"{path}: {where} is {value!r}, expected true or false")
    return value


def _number(path: Path, where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise UserError(f"{path}: {where} is {value!r}, expected a positive number")
    return float(value)


def _whole(path: Path, where: str, value: object) -> int:
    number = _number(path, where, value)
    if not isinstance(value, int):
        raise UserError(f"{path}: {where} is {value!r}, expected a whole number")
    return int(number)
