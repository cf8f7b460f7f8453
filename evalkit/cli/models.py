"""`evalkit models`: the models at hand, and whether their weights are here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli import run as options
from evalkit.cli.output import json_option, print_json, print_table, say
from evalkit.core.errors import UserError

if TYPE_CHECKING:
    from evalkit.generators.base import Generator, GeneratorSpec
    from evalkit.run.config import RunConfig

_COLUMNS = {
    "name": "name",
    "size": "size",
    "parameters": "params",
    "sample_rate": "rate (Hz)",
    "channels": "channels",
    "window_seconds": "window (s)",
    "weights_here": "weights",
    "gated": "gated",
    "licence": "licence",
}


_CHECK = typer.Argument(None, metavar="NAME", help="With `check`: the model to check, by any form of --model.")


def models(
    name: str | None = typer.Argument(None, metavar="NAME|check", help="A model's name, or `check`."),
    checked: str | None = _CHECK,
    preset: str | None = options.PRESET,
    set_: list[str] = options.SET,
    device: str = options.DEVICE,
    dtype: str = options.DTYPE,
    weights: list[str] = options.WEIGHTS,
    checkpoint: Path | None = options.CHECKPOINT,
    random_weights: bool = options.RANDOM_WEIGHTS,
    timeout: float | None = options.TIMEOUT,
    as_json: bool = json_option(),
) -> None:
    """List the models, show one, or check one against the rules.

    The list has size, parameters, rate, window, licence, and whether the weights are here.

    `evalkit models check NAME` runs one through the rules that every generator keeps (its spec, form, length, rate,
    finite samples, an honest clock, the same bits again, seeds that concern their own item, no influence of neighbours
    in the batch, no growing memory, an end) and says which it breaks: exit 1. The other options are for this alone.

    A model of the Stable Audio family whose weights are missing runs from any checkpoint of its kind
    (`--checkpoint PATH`), or without weights for speed tests (`--random-weights`).

    \b
    Example:
      evalkit models
      evalkit models stable-audio
      evalkit models check own_model:Whistle
    """
    if name == "check":
        from evalkit.run.config import (
            RunConfig,
            parse_changes,
            parse_checkpoint,
            parse_timeout,
            parse_weights,
            resolve_device,
        )

        if checked is None:
            raise UserError("evalkit models check: which model?", "evalkit models check NAME")
        config = RunConfig(
            model=checked,
            preset=preset,
            changes=parse_changes(set_),
            device=resolve_device(device),
            dtype=dtype,
            weights=parse_weights(weights),
            checkpoint=parse_checkpoint(checkpoint),
            random_weights=random_weights,
            timeouts=parse_timeout(timeout),
        )
        _check(config, as_json)
        return
    if checked is not None:
        raise UserError(f"evalkit models {name} {checked}: one name at a time", f"evalkit models check {checked}?")
    if name is not None:
        _show(_facts(name), as_json)
        return
    _list(as_json)


def _list(as_json: bool) -> None:
    from evalkit.generators.base import GENERATORS

    found = [_facts(each) for each in GENERATORS.names()]
    if as_json:
        print_json(found)
        return
    rows = [[_cell(key, each[key]) for key in _COLUMNS] for each in found]
    print_table(list(_COLUMNS.values()), rows, numbers=(2, 3, 4, 5))
    if any(each["weights_here"] not in ("here", "none needed") for each in found):
        say()
        say("what is missing, and where it goes: evalkit models NAME")


def _check(config: RunConfig, as_json: bool) -> None:
    """Run a model through the rules, tell what was found, and exit 1 where one is broken."""
    from evalkit.run.rules import check_model

    found = check_model(config)
    broken = [each.rule for each in found if each.ok is False]
    if as_json:
        rules = [{"rule": each.rule, "ok": each.ok, "detail": each.detail} for each in found]
        print_json({"model": config.model, "rules": rules, "broken": broken})
    else:
        words = {True: "kept", False: "BROKEN", None: "-"}
        print_table(["rule", "", "what was found"], [[each.rule, words[each.ok], each.detail] for each in found])
        say(f"{config.model} breaks {', '.join(broken)}" if broken else f"{config.model} keeps them all")
    if broken:
        raise typer.Exit(1)


def _facts(name: str) -> dict[str, Any]:
    """What is known of a model without loading it: its spec, and where its weights are."""
    from evalkit.generators.base import GENERATORS, rounded_down
    from evalkit.generators.contract import checked_spec
    from evalkit.run.plan import load_generator

    try:
        generator = load_generator(name, {})
        spec: GeneratorSpec = checked_spec(generator, name)
    except UserError as error:
        if name not in GENERATORS.targets():
            raise
        known = {"name": name, "size": "?", "weights_here": "cannot be built", "how": str(error)}
        return dict.fromkeys((*_COLUMNS, "family", "max_seconds", "default_preset")) | known
    environment = _environment(generator)
    here, how = _weights(spec.needs if environment else (name, *spec.needs), spec)
    if environment == "not installed":
        here = "no environment" if here == "here" else here
        command = f"evalkit baselines install {spec.family}"
        how = f"its environment is not installed: {command}" + (f"; {how}" if how else "")
    return {
        "name": spec.name,
        "family": spec.family,
        "size": spec.size,
        "parameters": spec.parameters,
        "sample_rate": spec.sample_rate,
        "channels": spec.channels,
        "max_seconds": rounded_down(spec.max_seconds) if spec.max_seconds < float("inf") else None,
        "window_seconds": None if spec.window_seconds is None else rounded_down(spec.window_seconds),
        "licence": spec.licence,
        "gated": spec.gated,
        "weights_here": here,
        "revision": spec.revision,
        "environment": environment,
        "needs": list(spec.needs),
        "how": how,
        "presets": {key: dict(options) for key, options in spec.presets.items()},
        "further": sorted(spec.further),
        "default_preset": spec.default_preset,
        "notes": list(spec.notes),
    }


def _environment(generator: Generator) -> str:
    """ "here" or "not installed" for a model that runs in an environment of its own, "" for any other."""
    from evalkit.generators.worker.environment import is_ready
    from evalkit.generators.worker.generator import Isolated

    found = generator.environment if isinstance(generator, Isolated) else None
    return "" if found is None else "here" if is_ready(found) else "not installed"


def _weights(names: Sequence[str], spec: GeneratorSpec) -> tuple[str, str]:
    """("here" | "missing" | "unpublished" | "partly" | "none needed" | "its own", the path or what to put where)."""
    from evalkit.core.errors import MissingWeights, UserError
    from evalkit.fetch.published import PUBLISHED
    from evalkit.fetch.weights import locate

    if spec.size == "none":
        return "none needed", ""
    found, missing = [], []
    for each in names:
        try:
            found.append(str(locate(each, {})))
        except MissingWeights as error:
            missing.append(str(error))
        except UserError:
            # A model of another package may keep its weights elsewhere; its digest says whether it found them.
            return ("here", "") if spec.weights else ("its own", "")
    if spec.weights or not missing:
        return "here", ", ".join(found)
    unpublished = names[0] in PUBLISHED and not PUBLISHED[names[0]].source
    state = "partly" if found else "unpublished" if unpublished else "missing"
    return state, "; ".join([*missing, *(f"here: {path}" for path in found)])


def _cell(key: str, value: object) -> object:
    if key == "parameters" and isinstance(value, int):
        return f"{value / 1e6:.1f} M"
    if key == "gated":
        return "yes" if value else ""
    return value


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    left_out = ("name", "presets", "needs", "further", "notes")
    shown = {key: _cell(key, value) for key, value in facts.items() if key not in left_out}
    rows = [[key.replace("_", " "), value] for key, value in shown.items() if value not in (None, "")]
    print_table(["model", facts["name"]], rows)
    for preset, chosen in facts.get("presets", {}).items():
        say(f"preset {preset}: " + ", ".join(f"{key}={value}" for key, value in chosen.items()))
    if facts.get("further"):
        say(f"further options of --set: {', '.join(facts['further'])}")
    for note in facts.get("notes", ()):
        say(note)
