"""Which prompts get a player and a picture.

A page with the audio of thousands of prompts opens in no browser, and a page with only the nicest ones
would mislead. Small reports show every prompt. Large ones show a spread over the whole ranking (worst,
best, and evenly between) and some of the failures. The choice follows from the headline scores alone, so the
same runs always show the same prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from evalkit.report.records import Item

Audio = Literal["sample", "all", "none"]

ALL_UP_TO = 100
SAMPLE = 24
CLIPS = 400
SOUNDS = 16
"""Of one prompt, over all runs; at least one of each run."""


def sampled(
    prompts: Sequence[str],
    runs: Sequence[Mapping[str, Item]],
    audio: Audio,
    metrics: Mapping[str, str],
    clips: int | None = None,
) -> frozenset[str]:
    """The keys of the prompts to show in full; `runs` maps each prompt's key to its item, one map per run, and
    `metrics` the names of those that rank to the side that is better. `clips` is how many sounds a prompt shows where
    it is not one of each run."""
    wanted = _wanted(len(prompts), len(runs) if clips is None else clips, audio)
    if wanted >= len(prompts):
        return frozenset(prompts)
    failed = [key for key in prompts if any(key in run and run[key].failed for run in runs)]
    chosen = set(_spread(failed, wanted // 4))
    rest = [key for key in _ranking(prompts, runs, metrics) if key not in chosen]
    return frozenset(chosen | set(_spread(rest, wanted - len(chosen))))


def sounds_shown(samples: int, runs: int, audio: Audio) -> int:
    """How many of a prompt's `samples` sounds each of the runs shows: the first ones, as all are alike by chance."""
    return samples if audio == "all" else min(samples, max(1, SOUNDS // max(runs, 1)))


def _wanted(prompts: int, clips: int, audio: Audio) -> int:
    if audio == "all" or (prompts <= ALL_UP_TO and (audio == "none" or prompts * clips <= CLIPS)):
        return prompts
    return min(SAMPLE, max(4, CLIPS // max(clips, 1)))


def _spread(keys: Sequence[str], wanted: int) -> list[str]:
    """`wanted` of the keys, evenly spaced, with both ends."""
    if wanted >= len(keys):
        return list(keys)
    if wanted <= 1:
        return list(keys[:wanted])
    return [keys[round(place * (len(keys) - 1) / (wanted - 1))] for place in range(wanted)]


def _ranking(prompts: Sequence[str], runs: Sequence[Mapping[str, Item]], metrics: Mapping[str, str]) -> list[str]:
    """Prompts by their mean place under each metric of each run, worst first; in the given order where none has
    scores."""
    places: dict[str, list[float]] = {key: [] for key in prompts}
    for run in runs:
        for metric, direction in metrics.items():
            sign = -1.0 if direction == "lower" else 1.0
            found = ((key, run[key].scores.get(metric)) for key in prompts if key in run)
            valued = [(sign * score, key) for key, score in found if score is not None]
            for place, (_, key) in enumerate(sorted(valued)):
                places[key].append(place / len(valued))
    order = {key: sum(each) / len(each) if each else -1.0 for key, each in places.items()}
    return sorted(prompts, key=lambda key: order[key])
