"""The prompts of a section: each with what every run made of it, a sound or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evalkit.report.board import Board, Column
from evalkit.report.entrants import Entrant
from evalkit.report.media import NONE, Media, media
from evalkit.report.recordings import Recorded, played, recorded, told
from evalkit.report.records import Item
from evalkit.report.sampling import Audio, sampled, sounds_shown
from evalkit.report.shelf import WITHIN, Shelf
from evalkit.report.text import decimals, fixed

COMMON = 0.8
"""A verdict that so large a part of the sounds has says nothing of one of them, and is told once of all."""

_FEWEST = 5
"""Sounds from which on it is so."""


@dataclass(frozen=True)
class Score:
    title: str
    text: str
    value: float | None


@dataclass(frozen=True)
class PromptMetric:
    """A metric with a value per prompt, as the page names it."""

    name: str
    title: str
    direction: str
    headline: bool


@dataclass(frozen=True)
class Take:
    """One sound that a run made for a prompt. `sound` names it where the prompt has several ("sound 2 of 3"), and only
    those that are `shown` have a player and a picture. `reason` is why it failed, "" where it did not; `badges` are its
    verdicts where those that most sounds have are told once of all, so that lacking one is what is told here; `scores`
    are of headline metrics, `further` of the other measures."""

    entrant: Entrant
    sound: str
    shown: bool
    present: bool
    failed: bool
    reason: str
    verdicts: tuple[str, ...]
    badges: tuple[str, ...]
    media: Media
    scores: tuple[Score, ...]
    further: tuple[Score, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Sung:
    """Lyrics of a prompt, and whose runs have these; none of the runs where all of them do."""

    text: str
    entrants: tuple[Entrant, ...]


@dataclass(frozen=True)
class Entry:
    """One prompt with each run's `takes`, in the runs' order. `lines` has one take per run: its only one, or what the
    several have on average, failed where all did. `full` says that it has players and pictures, `hidden` how many
    sounds have none all the same; `order` holds one sorting value per headline metric with per-prompt values (None
    sorts last), `apart` how far the runs lie apart in it; `tag` is what prompts are put together by. `reference` is the
    recording that belongs to the prompt, None where none is known of or no sound is asked for; `sung` its lyrics, which
    are not the same in every run."""

    anchor: str
    number: int
    id: str
    text: str
    details: str
    takes: tuple[Take, ...]
    lines: tuple[Take, ...]
    hidden: int
    flagged: bool
    full: bool
    order: tuple[float | None, ...]
    apart: tuple[float | None, ...]
    tag: str
    reference: Media | None
    sung: tuple[Sung, ...]


@dataclass(frozen=True)
class Prompts:
    """All `entries`, of which `full` have players; `sorts` names the headline metrics as (title, worst end); `several`
    says that a prompt has more than one sound of a run. `common` are verdicts that nearly every sound has: (verdict,
    how many have it, of how many). `recordings` says where reference recordings are, or why not."""

    entries: tuple[Entry, ...]
    full: int
    sorts: tuple[tuple[str, Literal["ascending", "descending"]], ...]
    several: bool
    common: tuple[tuple[str, int, int], ...]
    recordings: str


def prompts_of(
    board: Board,
    anchor: str,
    audio: Audio,
    choice: frozenset[str] | None = None,
    reference: bool = True,
    shelf: Shelf = WITHIN,
) -> Prompts:
    """The prompts of a board's runs; `anchor` is what their anchors begin with, `choice` the ids of those with sound,
    None where it follows from the ranking. `reference` asks for the recordings that belong to them; sounds and pictures
    go onto `shelf`."""
    runs = [_by_prompt(entrant.record.items) for entrant in board.entrants]
    keys = list(dict.fromkeys(key for run in runs for key in run))
    whole = [{key: _together(items) for key, items in run.items()} for run in runs]
    metrics = _prompt_metrics(board, whole)
    ranking = [metric for metric in metrics if metric.headline]
    most = [max(map(len, run.values()), default=1) for run in runs]
    shown = [sounds_shown(sounds, len(runs), audio) for sounds in most]
    full = sampled(keys, whole, audio, {metric.name: metric.direction for metric in ranking}, sum(shown))
    if choice is not None:
        full = frozenset(key for key in keys if key.partition("\0")[0] in choice)
    common = _common([item for run in runs for items in run.values() for item in items])
    found = recorded([entrant.record for entrant in board.entrants]) if reference else {}
    quiet = frozenset(name for name, _, _ in common)
    page = _Page(board.entrants, metrics, shown, audio != "none", quiet, found, shelf)
    entries = tuple(
        _entry(f"{anchor}{number}", number, [run.get(key, ()) for run in runs], page, key in full)
        for number, key in enumerate(keys, start=1)
    )
    ids = {entry.id for entry in entries}
    sorts = tuple((each.title, _worst_first(each)) for each in ranking)
    known = (
        ""
        if audio == "none" or not full
        else told({key: one for key, one in found.items() if key in ids}, len(ids), reference)
    )
    return Prompts(entries, len(full), sorts, max(most, default=1) > 1, common, known)


def _common(items: Sequence[Item]) -> tuple[tuple[str, int, int], ...]:
    good = [item for item in items if not item.failed]
    counts = Counter(name for item in good for name in set(item.verdicts))
    return tuple(
        (name, times, len(good))
        for name, times in sorted(counts.items())
        if len(good) >= _FEWEST and times >= COMMON * len(good)
    )


def _worst_first(metric: PromptMetric) -> Literal["ascending", "descending"]:
    return "descending" if metric.direction == "lower" else "ascending"


def _by_prompt(items: Sequence[Item]) -> dict[str, tuple[Item, ...]]:
    """The sounds of each prompt, in their order. Two runs share a prompt where its id and its text are the same."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(f"{item.id}\0{item.prompt}", []).append(item)
    return {key: tuple(sorted(each, key=lambda item: item.sample)) for key, each in found.items()}


