"""What a run folder says, read without trusting it.

A run folder may come from anywhere. Every field is therefore checked for its type and made harmless to
look at here, once; a field that is absent or of the wrong type becomes "" or None and shows as "n/a".
The formats are those of ARCHITECTURE.md: `run.json`, `scores.json`, `samples.parquet`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.comparison.record import Record, record_of, template_in
from evalkit.core.errors import UserError
from evalkit.core.faults import together
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import parse_json
from evalkit.core.text import clean, count, one_line
from evalkit.report.text import number, whole
from evalkit.store.bundle import INDEX
from evalkit.store.prompt_columns import name_in
from evalkit.store.state import read_state
from evalkit.store.tables import parse_columns

_FIXED_COLUMNS = frozenset({
    "id", "prompt", "seconds", "labels", "group", "seed", "status", "error", "verdicts", "audio", "sha256", "reader",
    "sample", "sample_rate", "channels", "frames", "peak", "loudness", "generate_seconds",
    "lyrics",
})  # fmt: skip


Columns = Mapping[str, Sequence[Any]]
Row = Mapping[str, Any]
"""One row of samples.parquet."""

MOST_METRICS = 200
"""A table with a column for each is still a page that opens."""

_NOTES = 20
_SUNG = 4000
"""Characters of lyrics that are shown: songs have half of it."""


@dataclass(frozen=True)
class Split:
    """Of a metric with a value per sound, where prompts have several: the variance of the values `between` prompts (cut
    at 0 where `cut`) and `within` one, and the standard error with twice the prompts and with twice the sounds a prompt
    (None where it has none)."""

    between: float
    within: float
    cut: bool
    prompts: int | None
    twice_prompts: float | None
    twice_samples: float | None

    @property
    def share(self) -> float | None:
        """The part of a sound's variance that lies between prompts; None where nothing varies."""
        total = self.between + self.within
        return self.between / total if total > 0 else None


@dataclass(frozen=True)
class Estimate:
    """One metric's number for one run, as in scores.json. `value` is None for NaN, `low` and `high` are
    both there or both None; `se` is the standard error, None where there is none or the file is from before it;
    `direction` is "lower", "higher", "none" (neither side is better) or "" where the file does not say, and `headline`
    None where it does not; `like` is the metric whose formula this is under another name, "" for its own. `split` is
    how its values by sound vary, where a prompt has several. Of ratings, `listeners` is how many gave the `n`."""

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    level: float | None
    method: str
    n: int | None
    n_failed: int | None
    n_reference: int | None
    protocol: str
    weights: str
    code: str
    direction: str
    headline: bool | None
    warnings: tuple[str, ...]
    like: str = ""
    split: Split | None = None
    listeners: int | None = None

    @property
    def size(self) -> str:
        """ "n 64", or of what listeners said "12 listeners, 240 ratings"."""
        n = "n/a" if self.n is None else f"{self.n}"
        return f"n {n}" if self.listeners is None else f"{count(self.listeners, 'listener')}, {n} ratings"


@dataclass(frozen=True)
class Item:
    """One row of samples.parquet: sound `sample` (from 0) of the prompt `id`. `audio` is the path as written there,
    unchecked; `scores` holds the metric columns, with None for a value that is missing or not finite. `key` is the id
    as the file has it, to match by and not to look at; `columns` {name: value} are the prompt file's further columns,
    without those that have no value. `lyrics` is the beginning of what was to be sung, "" where nothing was."""

    id: str
    prompt: str
    seconds: float | None
    labels: tuple[str, ...]
    seed: str
    failed: bool
    error: str
    verdicts: tuple[str, ...]
    audio: str
    sha256: str
    rate: int | None
    channels: int | None
    frames: int | None
    loudness: float | None
    generate_seconds: float | None
    scores: Mapping[str, float | None]
    reader: str = ""
    sample: int = 0
    key: str = ""
    columns: Mapping[str, str | float | tuple[str, ...]] = field(default_factory=dict)
    lyrics: str = ""


@dataclass(frozen=True)
class Suite:
    name: str
    version: str
    digest: str
    protocol: str
    size: str
    title: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """One run folder. `facts` keeps the rest of run.json, for the provenance panel; `digest` is of all the files that
    were read. `unfinished` says why a run has no figures of its own (yet), and is "" for a finished one. `bundled` says
    that it was unpacked from a bundle. `side` is the run as it is compared with others, None where its files do not say
    enough for that."""

    folder: Path
    run_id: str
    status: str
    unfinished: str
    digest: str
    suite: Suite
    model: Mapping[str, str]
    preset: str
    scores: Mapping[str, Estimate]
    items: tuple[Item, ...]
    facts: Mapping[str, Any] = field(repr=False)
    bundled: bool = False
    side: Record | None = field(default=None, repr=False)

    @property
    def template(self) -> str:
        """The template that stood before its prompts, "" where none did."""
        return template_in(self.facts)

    @property
    def samples(self) -> int:
        """How many sounds each prompt was to have; 1 where the file does not say."""
        return max(1, whole(self.facts.get("samples_per_prompt")) or 1)


