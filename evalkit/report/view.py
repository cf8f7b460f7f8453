"""Everything the page shows, as frozen plain data; the template only lays it out.

A section is one board (one table of comparable runs) with its failures, prompts and provenance. Texts here
are harmless to look at (`records` saw to that) but not escaped: that is the template engine's part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.report.board import RANDOM, Board, Column, Entrant, boards, heading
from evalkit.report.charts import Chart, charts
from evalkit.report.media import NONE, Media, media
from evalkit.report.provenance import Provenance, provenance
from evalkit.report.published import Figure
from evalkit.report.records import Item, RunRecord
from evalkit.report.sampling import Audio, sampled
from evalkit.report.speed import Pace, paces
from evalkit.report.text import count, decimals, fixed

MAX_FAILURES = 200
MINI = (
    "These numbers come from evalkit's mini networks, about 1/100 of the published size. "
    "They compare runs under this same protocol only, and say nothing beside published figures."
)
RANDOM_WEIGHTS = (
    "These networks have random weights: they were run to see how fast they are. Their sounds and scores say "
    "nothing about the model whose architecture they have."
)


@dataclass(frozen=True)
class Score:
    title: str
    text: str
    value: float | None


@dataclass(frozen=True)
class _PromptMetric:
    """A metric with a value per prompt, as the page names it."""

    name: str
    title: str
    direction: str
    headline: bool


@dataclass(frozen=True)
class Take:
    """One run's clip for one prompt. `reason` is why it failed, "" where it did not; `scores` are of headline
    metrics, `further` of the other measures."""

    entrant: Entrant
    present: bool
    failed: bool
    reason: str
    verdicts: tuple[str, ...]
    media: Media
    scores: tuple[Score, ...]
    further: tuple[Score, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One prompt with each run's take, in the runs' order. `full` says that it has players and pictures;
    `order` holds one sorting value per headline metric with per-prompt values (None sorts last)."""

    anchor: str
    number: int
    id: str
    text: str
    details: str
    takes: tuple[Take, ...]
    flagged: bool
    full: bool
    order: tuple[float | None, ...]


@dataclass(frozen=True)
class Failure:
    entrant: Entrant
    number: int
    prompt: str
    anchor: str
    reason: str
    verdicts: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One board and everything under it. `sorts` names the headline metrics by prompt, as (title, worst end)."""

    anchor: str
    board: Board
    heading: str
    mini: bool
    random: bool
    summary: str
    charts: tuple[Chart, ...]
    failures: tuple[Failure, ...]
    failure_counts: tuple[tuple[str, int], ...]
    failure_total: int
    flagged: int
    entries: tuple[Entry, ...]
    sorts: tuple[tuple[str, Literal["ascending", "descending"]], ...]
    audio_note: str
    provenance: tuple[Provenance, ...]
    paces: tuple[Pace, ...]


@dataclass(frozen=True)
class ReportView:
    title: str
    summary: str
    sections: tuple[Section, ...]


def build(records: Sequence[RunRecord], audio: Audio, published: Sequence[Figure] = ()) -> ReportView:
    """The whole page of the given runs; `published` are the figures of papers to choose from."""
    sections = tuple(_section(place, board, audio) for place, board in enumerate(boards(records, published)))
    if len(records) == 1:
        board = sections[0].board
        title = f"{board.rows[0].entrant.name} on {board.title}"
    elif len(sections) == 1:
        title = f"{count(len(records), 'run')} on {sections[0].board.title}"
    else:
        title = f"{count(len(records), 'run')} in {count(len(sections), 'table')}"
    summary = (
        sections[0].heading
        if len(sections) == 1
        else "Runs of different suites, protocols, sizes or sets of prompts stand apart."
    )
    return ReportView(title, summary, sections)


def _section(place: int, board: Board, audio: Audio) -> Section:
    entrants = board.entrants
    anchor = f"s{place + 1}"
    keyed = [{_key(item): item for item in entrant.record.items} for entrant in entrants]
    prompts = list(dict.fromkeys(key for run in keyed for key in run))
    metrics = _prompt_metrics(board, keyed)
    ranking = [metric for metric in metrics if metric.headline]
    full = sampled(prompts, keyed, audio, {metric.name: metric.direction for metric in ranking})
    entries = tuple(
        _entry(f"{anchor}-p{number}", number, key, entrants, keyed, metrics, key in full, audio)
        for number, key in enumerate(prompts, start=1)
    )
    failures = _failures(entries)
    return Section(
        anchor=anchor,
        board=board,
        heading=heading(board),
        mini=board.size == "mini",
        random=board.size == RANDOM,
        summary=_summary(entrants, len(failures)),
        charts=charts(board),
        failures=failures[:MAX_FAILURES],
        failure_counts=tuple(Counter(failure.reason for failure in failures).most_common(8)),
        failure_total=len(failures),
        flagged=sum(not take.failed and bool(take.verdicts) for entry in entries for take in entry.takes),
        entries=entries,
        sorts=tuple((each.title, "descending" if each.direction == "lower" else "ascending") for each in ranking),
        audio_note=_audio_note(len(full), len(prompts), audio),
        provenance=tuple(provenance(entrant) for entrant in entrants),
        paces=paces(entrants),
    )


def _key(item: Item) -> str:
    """A prompt is the same in two runs where id and text are both the same."""
    return f"{item.id}\0{item.prompt}"


def _prompt_metrics(board: Board, keyed: Sequence[Mapping[str, Item]]) -> list[_PromptMetric]:
    """Every metric with a value per prompt: the board's columns, then what no column knows, then further ones."""
    present = {
        name for run in keyed for item in run.values() for name, value in item.scores.items() if value is not None
    }
    main, further = (
        {
            each.metric: _PromptMetric(each.metric, _title(each), each.direction, each.headline)
            for each in reversed(columns)
            if each.metric in present
        }
        for columns in (board.columns, board.further)
    )
    unknown = [_PromptMetric(name, name, "", True) for name in sorted(present - {*main, *further})]
    others = [metric for name, metric in reversed(further.items()) if name not in main]
    return [*reversed(main.values()), *unknown, *others]