def _together(items: Sequence[Item]) -> Item:
    """A prompt's sounds as one: failed where one of them is, each score the mean of theirs."""
    if len(items) == 1:
        return items[0]
    names = dict.fromkeys(name for item in items for name in item.scores)
    scores = {name: _mean([item.scores.get(name) for item in items]) for name in names}
    return replace(items[0], failed=any(item.failed for item in items), scores=scores)


def _prompt_metrics(board: Board, keyed: Sequence[Mapping[str, Item]]) -> list[PromptMetric]:
    """Every metric with a value per prompt: the board's columns, then what no column knows, then further ones."""
    present = {
        name for run in keyed for item in run.values() for name, value in item.scores.items() if value is not None
    }
    main, further = (
        {
            each.metric: PromptMetric(each.metric, _title(each), each.direction, each.headline)
            for each in reversed(columns)
            if each.metric in present
        }
        for columns in (board.columns, board.further)
    )
    unknown = [PromptMetric(name, name, "", True) for name in sorted(present - {*main, *further})]
    others = [metric for name, metric in reversed(further.items()) if name not in main]
    return [*reversed(main.values()), *unknown, *others]


def _title(column: Column) -> str:
    """Further measures with their unit, as nobody knows it by heart."""
    means = column.meaning
    return means.title if column.headline or not means.unit else f"{means.title} ({means.unit})"


@dataclass(frozen=True)
class _Page:
    """What all entries share; `shown` is how many sounds of a prompt each run shows, `heard` whether with players;
    `common` verdicts are told once of all, `found` are reference recordings by prompt id, sounds go onto `shelf`."""

    entrants: Sequence[Entrant]
    metrics: Sequence[PromptMetric]
    shown: Sequence[int]
    heard: bool
    common: frozenset[str]
    found: Mapping[str, Recorded]
    shelf: Shelf


