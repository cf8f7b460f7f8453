"""`evalkit suites`: the suites at hand, or one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from evalkit.cli.output import print_json, print_table

if TYPE_CHECKING:
    from evalkit.suites.base import Suite


def suites(
    name: str | None = typer.Argument(None, help="A suite's name, or the path of a manifest."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List the suites, or show one: its prompts, metrics, references, licence and digest.

    \b
    Example:
      evalkit suites
      evalkit suites mini
    """
    from evalkit.suites.load import load_suite, suite_names

    if name is not None:
        _show(load_suite(name), as_json)
        return
    found = [_summary(load_suite(each)) for each in suite_names()]
    if as_json:
        print_json(found)
        return
    keys = ("name", "version", "size", "protocol", "prompts", "seconds", "metrics", "title")
    rows = [[", ".join(each[key]) if key == "metrics" else each[key] for key in keys] for each in found]
    print_table(keys, rows, numbers=(4, 5))


def _summary(suite: Suite) -> dict[str, Any]:
    return {
        "name": suite.name,
        "title": suite.title,
        "version": suite.version,
        "size": suite.size,
        "protocol": suite.protocol,
        "prompts": len(suite.prompts),
        "seconds": round(sum(prompt.seconds for prompt in suite.prompts), 3),
        "metrics": sorted(suite.metrics),
    }


def _show(suite: Suite, as_json: bool) -> None:
    plans = {
        name: {
            "weights": plan.weights,
            "reference": None if plan.reference is None else str(plan.reference),
            "reference_here": plan.reference is None or plan.reference.is_file(),
        }
        for name, plan in suite.metrics.items()
    }
    audio = None if suite.reference_audio is None else str(suite.reference_audio)
    more = {"licence": suite.licence, "citation": suite.citation, "digest": suite.digest, "reference_audio": audio}
    if as_json:
        prompts = [{"id": p.id, "text": p.text, "seconds": p.seconds, "labels": list(p.labels)} for p in suite.prompts]
        print_json({**_summary(suite), **more, "metrics": plans, "items": prompts})
        return
    facts = {**_summary(suite), **more}
    facts.pop("metrics")
    print_table(["suite", suite.name], [[key, value] for key, value in facts.items() if key != "name" and value])
    print()
    rows = [[name, p["weights"], p["reference"], "" if p["reference_here"] else "MISSING"] for name, p in plans.items()]
    print_table(["metric", "weights", "reference", ""], rows)
    print()
    shown = [[p.id, f"{p.seconds:g}", p.text if len(p.text) <= 100 else p.text[:99] + "…"] for p in suite.prompts[:200]]
    print_table(["prompt", "s", "text"], shown, numbers=(1,))
    if len(suite.prompts) > len(shown):
        print(f"... and {len(suite.prompts) - len(shown)} more (--json lists them all)")
