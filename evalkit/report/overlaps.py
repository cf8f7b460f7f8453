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
        'TangoFlux, README at 164420f, "CLAP-Ranked Preference Optimization"; arXiv 2412.21037',
    ),
    Overlap(
        _CLAP,
        r"tango-?2.*",
        "",
        "the model was optimised on preference pairs that were filtered by CLAP's scores",
        "Tango 2, arXiv 2404.09956; declare-lab/tango, README",
    ),
    Overlap(
        _CLAP,
        r"audioldm.*",
        "",
        "the model is conditioned on the embedding of a CLAP: it is told what such a judge listens for",
        "AudioLDM at 4054cb4, arXiv 2301.12503; of AudioLDM2, diffusers, AudioLDM2Pipeline (text_encoder)",
    ),
    Overlap(
        rf"(?!clap_score_ms$)(?:{_CLAP})",
        "",
        r"audiocaps.*",
        "LAION-CLAP's weights with fusion were trained on AudioCaps, among others: on its training part, with "
        "captions of the kind of the prompts here",
        "LAION-AI/CLAP at 3697cc0, experiment_scripts/htsat-roberta-large-dataset-fusion.sh",
    ),
    Overlap(
        r".*(audiobox|aesthetics).*",
        "",
        r"aes-pam|audiomos2025-track2",
        "its authors published these ratings too, on the four axes that it was trained to predict",
        "facebookresearch/audiobox-aesthetics at 2618e9d; arXiv 2502.05139",
    ),
    Overlap(
        r".*passt.*",
        "",
        r"audiocaps.*",
        "PaSST was trained on AudioSet, of which AudioCaps is a part",
        'hear21passt, models/passt.py, "PaSST pre-trained on AudioSet"; Stable Audio Open, arXiv 2407.14358',
    ),
    Overlap(
        r".*panns.*",
        "",
        r"audiocaps.*",
        "Cnn14 was trained to tell the 527 classes of AudioSet, of which AudioCaps is a part",
        "qiuqiangkong/audioset_tagging_cnn; arXiv 1912.10211; Stable Audio Open, arXiv 2407.14358",
    ),
    Overlap(
        r".*openl3.*",
        "",
        r"audiocaps.*",
        "OpenL3 was trained, without labels, on videos of AudioSet, of which AudioCaps is a part",
        'marl/openl3, docs/tutorial.rst, "Is trained on AudioSet videos"; Stable Audio Open, arXiv 2407.14358',
    ),
)
"""What the source says was read there (November 2026); what none settles is not in it."""


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
