"""A metric's values beside ratings: from a table of one's own, or from run folders, joined by clip.

    clip,clap_score,my_metric
    audio/audiogen_m/generated_audio_index_1,0.31,2.7

The first column is `clip`, or `system` for values of whole systems; every other one is a metric. What ratings have no
value for, and values without ratings, are counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.comparison.record import Record
from evalkit.core.errors import UserError
from evalkit.ratings.base import Ratings, name_of
from evalkit.ratings.delimited import header, lines, named, number, separator
from evalkit.suites.rows import Faults

MOST_METRICS = 64


@dataclass(frozen=True)
class Measured:
    """`values` {key: value} of one metric, the key being a clip, or a system where `by_system`. `direction` is "lower"
    or "higher"; `stated` says whether anybody stated it, or it is taken to be "higher"."""

    metric: str
    values: Mapping[str, float]
    direction: str
    stated: bool
    by_system: bool
    unrated: Mapping[str, tuple[str, str]]
    """{clip: (system, prompt)}, where that is known of clips without ratings."""


def read_measured(path: Path) -> list[Measured]:
    """The metrics of a table. Raises UserError, naming line and column, for all that does not fit."""
    delimiter = separator(path)
    columns = header(path, delimiter)
    key = next((each for each in ("clip", "system") if each in columns), "")
    if not key:
        raise UserError(f"{path}, line 1: has no column clip (or system)", "name its clips as the ratings do")
    beside = {"system", "prompt"} if key == "clip" else set[str]()
    metrics = [each for each in columns if each != key and each not in beside]
    if not metrics or len(metrics) > MOST_METRICS or any(name_of(each) != each for each in metrics):
        raise UserError(f"{path}, line 1: has no column of a metric", f"beside {key}, name 1 to {MOST_METRICS} metrics")
    faults = Faults(path)
    found: dict[str, dict[str, float]] = {name: {} for name in metrics}
    first: dict[str, int] = {}
    where: dict[str, tuple[str, str]] = {}
    wanted = dict.fromkeys((key, *metrics, *sorted(beside & set(columns))), True)
    for line, cells in lines(path, delimiter, wanted, faults):
        clip = named(cells, key, line, faults)
        if clip and (known := first.setdefault(clip, line)) != line:
            faults.add(line, f"column {key}: stands on line {known:,} already")
        where[clip] = (cells.get("system", ""), cells.get("prompt", "") or clip)
        for name in metrics:
            if cells[name] and (value := number(cells, name, line, faults)) is not None:
                found[name][clip] = value
    if not first and not faults:
        faults.add(None, "holds no values")
    faults.refuse()
    told = {clip: place for clip, place in where.items() if place[0]}
    return [Measured(name, found[name], *_direction(name), key == "system", told) for name in metrics]


def measured_of_runs(
    runs: Sequence[Record], ratings: Ratings | None = None, named: Collection[str] = ()
) -> list[Measured]:
    """The per-prompt metrics of runs; a clip is called `RUN_ID/PROMPT_ID`, as in collected ratings, or, where its sound
    lies in the folders that `ratings` are of, what it is called there. A metric of which neither side is better is
    among them where it is `named`."""
    places = {
        (run.run_id, prompt): place
        for run in runs
        for prompt, path in run.lies.items()
        if ratings is not None and ratings.place is not None and (place := ratings.place(path)) is not None
    }
    found: dict[str, dict[str, float]] = {}
    stated: dict[str, set[str]] = {}
    for run in runs:
        for name, score in run.metrics.items():
            for prompt, value in score["per_prompt"].items():
                place = places.get((run.run_id, prompt))
                found.setdefault(name, {})[place[0] if place else clip_of(run.run_id, prompt)] = value
                stated.setdefault(name, set()).add(str(score.get("direction")))
    where = {clip_of(run.run_id, prompt): (run.run_id, prompt) for run in runs for prompt in run.groups}
    where |= {clip: (system, prompt) for clip, prompt, system in places.values()}
    sides = {name: next(iter(each)) for name, each in stated.items() if len(each) == 1}
    ranked = {name: side for name, side in sides.items() if side in ("lower", "higher")}
    return [
        Measured(name, values, ranked.get(name, "higher"), name in ranked, False, where)
        for name, values in found.items()
        if name in ranked or (name in named and name in sides)
    ]


def clip_of(run: str, prompt: str) -> str:
    """What the sound of a prompt in a run is called among ratings."""
    return f"{run}/{prompt}"


def _direction(metric: str) -> tuple[str, bool]:
    """Which side is better, as evalkit's own card of that name says, and whether there is one."""
    from evalkit.metrics.base import METRICS

    if metric in METRICS:
        try:
            direction = METRICS.load(metric).card.direction
        except (UserError, AttributeError):
            return "higher", False
        if direction in ("lower", "higher"):
            return direction, True
    return "higher", False
