"""`evalkit baselines`: the environments of the models that cannot share evalkit's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.output import json_option, print_json, print_table, say, warn
from evalkit.cli.paths import typed
from evalkit.core import paths
from evalkit.core.errors import UserError, unknown_name

if TYPE_CHECKING:
    from evalkit.generators.worker.manifest import WorkerManifest


def baselines(
    what: str | None = typer.Argument(None, metavar="install", help="`install`; nothing lists what there is."),
    name: str | None = typer.Argument(None, metavar="NAME", help="A baseline's name, or the path of its folder."),
    wheels: Path | None = typer.Option(
        None, "--wheels", parser=typed, metavar="FOLDER", help="Take every package from this folder, with no network."
    ),
    as_json: bool = json_option(),
) -> None:
    """List models with an environment of their own, or install one.

    The packages are those of the folder's own pinned requirements, in an environment under EVALKIT_HOME, made with uv
    where that is installed. A stopped install is gone on with by the same command. EVALKIT_OFFLINE=1 forbids the
    network; with --wheels none is needed.

    \b
    Example:
      evalkit baselines
      evalkit baselines install my-model/
    """
    if what is None:
        _list(as_json)
        return
    if what != "install":
        raise unknown_name("thing to do with baselines", what, ["install"])
    if name is None:
        raise UserError("evalkit baselines install: which?", "`evalkit baselines` lists them")
    _install(name, wheels, as_json)


def _install(name: str, wheels: Path | None, as_json: bool) -> None:
    from evalkit.fetch.environment import install
    from evalkit.generators.worker.generator import environment_of

    manifest = _find(name)
    environment = environment_of(manifest)
    if environment is None:
        raise UserError(f"{name}: needs no environment of its own: its models run as they are")
    made = install(environment, wheels, warn)
    if as_json:
        print_json({"name": environment.name, "folder": str(environment.folder), "made": made})
        return
    say(f"{environment.name}: {'installed' if made else 'was installed already'}, {environment.folder}")


def _list(as_json: bool) -> None:
    found = [_facts(manifest) for manifest in _shipped().values()]
    if as_json:
        print_json(found)
        return
    rows = [[each["name"], ", ".join(each["models"]), each["environment"]] for each in found]
    if not rows:
        say("no baseline needs a process of its own; evalkit models lists what runs")
        return
    print_table(["baseline", "models", "environment"], rows)


def _facts(manifest: WorkerManifest) -> dict[str, Any]:
    from evalkit.fetch.environment import is_ready
    from evalkit.generators.worker.generator import environment_of

    environment = environment_of(manifest)
    ready = "none needed" if environment is None else "here" if is_ready(environment) else "not installed"
    return {"name": manifest.folder.name, "models": sorted(manifest.models), "environment": ready}


def _find(name: str) -> WorkerManifest:
    """A shipped baseline by its name, or any folder by its path."""
    from evalkit.core.resources import resource
    from evalkit.generators.worker.manifest import MANIFEST, read_worker

    known = _shipped()
    if name in known:
        return known[name]
    path = paths.typed(name)
    if path.is_dir() and ("/" in name or (path / MANIFEST).is_file()):
        return read_worker(path)
    if (resource("baselines") / name).is_dir():
        raise UserError(f"{name}: runs in evalkit's own process, so there is nothing to install")
    raise unknown_name("baseline with a process of its own", name, known)


def _shipped() -> dict[str, WorkerManifest]:
    """name -> worker of the baselines' folders that have one."""
    from evalkit.core.resources import resource
    from evalkit.generators.worker.manifest import MANIFEST, read_worker

    paths = sorted(resource("baselines").glob(f"*/{MANIFEST}"))
    return {path.parent.name: read_worker(path.parent) for path in paths}