def _entry(anchor: str, number: int, items: Sequence[Sequence[Item]], page: _Page, full: bool) -> Entry:
    one = next(item for each in items for item in each)
    lines = tuple(_line(entrant, each, page.metrics) for entrant, each in zip(page.entrants, items, strict=True))
    takes = tuple(
        take
        for entrant, each, most in zip(page.entrants, items, page.shown, strict=True)
        for take in _takes(entrant, each, most, page, full)
    )
    ranking = range(sum(metric.headline for metric in page.metrics))
    values = [[take.scores[place].value for take in lines if take.present] for place in ranking]
    wanted = [f"{one.seconds:g} s asked"] if one.seconds is not None else []
    return Entry(
        anchor=anchor,
        number=number,
        id=one.id,
        text=one.prompt,
        details=" · ".join([*wanted, *one.labels]),
        takes=takes,
        lines=lines,
        hidden=sum(not take.shown for take in takes),
        flagged=any(take.failed or not page.common.issuperset(take.verdicts) for take in takes),
        full=full,
        order=tuple(map(_mean, values)),
        apart=tuple(map(_range, values)),
        tag=", ".join(one.labels),
        reference=played(page.found[one.id], one, page.shelf) if full and page.heard and one.id in page.found else None,
        sung=_sung(page.entrants, items),
    )


def _sung(entrants: Sequence[Entrant], items: Sequence[Sequence[Item]]) -> tuple[Sung, ...]:
    """The different lyrics that the runs have of a prompt, in the runs' order."""
    found: dict[str, list[Entrant]] = {}
    for entrant, each in zip(entrants, items, strict=True):
        if each:
            found.setdefault(each[0].lyrics, []).append(entrant)
    agreed = len(found) == 1
    return tuple(Sung(text, () if agreed else tuple(whose)) for text, whose in found.items() if text)


def _takes(entrant: Entrant, items: Sequence[Item], most: int, page: _Page, full: bool) -> list[Take]:
    """Each sound of a prompt, the first `most` with players; one take that is not present where there is none."""
    if not items:
        return [_absent(entrant)]
    found = []
    for place, item in enumerate(items):
        shown = place < most
        take = _take(entrant, item, page.metrics)
        found_media = media(entrant.record.folder, item, page.shelf) if full and shown and page.heard else NONE
        sound = f"sound {item.sample + 1} of {max(entrant.record.samples, len(items))}" if len(items) > 1 else ""
        lacking = () if item.failed else tuple(f"no {name}" for name in sorted(page.common.difference(item.verdicts)))
        badges = (*(name for name in item.verdicts if name not in page.common), *lacking)
        found.append(replace(take, shown=shown, sound=sound, badges=badges, media=found_media))
    return found


def _line(entrant: Entrant, items: Sequence[Item], metrics: Sequence[PromptMetric]) -> Take:
    if not items:
        return _absent(entrant)
    whole = replace(_together(items), failed=all(item.failed for item in items))
    return _take(entrant, whole, metrics)


def _absent(entrant: Entrant) -> Take:
    return Take(entrant, "", True, False, False, "", (), (), NONE, (), (), ())


def _take(entrant: Entrant, item: Item, metrics: Sequence[PromptMetric]) -> Take:
    scores = [(metric, item.scores.get(metric.name)) for metric in metrics]
    return Take(
        entrant=entrant,
        sound="",
        shown=True,
        present=True,
        failed=item.failed,
        reason=(item.error or "no reason recorded") if item.failed else "",
        verdicts=item.verdicts,
        badges=item.verdicts,
        media=NONE,
        scores=tuple(Score(metric.title, fixed(value, 3), value) for metric, value in scores if metric.headline),
        further=tuple(
            Score(metric.title, fixed(value, decimals((), [value])), value)
            for metric, value in scores
            if not metric.headline and value is not None
        ),
        facts=_facts(item),
    )


def _facts(item: Item) -> tuple[str, ...]:
    found = []
    if item.frames is not None and item.rate:
        found.append(f"{item.frames / item.rate:.2f} s")
        found.append(f"{item.rate / 1000:g} kHz")
    if item.channels is not None:
        found.append({1: "mono", 2: "stereo"}.get(item.channels, f"{item.channels} channels"))
    if item.loudness is not None:
        found.append(f"{fixed(item.loudness, 1)} LUFS")
    if item.generate_seconds is not None:
        found.append(f"made in {item.generate_seconds:.2f} s")
    return tuple(found)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _range(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) - min(known) if len(known) > 1 else None
