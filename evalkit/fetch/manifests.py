"""The baselines' manifests: `baselines/<family>/manifest.toml`, one table per model.

A manifest says what is published and where: the repository on the hub, the licence, rate, channels, how long a
sound may be, and the settings that its authors state. What runs the model is the `adapter.py` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.faults import Section, refuse_unknown
from evalkit.core.resources import resource
from evalkit.core.tomlio import read_toml

MANIFEST = "manifest.toml"


@dataclass(frozen=True)
class Baseline:
    """One model of a manifest.

    `hub` is its repository on the Hugging Face hub and `revision` the commit or branch of it; `files` are those that
    `evalkit fetch weights` gets (none: the whole repository is needed, which it does not get). In place of these,
    `shipped` says that evalkit brings the model along, in `mini/weights/<name>`. `window_seconds`
    is what the model was trained on; `stride_seconds` by how much the window moves on where a sound is longer (0: it is
    made whole). `needs` names weights of other repositories. `worker` says that it runs in a process and an
    environment of its own, as the folder's `worker.toml` describes. `parameters` are those of the network that is
    sampled. `size` is "full", or "mini" for what is shipped.
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
    """The models of one file; `[defaults]` holds for all of them. Raises UserError, naming the file and the key."""
    content = read_toml(path, "manifest")
    models = content.get("models")
    _refuse_strangers(path, content)
    if not isinstance(models, dict) or not all(isinstance(each, dict) for each in models.values()):
        raise UserError(f"{path}: [models] is missing, or is not one table per model")
    shared = {
        **content.get("defaults", {}),
        "family": content.get("family", path.parent.name),
        "folder": path.parent,
        "further": content.get("further", {}),
    }
    told = {"presets": content.get("presets", {}), **shared}
    return [_model(path, name, {**told, **table, "name": name}) for name, table in models.items()]


def _refuse_strangers(path: Path, content: Mapping[str, Any]) -> None:
    """A key that nothing reads, in any of the tables; presets and further options are the adapter's own."""
    known = [each.name for each in fields(Baseline) if each.name not in ("name", "folder")]
    models = content.get("models")
    refuse_unknown(
        path,
        Section("", content, ("family", "defaults", "presets", "further", "models")),
        Section("[defaults]", content.get("defaults"), known),
        *(
            Section(f"[models.{key}]", each, known)
            for key, each in (models if isinstance(models, dict) else {}).items()
        ),
    )


def _model(path: Path, name: str, told: dict[str, Any]) -> Baseline:
    told |= {key: tuple(told[key]) for key in ("files", "needs") if key in told}
    if told.get("shipped"):
        told = {"size": "mini"} | told | {"revision": "", "files": ()}
    try:
        model = Baseline(**told)
    except TypeError as error:
        raise UserError(f"{path}: models.{name}: {str(error).partition('()')[2].strip()}") from None
    if bool(model.hub) == model.shipped:
        raise UserError(f"{path}: models.{name}: has either hub or shipped = true")
    if model.default_preset not in model.presets:
        raise UserError(f"{path}: models.{name}: no preset is called {model.default_preset!r}")
    return model