def _title(column: Column) -> str:
    """Further measures with their unit, as nobody knows it by heart."""
    means = column.meaning
    return means.title if column.headline or not means.unit else f"{means.title} ({means.unit})"


def _entry(
    anchor: str,
    number: int,
    key: str,
    entrants: Sequence[Entrant],
    keyed: Sequence[Mapping[str, Item]],
    metrics: Sequence[_PromptMetric],
    full: bool,
    audio: Audio,
) -> Entry:
    items = [run.get(key) for run in keyed]
    one = next(item for item in items if item is not None)
    show = full and audio != "none"
    takes = tuple(_take(entrant, item, metrics, show) for entrant, item in zip(entrants, items, strict=True))
    wanted = [f"{one.seconds:g} s asked"] if one.seconds is not None else []
    return Entry(
        anchor=anchor,
        number=number,
        id=one.id,
        text=one.prompt,
        details=" · ".join([*wanted, *one.labels]),
        takes=takes,
        flagged=any(take.failed or take.verdicts for take in takes),
        full=full,
        order=tuple(
            _mean([take.scores[place].value for take in takes if take.present])
            for place in range(sum(metric.headline for metric in metrics))
        ),
    )


def _take(entrant: Entrant, item: Item | None, metrics: Sequence[_PromptMetric], show: bool) -> Take:
    if item is None:
        return Take(entrant, False, False, "", (), NONE, (), (), ())
    scores = [(metric, item.scores.get(metric.name)) for metric in metrics]
    return Take(
        entrant=entrant,
        present=True,
        failed=item.failed,
        reason=(item.error or "no reason recorded") if item.failed else "",
        verdicts=item.verdicts,
        media=media(entrant.record.folder, item) if show else NONE,
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


def _failures(entries: Sequence[Entry]) -> tuple[Failure, ...]:
    return tuple(
        Failure(take.entrant, entry.number, entry.text or entry.id, entry.anchor, take.reason, take.verdicts)
        for entry in entries
        for take in entry.takes
        if take.failed
    )


def _summary(entrants: Sequence[Entrant], failures: int) -> str:
    unfinished = sum(bool(entrant.record.unfinished) for entrant in entrants)
    told = [count(len(entrants), "run"), f"{unfinished} of them not finished" if unfinished else ""]
    if unfinished < len(entrants):
        told.append(f"{count(failures, 'item')} failed" if failures else "no failed items")
    return " · ".join(filter(None, told))


def _audio_note(full: int, prompts: int, audio: Audio) -> str:
    if audio == "none":
        return "This report was made without audio."
    preview = "Players hold lossy MP3 previews; the scored files and their sha256 are in the run folder."
    if full < prompts:
        spread = "a spread over the whole ranking, worst and best included, and some of the failed items"
        return f"Audio for {full} of {prompts:,} prompts: {spread}. {preview}"
    return preview
