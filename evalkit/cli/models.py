"""`evalkit models`: the models at hand, and whether their weights are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.output import print_json, print_table

if TYPE_CHECKING:
    from evalkit.generators.base import GeneratorSpec


def models(
    name: str | None = typer.Argument(None, help="A model's name."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List the models with their size, rate, channels, licence, and whether their weights are here.

    \b
    Example:
      evalkit models
      evalkit models stable-audio-mini
    """
    from evalkit.generators.base import GENERATORS

    if name is not None:
        _show(_facts(name), as_json)
        return
    found = [_facts(each) for each in GENERATORS.names()]
    if as_json:
        print_json(found)
        return
    keys = ("name", "size", "sample_rate", "channels", "max_seconds", "weights_here", "licence")
    headers = ("name", "size", "rate (Hz)", "channels", "max (s)", "weights", "licence")
    print_table(headers, [[each[key] for key in keys] for each in found], numbers=(2, 3, 4))


def _facts(name: str) -> dict[str, Any]:
    """What is known of a model without loading it: its spec, and where its weights are."""
    from evalkit.core.errors import UserError
    from evalkit.generators.base import GENERATORS

    try:
        spec: GeneratorSpec = GENERATORS.load(name)().spec
    except UserError as error:
        if name not in GENERATORS.targets():
            raise
        return {"name": name, "size": "?", "weights_here": "cannot be built", "how": str(error)} | dict.fromkeys(
            ("family", "sample_rate", "channels", "max_seconds", "licence", "default_preset")
        )
    here, how = _weights(name, spec)
    return {
        "name": spec.name,
        "family": spec.family,
        "size": spec.size,
        "sample_rate": spec.sample_rate,
        "channels": spec.channels,
        "max_seconds": round(spec.max_seconds, 3) if spec.max_seconds < float("inf") else None,
        "licence": spec.licence,
        "weights_here": here,
        "how": how,
        "presets": {key: dict(options) for key, options in spec.presets.items()},
        "default_preset": spec.default_preset,
    }


def _weights(name: str, spec: GeneratorSpec) -> tuple[str, str]:
    """("here" | "missing" | "none needed" | "its own", the path or what to put where)."""
    from evalkit.core.errors import MissingWeights, UserError
    from evalkit.fetch.weights import locate

    if spec.size == "none":
        return "none needed", ""
    try:
        return "here", str(locate(name, {}))
    except MissingWeights as error:
        return "missing", str(error)
    except UserError:
        # A model of another package may keep its weights elsewhere; its digest says whether it found them.
        return ("here", "") if spec.weights else ("its own", "")


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    shown = {key: value for key, value in facts.items() if key not in ("name", "presets") and value not in (None, "")}
    print_table(["model", facts["name"]], [[key.replace("_", " "), value] for key, value in shown.items()])
    for preset, options in facts.get("presets", {}).items():
        print(f"preset {preset}: " + ", ".join(f"{key}={value}" for key, value in options.items()))
