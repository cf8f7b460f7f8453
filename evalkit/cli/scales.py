"""How `suites anchors` and `metrics NAME` tell the marks on a metric's scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from evalkit.cli.output import print_json, print_table, say
from evalkit.core.errors import UserError

if TYPE_CHECKING:
    from evalkit.suites.anchors import Anchor


def compute_anchors(suite: str | None, weights: Sequence[str], device: str, as_json: bool) -> None:
    """Compute the anchors of a suite, keep them, and print them. The cost is said before the work."""
    if suite is None:
        raise UserError("evalkit suites anchors: of which suite?", "evalkit suites anchors NAME")
    from evalkit.cli.progress import for_this_terminal
    from evalkit.run.anchors import compute, material, prepare
    from evalkit.run.config import RunConfig, parse_weights, require_device, resolve_device
    from evalkit.run.plan import memory_plan
    from evalkit.suites.anchors import keep_anchors, kept_at

    where = resolve_device(device)
    require_device(where)
    plan = memory_plan(RunConfig(model="anchors", suite=suite, weights=parse_weights(weights), device=where))
    with for_this_terminal() as progress:
        scoring = prepare(plan, progress)
        made_of = material(scoring)
        found = compute(scoring, made_of, progress)
    said = {"name": plan.suite.name, "version": plan.suite.version, "digest": plan.suite.digest}
    path = keep_anchors(kept_at(plan.suite.digest), said, found, made_of.split)
    if as_json:
        print_json({"suite": said, "halves": made_of.split, "file": str(path), "anchors": [asdict(a) for a in found]})
        return
    print_anchors(found)
    say(f"halves: {made_of.split}" if made_of.takes else "the suite has no folder of recordings: no halves")
    say(f"kept: {path}; tables and pages of this suite show them from now on")


def print_anchors(anchors: Sequence[Anchor]) -> None:
    """A table of anchors, by metric."""
    from evalkit.report.scales import value_told

    rows = [
        [each.metric, each.title, value_told(each), each.n, each.n_reference or "", each.told]
        for each in sorted(anchors, key=lambda each: each.metric)
    ]
    print_table(["metric", "anchor", "value", "n", "reference", ""], rows, numbers=(3, 4))


def print_scale(metric: str) -> None:
    """What is known of a metric's scale, suite by suite; how to have it where nothing is."""
    from evalkit.report.scales import anchor_told
    from evalkit.suites.anchors import every_anchor

    known = every_anchor(metric)
    say("Scale")
    for suite, anchors in known:
        for protocol, weights in dict.fromkeys((each.protocol, each.weights) for each in anchors):
            say(f"    suite {suite['name']} {suite['version']}, protocol {protocol}, weights {weights[:12]}:")
            for each in anchors:
                if (each.protocol, each.weights) == (protocol, weights):
                    say(f"        {anchor_told(each)}")
    if not known:
        say("    no suite here has anchors of it: evalkit suites anchors NAME computes those of a suite")
    say()
