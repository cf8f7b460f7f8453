"""The baselines' manifests: `baselines/<family>/manifest.toml`, one table per model.

A manifest says what is published and where: the repository on the hub, the licence, rate, channels, how long a
sound may be, and the settings that its authors state. What runs the model is the `adapter.py` beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.resources import resource
from evalkit.core.tables import Table
from evalkit.core.tomlio import read_toml_table

MANIFEST = "manifest.toml"


@dataclass(frozen=True)
class Baseline:
    """One model of a manifest.

    `hub` is its repository on the Hugging Face hub and `revision` the commit or branch of it; `files` are those that
    `evalkit fetch weights` gets (none: the whole repository is needed, which it does not get). In place of these,
    `shipped` says that evalkit brings the model along, in `mini/weights/<name>`. `window_seconds`
    is what the model was trained on; `stride_seconds` by how much the window moves on where a sound is longer (0: it is
    made whole), and `least_seconds` the shortest that the model makes, of which a shorter sound is the beginning.
    `lyrics` says that it reads them beside the prompt. `needs` names weights of other repositories. `worker` says that
    it runs in a process and an environment of its own, as the folder's `worker.toml` describes. `parameters` are those
    of the network that is sampled. `size` is "full", or "mini" for what is shipped.
    """

    name: str
    family: str
    folder: Path
    licence: str
    sample_rate: int
    channels: int
    window_seconds: float
    max_seconds: float
    default_preset: str
    presets: Mapping[str, Mapping[str, Any]]
    hub: str = ""
    revision: str = ""
    shipped: bool = False
    stride_seconds: float = 0.0
    least_seconds: float = 0.0
    lyrics: bool = False
    parameters: int | None = None
    batch_size: int = 4
    files: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    worker: bool = False
    size: str = "full"
    further: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The folder's name under EVALKIT_HOME/weights: that of the repository."""
        return self.hub.rpartition("/")[2] or self.name


def _size(table: Table, key: str) -> str:
    return table.one_of(key, ("full", "mini"))


def _count(table: Table, key: str) -> int:
    return table.whole(key, least=1)


_READERS: Mapping[str, Callable[[Table, str], Any]] = {
    **dict.fromkeys(("family", "licence", "hub", "revision", "default_preset"), Table.text),
    **dict.fromkeys(("sample_rate", "channels", "parameters", "batch_size"), _count),
    **dict.fromkeys(("window_seconds", "max_seconds", "stride_seconds", "least_seconds"), Table.number),
    **dict.fromkeys(("shipped", "worker", "lyrics"), Table.switch),
    **dict.fromkeys(("files", "needs"), Table.texts),
    **dict.fromkeys(("presets", "further"), Table.free),
    "size": _size,
}


@cache
def baselines() -> Mapping[str, Baseline]:
    """name -> model, of every manifest that ships. Raises UserError, naming the file, for a wrong one."""
    found: dict[str, Baseline] = {}
    for path in sorted(resource("baselines").glob(f"*/{MANIFEST}")):
        for model in read_manifest(path):
            if model.name in found:
                raise UserError(f"{path}: the model {model.name} is in {found[model.name].folder} too")
            found[model.name] = model
    return found


def read_manifest(path: Path) -> list[Baseline]:
    """The models of one file; `[defaults]` holds for all of them. Raises UserError with all that is wrong with it, each
    fault with its line and key."""
    file = read_toml_table(path, "manifest")
    shared = {
        "presets": file.free("presets"),
        **_said(file.table("defaults", optional=True)),
        "family": file.text("family", path.parent.name),
        "folder": path.parent,
        "further": file.free("further"),
    }
    models = [_model(name, table, {**shared, "name": name}) for name, table in file.table("models").tables().items()]
    file.settle()
    return [model for model in models if model is not None]


def _said(table: Table) -> dict[str, Any]:
    """{field of a Baseline: value} of those that a table states; presets and further options are the adapter's own."""
    table.knows(*_READERS)
    return {key: read(table, key) for key, read in _READERS.items() if table.holds(key)}


def _model(name: str, table: Table, told: dict[str, Any]) -> Baseline | None:
    """A model of what holds for all and of its own table; None where something is missing, which is told."""
    told |= _said(table)
    if told.get("shipped"):
        told = {"size": "mini"} | told | {"revision": "", "files": ()}
    missing = [each.name for each in fields(Baseline) if _must_be(each) and each.name not in told]
    for key in missing:
        table.miss(key)
    if bool(told.get("hub")) == bool(told.get("shipped")):
        table.fault("", f"models.{name} has either hub or shipped = true")
    default = told.get("default_preset")
    if default is not None and default not in told["presets"]:
        table.fault("default_preset", f"no preset is called {default!r}")
    return Baseline(**told) if not missing else None


def _must_be(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING
