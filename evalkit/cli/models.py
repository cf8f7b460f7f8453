"""`evalkit models`: the models at hand, and whether their weights are here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli import run as options
from evalkit.cli.findings import checked_name, tell
from evalkit.cli.output import json_option, print_json, print_table, say
from evalkit.cli.words import wrong_words

if TYPE_CHECKING:
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
    wrong = wrong_words()
    if checked_name(name, checked, "model"):
        from evalkit.api.request import request
        from evalkit.run.config import Sharing, parse_changes, parse_weights

        config = request(
            str(checked),
            preset=preset,
            options=wrong.read({}, parse_changes, set_),
            sharing=Sharing(device),
            dtype=dtype,
            weights=wrong.read({}, parse_weights, weights),
            checkpoint=checkpoint,
            random_weights=random_weights,
            timeout=timeout,
            wrong=wrong,
        )
        _check(config, as_json)
        return
    wrong.settle()
    if name is not None:
        from evalkit.api.models import model_facts

        _show(asdict(model_facts(name)), as_json)
        return
    _list(as_json)


def _list(as_json: bool) -> None:
    from evalkit.api.models import models as all_models

    found = [asdict(each) for each in all_models()]
    if as_json:
        print_json(found)
        return
    rows = [[_cell(key, each[key]) for key in _COLUMNS] for each in found]
    print_table(list(_COLUMNS.values()), rows, numbers=(2, 3, 4, 5))
    if any(each["weights_here"] not in ("here", "in the cache", "none needed") for each in found):
        say()
        say("what is missing, and where it goes: evalkit models NAME")


def _check(config: RunConfig, as_json: bool) -> None:
    """Run a model through the rules, tell what was found, and exit 1 where one is broken."""
    from evalkit.run.rules import check_model

    tell("model", config.model, check_model(config), as_json)


def _cell(key: str, value: object) -> object:
    if key == "parameters" and isinstance(value, int):
        return f"{value / 1e6:.1f} M"
    if key == "gated":
        return "yes" if value else ""
    return value


def _show(facts: dict[str, Any], as_json: bool) -> None:
    from evalkit.generators.templates import templated

    if as_json:
        print_json(facts)
        return
    left_out = ("name", "presets", "needs", "further", "templates", "notes")
    shown = {key: _cell(key, value) for key, value in facts.items() if key not in left_out}
    rows = [[key.replace("_", " "), value] for key, value in shown.items() if value not in (None, "")]
    print_table(["model", facts["name"]], rows)
    for preset, chosen in facts.get("presets", {}).items():
        say(f"preset {preset}: " + ", ".join(f"{key}={value}" for key, value in chosen.items()))
    for template, fields in facts.get("templates", {}).items():
        say(f"prompt template {template}: {templated(fields, 'PROMPT')}")
    if facts.get("further"):
        say(f"further options of --set: {', '.join(facts['further'])}")
    for note in facts.get("notes", ()):
        say(note)
