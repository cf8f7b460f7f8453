"""`evalkit embedders`: what turns sounds into features, the manual of one, or a check of one."""

from __future__ import annotations

from typing import Any

import typer

from evalkit.cli import run as options
from evalkit.cli.findings import checked_name, tell
from evalkit.cli.output import json_option, print_json, print_table, say

_CHECK = typer.Argument(None, metavar="NAME", help="With `check`: the embedder to check, also file.py:NAME.")


def embedders(
    name: str | None = typer.Argument(None, metavar="NAME|check", help="An embedder's name, or `check`."),
    checked: str | None = _CHECK,
    device: str = options.DEVICE,
    weights: list[str] = options.WEIGHTS,
    as_json: bool = json_option(),
) -> None:
    """List the embedders, print the manual of one, or check one against the rules.

    An embedder is named by its weights; one of your own by its code (`mine.py:Class`). `evalkit embedders check NAME`
    tries one (its spec and form, the same bits again, no influence of neighbours or order, silence, short, mono and 5.1
    clips at several rates, nothing changed of what it is given, no pickle, its speed) and says which rule it breaks:
    exit 1. The other options are for this alone.

    \b
    Example:
      evalkit embedders
      evalkit embedders openl3-mini
      evalkit embedders check mine.py:Mine
    """
    from evalkit.embed.base import EMBEDDERS

    if checked_name(name, checked, "embedder"):
        from evalkit.run.config import parse_weights, resolve_device
        from evalkit.run.embedder_rules import check_embedder

        found = check_embedder(str(checked), resolve_device(device), parse_weights(weights))
        tell("embedder", str(checked), found, as_json)
    elif name is not None:
        _show(name, as_json)
    else:
        listed = [_facts(each) for each in EMBEDDERS.names()]
        if as_json:
            print_json(listed)
        else:
            print_table(
                ["name", "family", "weights"], [[each[key] for key in ("name", "family", "weights")] for each in listed]
            )


def _facts(name: str) -> dict[str, Any]:
    """What is known of an embedder without importing or loading it."""
    from evalkit.core.errors import MissingWeights
    from evalkit.embed.base import EMBEDDERS, family_of, is_own
    from evalkit.fetch.weights import WITHOUT_FILE, locate

    if is_own(name):
        return {"name": name, "family": "", "weights": "its own", "how": EMBEDDERS.target(name)}
    if name in WITHOUT_FILE:
        return {"name": name, "family": family_of(name), "weights": "none needed", "how": ""}
    try:
        here, how = "here", str(locate(name, {}))
    except MissingWeights as error:
        here, how = "missing", str(error)
    return {"name": name, "family": family_of(name), "weights": here, "how": how}


def _show(name: str, as_json: bool) -> None:
    import inspect
    import sys

    from evalkit.embed.base import EMBEDDERS

    EMBEDDERS.load(name, typed=True)
    module = sys.modules[EMBEDDERS.module(name, typed=True)]
    manual = inspect.cleandoc(module.__doc__ or "This embedder has no manual.")
    facts = _facts(name)
    if as_json:
        print_json({**facts, "manual": manual})
        return
    print_table(["embedder", name], [[key, value] for key, value in facts.items() if value and key != "name"])
    say()
    for line in manual.splitlines():
        say(line)