def read_runs(folders: Iterable[Path]) -> tuple[RunRecord, ...]:
    """The runs in the given order, each folder once. Raises UserError with every one that is not a run folder."""
    return tuple(together(*(partial(read_run, folder) for folder in distinct(folders))))


def distinct(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Each folder once, in the given order. Raises UserError where there is none."""
    found = {folder.resolve(): folder for folder in folders}
    if not found:
        raise UserError("no run folder given", "name at least one folder that holds a run.json")
    return tuple(found.values())


def read_run(folder: Path) -> RunRecord:
    """One run folder, its files as of one moment. An unfinished run has no scores and no items, whatever an earlier
    command left in its folder.

    Raises UserError where run.json is absent or not an object, or where a file that is there is broken.
    """
    state = read_state(folder)
    facts, scores, samples = dict(state.facts), folder / "scores.json", folder / "samples.parquet"
    found = {} if state.scores is None else mapping(parse_json(state.scores, scores, once=True))
    columns: Columns = {} if state.samples is None else parse_columns(state.samples, samples)
    return _record(
        folder=folder,
        facts=facts,
        unfinished=state.unfinished,
        digest=state.digest,
        scores=_scores(found, scores),
        items=tuple(_item(dict(zip(columns, row, strict=True)), found) for row in zip(*columns.values(), strict=True)),
        bundled=(folder / INDEX).is_file(),
        side=_side(folder, facts, found, columns) if found and columns else None,
    )


def _side(folder: Path, facts: Mapping[str, Any], scores: Mapping[str, Any], columns: Columns) -> Record | None:
    try:
        return record_of(folder, facts, scores, columns)
    except UserError:
        return None


def record_in_memory(name: str, facts: Mapping[str, Any], scores: Mapping[str, Any], rows: Iterable[Row]) -> RunRecord:
    """The record of a run that is on no disk, from what its files would say."""
    folder = Path(name)
    kept = list(rows)
    items = tuple(_item(row, scores) for row in kept)
    columns = {key: [row.get(key) for row in kept] for key in (kept[0] if kept else ())}
    side = _side(folder, facts, scores, columns)
    return _record(folder, dict(facts), "", digest_json([facts, scores]), _scores(scores, folder), items, False, side)


def record_of_side(side: Record) -> RunRecord:
    """What a baseline file says, as of a run: its scores, and its prompts by their ids, without texts and sounds."""
    embedders = {name: {"key": score.get("embedder")} for name, score in side.metrics.items()}
    facts: dict[str, Any] = {"status": side.status, "run_id": side.run_id, "suite": dict(side.suite)}
    facts |= {"model": dict(side.model), "samples_per_prompt": side.samples, "metrics": embedders}
    values = {name: score["per_prompt"] for name, score in side.metrics.items()}
    rows: list[Row] = [
        {"id": i, "group": group, "status": "ok", **{name: each.get(i) for name, each in values.items()}}
        for i, group in side.groups.items()
    ]
    return replace(record_in_memory(side.source, facts, dict(side.metrics), rows), side=side)


def _record(
    folder: Path,
    facts: dict[str, Any],
    unfinished: str,
    digest: str,
    scores: dict[str, Estimate],
    items: tuple[Item, ...],
    bundled: bool,
    side: Record | None,
) -> RunRecord:
    return RunRecord(
        folder=folder,
        run_id=one_line(facts.get("run_id") or folder.name, 120),
        status=one_line(facts.get("status"), 40),
        unfinished=unfinished,
        digest=digest,
        suite=_suite(mapping(facts.get("suite"))),
        model={key: one_line(value, 300) for key, value in texts(facts.get("model")).items()},
        preset=one_line(facts.get("preset"), 120),
        scores=scores,
        items=items,
        facts=facts,
        bundled=bundled,
        side=side,
    )


def mapping(value: object) -> dict[str, Any]:
    """`value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: object) -> dict[str, str]:
    """A JSON object's plain fields as harmless text; nested values are written as `key: value` lists."""
    return {one_line(key, 120): plain(inner) for key, inner in mapping(value).items()}


def plain(value: object) -> str:
    """Any JSON value as one harmless text."""
    if isinstance(value, dict):
        return one_line(", ".join(f"{key}: {plain(inner)}" for key, inner in value.items()))
    if isinstance(value, list | tuple):
        return one_line(", ".join(plain(inner) for inner in value))
    return clean(value)


def _suite(raw: Mapping[str, Any]) -> Suite:
    def word(key: str) -> str:
        return one_line(raw.get(key), 200)

    notes = raw.get("notes")
    return Suite(
        word("name"),
        word("version"),
        word("digest"),
        word("protocol"),
        word("size"),
        word("title"),
        left_out=dict(list(texts(raw.get("left_out")).items())[:MOST_METRICS]),
        notes=tuple(one_line(note) for note in notes[:_NOTES]) if isinstance(notes, list) else (),
    )


def _scores(raw: Mapping[str, Any], path: Path) -> dict[str, Estimate]:
    if len(raw) > MOST_METRICS:
        raise UserError(f"{path}: holds {len(raw):,} metrics, a report shows at most {MOST_METRICS}")
    return {one_line(name, 120): _estimate(mapping(value)) for name, value in raw.items()}


def _estimate(raw: Mapping[str, Any]) -> Estimate:
    low, high = number(raw.get("low")), number(raw.get("high"))
    if low is None or high is None or low > high:
        low = high = None
    direction = raw.get("direction")
    warnings = raw.get("warnings")
    return Estimate(
        value=number(raw.get("value")),
        low=low,
        high=high,
        se=number(raw.get("se")),
        level=number(raw.get("level")),
        method=one_line(raw.get("method"), 120),
        n=whole(raw.get("n")),
        n_failed=whole(raw.get("n_failed")),
        n_reference=whole(raw.get("n_reference")),
        protocol=one_line(raw.get("protocol"), 120),
        weights=one_line(plain(raw.get("weights")), 300),
        code=one_line(raw.get("code") or "", 80),
        direction=direction if direction in ("lower", "higher", "none") else "",
        headline=raw["headline"] if isinstance(raw.get("headline"), bool) else None,
        warnings=tuple(clean(text, 500) for text in warnings) if isinstance(warnings, list) else (),
        like=one_line(raw.get("like") or "", 80),
        split=read_split(mapping(raw.get("variance"))),
    )


def read_split(raw: Mapping[str, Any]) -> Split | None:
    """The block `variance` of an entry of scores.json; None where there is none that can be used."""
    between, within = number(raw.get("between_prompts")), number(raw.get("within_prompts"))
    if between is None or within is None or min(between, within) < 0:
        return None
    ahead = (number(raw.get("se_twice_prompts")), number(raw.get("se_twice_samples")))
    return Split(between, within, raw.get("between_cut_at_0") is True, whole(raw.get("prompts")), *ahead)


def _item(row: Mapping[str, Any], metrics: Container[str]) -> Item:
    further = {name: inner for name in row if name not in metrics and (inner := name_in(name)) is not None}
    return Item(
        id=one_line(row.get("id"), 200),
        prompt=clean(row.get("prompt")),
        seconds=number(row.get("seconds")),
        labels=_words(row.get("labels")),
        seed=one_line(row.get("seed"), 40),
        failed=row.get("status") != "ok",
        error=clean(row.get("error"), 500),
        verdicts=_words(row.get("verdicts")),
        audio=row["audio"] if isinstance(row.get("audio"), str) else "",
        sha256=one_line(row.get("sha256"), 80),
        rate=whole(row.get("sample_rate")),
        channels=whole(row.get("channels")),
        frames=whole(row.get("frames")),
        loudness=number(row.get("loudness")),
        generate_seconds=number(row.get("generate_seconds")),
        scores={
            one_line(name, 120): number(row[name]) for name in row if name not in _FIXED_COLUMNS and name not in further
        },
        reader=one_line(row.get("reader"), 120),
        sample=whole(row.get("sample")) or 0,
        key=row["id"] if isinstance(row.get("id"), str) else "",
        columns={
            one_line(inner, 60): value for name, inner in further.items() if (value := _said(row[name])) is not None
        },
        lyrics=clean(row["lyrics"], _SUNG).strip() if isinstance(row.get("lyrics"), str) else "",
    )


def _said(value: object) -> str | float | tuple[str, ...] | None:
    """What a further column says of a prompt; None where it says nothing."""
    if isinstance(value, list):
        return _words(value) or None
    return one_line(value, 200) or None if isinstance(value, str) else number(value)


def _words(value: object) -> tuple[str, ...]:
    return tuple(one_line(word, 120) for word in value) if isinstance(value, list) else ()
