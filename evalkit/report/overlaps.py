"""Numbers that know too much: a judge that was trained on what it is compared with, a model that was trained on its
judge.

Such a number is not wrong, and not evidence of the same weight as another: a model that was optimised for CLAP's score
has a good CLAP score as others have good loudness. Each entry of the table is marked beside the numbers that it
concerns, on the page and in the terminal. It is a list of what is known and published, and silent about the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.report.records import RunRecord


@dataclass(frozen=True)
class Overlap:
    """Where `metric`, `model` and `suite` (or the name of public ratings; patterns over whole names, "" for any) all
    fit, `told` is to be known, by `source`."""

    metric: str
    model: str
    suite: str
    told: str
    source: str


_CLAP = r"clap_.*|.*_clap.*|clap"

OVERLAPS = (
    Overlap(
        _CLAP,
        r"tango-?flux.*",
        "",
        "the model was optimised against CLAP: its preference pairs were ranked by it",
        "TangoFlux, arXiv 2412.21037",
    ),
    Overlap(
        _CLAP,
        r"tango-?2.*",
        "",
        "the model was optimised against CLAP: its preference pairs were chosen by it",
        "Tango 2, arXiv 2404.09956",
    ),
    Overlap(
        _CLAP,
        r"audioldm(?!2).*",
        "",
        "the model is conditioned on CLAP's embedding: it is told what the judge listens for",
        "AudioLDM, arXiv 2301.12503",
    ),
    Overlap(
        _CLAP,
        "",
        r"audiocaps.*",
        "LAION-CLAP's fusion weights were trained on AudioCaps among others, whose texts are the prompts here",
        "LAION-AI/CLAP, experiment_scripts/htsat-roberta-large-dataset-fusion.sh; Wu et al., arXiv 2211.06687",
    ),
    Overlap(
        r".*(audiobox|aesthetics).*",
        "",
        r"aes-pam|audiomos2025-track2",
        "its authors collected these ratings too, by the guidelines of the ratings that it was trained on",
        "Audiobox Aesthetics, arXiv 2502.05139",
    ),
    Overlap(
        r".*passt.*",
        "",
        r"audiocaps.*",
        "PaSST was trained on AudioSet, from which the references were drawn",
        "PaSST, arXiv 2110.05069; AudioCaps, Kim et al., NAACL 2019",
    ),
    Overlap(
        r".*openl3.*",
        "",
        r"audiocaps.*",
        "OpenL3 was trained, without labels, on AudioSet, from which the references were drawn",
        "OpenL3, Cramer et al., ICASSP 2019; AudioCaps, Kim et al., NAACL 2019",
    ),
)


def known(metric: str, model: str, suite: str, table: tuple[Overlap, ...] = OVERLAPS) -> list[str]:
    """What is to be known of a number of this metric, model and suite."""
    return [
        f"overlap: {each.told} ({each.source})"
        for each in table
        if all(
            not pattern or re.fullmatch(pattern, name, re.IGNORECASE)
            for pattern, name in ((each.metric, metric), (each.model, model), (each.suite, suite))
        )
    ]


def overlaps_of(record: RunRecord, metric: str) -> list[str]:
    """The same of a run's number. A network that is evalkit's mini was trained on none of this, and neither was one
    with random weights."""
    model, small = record.model.get("name") or "", ("mini", "random")
    judge_is_small = record.suite.size in small
    found = known(metric, "" if record.model.get("size") in small else model, record.suite.name)
    return [] if judge_is_small else found
