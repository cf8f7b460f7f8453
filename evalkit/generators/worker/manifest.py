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
least_seconds = 10                  # absent: it makes any length; a shorter sound is then the beginning of one so long
lyrics = true                       # its generate takes them as a fifth argument
needs = ["tone"]
copied = { tone = "torch" }         # needs that evalkit reads and hands over as safetensors (checkpoints/safe_copy.py)
[models.tone.presets.default]
pitch = 440
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evalkit.checkpoints.safe_copy import READERS
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.ids import digest_file, digest_json
from evalkit.core.paths import MOST_ENTRIES, is_file
from evalkit.core.tables import Table
from evalkit.core.tomlio import read_toml_table
from evalkit.generators.base import GeneratorSpec, Timeouts

MANIFEST = "worker.toml"
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
    """Raises UserError, naming file, line and key of all that is wrong, where there is no worker or its table is not as
    it should be."""
    table = read_toml_table(folder / MANIFEST, "worker manifest", "name a folder that holds one")
    file = _file(table, "file", folder)
    requirements = _file(table, "requirements", folder) if table.holds("requirements") else None
    table.knows("requirements")
    timeouts = table.table("timeouts", optional=True)
    limits = {key: timeouts.number(key, seconds) for key, seconds in asdict(Timeouts()).items()}
    models = table.table("models")
    specs = {name: _spec(entry, name, folder.name) for name, entry in models.tables().items()}
    if models.is_sound and not specs:
        models.fault("", "[models] names no model")
    found = WorkerManifest(
        folder,
        file,
        requirements,
        table.text("python", "", empty=True),
        Timeouts(**limits),
        {name: spec for name, (spec, _) in specs.items()},
        {name: copied for name, (_, copied) in specs.items()},
        table.switch("complete"),
    )
    table.settle()
    return found


def _file(table: Table, key: str, folder: Path) -> Path:
    """A file inside the folder; a name that leads out of it is refused."""

    def fits(value: Any) -> bool:
        return isinstance(value, str) and Path(value).name == value and "\0" not in value and is_file(folder / value)

    hint = f'add {key} = "...", the name of a file in {folder}'
    return (folder / str(table.read(key, fits, f"the name of a file in {folder}", None, "", hint))).absolute()


def _spec(table: Table, name: str, folder: str) -> tuple[GeneratorSpec, Mapping[str, str]]:
    """A model, and which of the weights that it needs are copied from which form."""
    said = table.free("presets")
    presets = {key: options for key, options in said.items() if isinstance(options, dict)}
    needs = table.texts("needs", "names of weights")
    spec = GeneratorSpec(
        name=name,
        family=table.text("family", folder),
        sample_rate=table.whole("sample_rate", least=1),
        channels=table.whole("channels", least=1),
        max_seconds=table.number("max_seconds"),
        window_seconds=table.number("window_seconds") if table.holds("window_seconds") else None,
        size=table.one_of("size", _SIZES, "full"),
        licence=table.text("licence", "", empty=True),
        gated=table.switch("gated"),
        parameters=table.whole("parameters", least=1) if table.holds("parameters") else None,
        needs=needs,
        presets=presets,
        default_preset=table.text("default_preset", next(iter(presets), ""), empty=True),
        batch_size=table.whole("batch_size", GeneratorSpec.batch_size, least=1),
        least_seconds=table.number("least_seconds") if table.holds("least_seconds") else None,
        lyrics=table.switch("lyrics"),
    )
    table.knows("window_seconds", "least_seconds", "parameters")
    if len(presets) < len(said) or (spec.default_preset and spec.default_preset not in presets):
        table.fault("presets", "presets are tables, and default_preset is one of them")
    copied = table.table("copied", optional=True)
    for need in copied.names():
        if need not in needs:
            copied.fault(need, f"{need!r} is none of `needs`", f"known: {', '.join(needs)}")
    return spec, {need: copied.one_of(need, READERS) for need in copied.names()}
