"""Makes the sensitivity cards that ship: what each metric hears, by the judges that ship (`nox -s cards`).

    python -m evalkit.mini.card.ladders [METRIC ...] [--weights NAME=PATH ...]

By the minis, on the scenes that ship beside suite mini, or on pieces of them where these are too few. A metric whose
judge has no mini has a card where its weights are given; without them it is left out, and said. Writes
`evalkit/metrics/cards/METRIC.json` and `reports/cards/METRIC.svg`; exit code 1 where a metric does not do what its card
claims.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evalkit.core.errors import MissingWeights
from evalkit.core.files import write_bytes
from evalkit.core.ids import digest_json
from evalkit.core.resources import resource
from evalkit.fetch.published import GPT2_TOKENIZER
from evalkit.fetch.weights import locate
from evalkit.metrics.base import METRICS
from evalkit.metrics.sensitivity import CARDS, Sensitivity, broken_told, keep
from evalkit.mini.card.pieces import CALLED, SECONDS, in_pieces, shipped_takes
from evalkit.mini.card.seeded import JUDGE, TAUGHT, is_seeded, seeded_msclap
from evalkit.report.sensitivity import picture
from evalkit.run.config import parse_weights
from evalkit.run.ladders import Trial, measure
from evalkit.run.progress import Lines, Progress
from evalkit.suites.brief import Brief
from evalkit.suites.judges import choose_judges
from evalkit.suites.takes import STAND_INS, judge_for, size_of

SEEDED = (JUDGE, GPT2_TOKENIZER)

BRIEF = Brief(judges=("mini",))

ON_PIECES = ("mad_clap", "mad_openl3")
"""Metrics that make of 22 clips so little (two clusters) that nothing moves them."""


@contextmanager
def stand_ins() -> Iterator[Mapping[str, Path]]:
    """Weights for the judges that have no mini of their own name, while the context lasts."""
    with seeded_msclap() as seeded:
        yield {**STAND_INS, **seeded}


def measurable(names: Sequence[str], weights: Mapping[str, Path]) -> tuple[list[str], dict[str, str]]:
    """(metrics whose judge is here, {metric: why not} of the others)."""
    judges, here, without = choose_judges(BRIEF.judges, weights), [], {}
    for name in names:
        judge = judge_for(name, METRICS.load(name).card, judges, weights)
        try:
            if size_of(judge, weights) != "none":
                locate(judge, weights)
            here.append(name)
        except MissingWeights as error:
            without[name] = error.message
    return here, without


def measured(names: Sequence[str], weights: Mapping[str, Path], progress: Progress) -> list[Sensitivity]:
    """The cards of these metrics."""
    few, others = ([name for name in names if (name in ON_PIECES) is on] for on in (True, False))
    cards = _measured(others, BRIEF, weights, progress) if others else []
    if few:
        with in_pieces(BRIEF) as brief:
            cards += [_of_pieces(card) for card in _measured(few, brief, weights, progress)]
    seeded = JUDGE in weights and is_seeded(weights[JUDGE])
    return [replace(card, size="seeded", taught=TAUGHT) if seeded and card.judge == JUDGE else card for card in cards]


def _of_pieces(card: Sensitivity) -> Sensitivity:
    """Without the name of the folder that they lay in."""
    return replace(card, data=CALLED, digest=digest_json({"pieces": SECONDS, "of": shipped_takes()}))


def _measured(names: Sequence[str], brief: Brief, weights: Mapping[str, Path], progress: Progress) -> list[Sensitivity]:
    judges = choose_judges(BRIEF.judges, weights)
    needed = {judge_for(name, METRICS.load(name).card, judges, weights) for name in names}
    idle = {*STAND_INS, *SEEDED} - (needed | ({*SEEDED} if JUDGE in needed else set()))
    used = {name: path for name, path in weights.items() if name not in idle}
    return measure(Trial(names, brief, weights=used), progress)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics", nargs="*", metavar="METRIC", help="default: all of evalkit's own")
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=PATH")
    asked = parser.parse_args()
    own = [name for name in METRICS.targets() if METRICS.is_builtin(name)]
    with stand_ins() as others:
        weights = {**others, **parse_weights(asked.weights)}
        here, without = measurable(asked.metrics or own, weights)
        for name, reason in without.items():
            print(f"no card of {name}: {reason}")
        cards = measured(here, weights, Lines(print))
    for card in cards:
        print(keep(CARDS / f"{card.metric}.json", card))
        write_bytes(resource("reports") / "cards" / f"{card.metric}.svg", picture(card))
    raise SystemExit("\n".join(broken_told(cards)) or None)


if __name__ == "__main__":
    main()
