"""A whole run: plan, generate, embed, score; resumable at every point, and nothing done twice.

Order of writes: a clip's audio before its line in the ledger; all of these before scores.json and
samples.parquet; these before run.json says success and holds their digests. A run stopped anywhere is
therefore found unfinished, and the same command finishes it. The report comes last and is the caller's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing as closing_it
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from evalkit.core import interrupts
from evalkit.core.files import refusal
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.memory import peak_memory
from evalkit.core.threads import limited_to
from evalkit.embed.base import Embedder, is_own
from evalkit.execute.base import Executor, Unclosed
from evalkit.execute.bench import Identity
from evalkit.fetch.home import FEATURES, evalkit_home
from evalkit.run.copies import marked, near_copies
from evalkit.run.embed import Workshop
from evalkit.run.embedders import open_embedder, order_of, targets
from evalkit.run.executors import executor_of
from evalkit.run.generate import generate, settled_records
from evalkit.run.manifest import (
    Manifest,
    begin,
    changed_code,
    changed_columns,
    changed_versions,
    closing,
    finished,
    open_manifest,
)
from evalkit.run.meanwhile import EmbeddedMeanwhile
from evalkit.run.plan import Plan
from evalkit.run.preflight import Looked, look, make_ready
from evalkit.run.progress import Progress
from evalkit.run.remembered import remember, remembered
from evalkit.run.samples import write_samples
from evalkit.run.score import Scoring, embed_all, score_all
from evalkit.run.speed import speed
from evalkit.run.until import Watch, watch_on
from evalkit.store.ledger import Ledger, Record
from evalkit.store.lock import locked


@dataclass(frozen=True)
class Outcome:
    """What a command ends with. `failures` maps the sounds' names to reasons; `reused` is True where the whole run was
    there already; `scores` is empty after the generate stage alone. `unclosed` says how the generator failed to close,
    after all of it was made. `decided` is what `--until-decided` found, {} without it; where its `not_made` is not 0,
    the run ended early."""

    plan: Plan
    scores: Mapping[str, Mapping[str, Any]]
    n_ok: int
    failures: Mapping[str, str]
    reused: bool
    unclosed: str = ""
    decided: Mapping[str, Any] = field(default_factory=dict)


def run(plan: Plan, progress: Progress, executor: Executor | None = None, looked: Looked | None = None) -> Outcome:
    """All stages; `looked` is what `run.preflight.look` found, where it was asked before.

    Raises UserError for what the person can put right; KeyboardInterrupt passes through, with the run marked cancelled.
    """
    with _hands(plan, executor, progress) as hands:
        return _run(plan, progress, hands, looked or look(plan, "score", progress, hands))


def _run(plan: Plan, progress: Progress, hands: Executor, looked: Looked) -> Outcome:
    now, codes, ready = looked.stamps, looked.codes, looked.ready
    with locked_folder(plan) as manifest:
        ledger = _ledger(plan, progress)
        if finished(manifest, plan, now, codes):
            settled = settled_records(plan, ledger)
            if len(settled) == len(plan.items):
                return _outcome(plan, settled, read_json(plan.folder.scores), reused=True)
        for sentence in (*changed_code(manifest, now, codes), *changed_columns(manifest, plan)):
            progress.note(sentence)
        ready = ready or make_ready(plan, now, progress)
        with _working(manifest, plan, progress), limited_to(plan.config.threads):
            shops = {name: _workshop(plan, manifest, name, now[name], hands, progress) for name in now}
            whole = Scoring(plan, {}, ready.metrics, ready.broken, codes, shops, ready.references)
            watch = watch_on(whole, ledger)
            orders = {name: order_of(plan, name, _known(plan, manifest, name, now[name])) for name in now}
            early = EmbeddedMeanwhile(plan, shops, orders)
            records, unclosed = _generated(plan, ledger, manifest, hands, progress, watch, early)
            decided = {} if watch is None else watch.told(records)
            if decided.get("not_made"):
                manifest.update(status="decided", decided=decided)
                return replace(_outcome(plan, records, {}, reused=False), unclosed=unclosed, decided=decided)
            with _timed(manifest, "score"):
                copies = near_copies(plan, records, ready.references.recordings, progress)
            records = marked(records, copies)
            scoring = replace(whole, records=records, copies=copies)
            with _timed(manifest, "embed"):
                embeddings = embed_all(scoring, progress, one_at_a_time=True)
            with _timed(manifest, "score"), progress.step("score"):
                scored = score_all(scoring, embeddings)
                write_json(plan.folder.scores, scored.scores)
                write_samples(plan, records, scored.per_prompt)
            told = {"recordings": ready.references.told(), "memory": peak_memory(), "work": hands.workforce().told()}
            manifest.update(status="success", **told, **closing(plan, now, codes, scored))
        return replace(_outcome(plan, records, scored.scores, reused=False), unclosed=unclosed, decided=decided)


def run_generate(
    plan: Plan, progress: Progress, executor: Executor | None = None, looked: Looked | None = None
) -> Outcome:
    """The first stage alone. Its run.json stays `started`: `evalkit run` with the same words goes on."""
    if looked is None:
        look(plan, "generate", progress)
    with locked_folder(plan) as manifest:
        ledger = _ledger(plan, progress)
        settled = settled_records(plan, ledger)
        if len(settled) == len(plan.items):
            return _outcome(plan, settled, {}, reused=True)
        with (
            _working(manifest, plan, progress),
            limited_to(plan.config.threads),
            _hands(plan, executor, progress) as hands,
        ):
            records, unclosed = _generated(plan, ledger, manifest, hands, progress)
        return replace(_outcome(plan, records, {}, reused=False), unclosed=unclosed)


def _ledger(plan: Plan, progress: Progress) -> Ledger:
    ledger = Ledger(plan.folder.ledger, plan.run_id)
    if ledger.strange:
        progress.note(f"{plan.folder.ledger}: {ledger.strange} lines are no records (torn by a crash?) and passed over")
    return ledger


@contextmanager
def locked_folder(plan: Plan) -> Iterator[Manifest]:
    """The run folder, held by this process alone, and its manifest."""
    try:
        manifest = open_manifest(plan)
        plan.folder.root.mkdir(parents=True, exist_ok=True)
        with locked(plan.folder.lock):
            plan.folder.sweep()
            yield open_manifest(plan) if plan.folder.run_json.exists() else manifest
    except OSError as error:
        raise refusal(error) or error from error


@contextmanager
def _hands(plan: Plan, executor: Executor | None, progress: Progress) -> Iterator[Executor]:
    """What does the work, which is ended with the block. It starts nothing before there is something to do."""
    with closing_it(executor or executor_of(plan.config, progress.note)) as hands:
        yield hands


@contextmanager
def _working(manifest: Manifest, plan: Plan, progress: Progress) -> Iterator[None]:
    """Mark the run started for the block, and say in run.json how the block ended where it did not end well."""
    if plan.folder.run_json.exists() and manifest.content.get("status") != "success":
        changes = changed_versions(manifest)
        if changes:
            progress.note(f"this run began under other versions: {', '.join(changes)}")
    if manifest.damaged:
        progress.note(f"{manifest.path} is damaged ({manifest.damaged}) and begins anew; the ledger has the run")
    if plan.config.until is not None and (plan.config.workers or plan.config.devices or plan.config.ray):
        progress.note("--until-decided looks at the sounds block by block: one process makes them, and no --workers")
    plan.folder.report.unlink(missing_ok=True)  # it would show numbers that are about to change
    begin(manifest, plan)
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt) or interrupts.asked()
        told = {"status": "cancelled"} if stopped else {"status": "error", "error": _told(error)}
        with suppress(OSError):  # on a full disk the first error is the one to tell
            manifest.update(**told)
        raise


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:1000]


def _generated(
    plan: Plan,
    ledger: Ledger,
    manifest: Manifest,
    executor: Executor,
    progress: Progress,
    watch: Watch | None = None,
    meanwhile: EmbeddedMeanwhile | None = None,
) -> tuple[dict[str, Record], str]:
    """The record of every item, or of those that `watch` let be made, after the generate stage, and how the generator
    failed to close ("": it did not)."""
    unclosed = ""

    def lost(why: str) -> None:
        manifest.update(status="error", error=why)

    before, clock = dict(ledger.records), manifest.content.pop("speed", {})
    with _timed(manifest, "generate"):
        try:
            if watch is None:
                generate(plan, ledger, executor, progress, lost, meanwhile=meanwhile)
            else:
                generate(watch.plan, ledger, executor, progress, lost, watch.enough)
        except Unclosed as error:
            unclosed = f"{plan.model.name}: {error}"
            progress.note(unclosed)
    records = {item.key: ledger.records[item.key] for item in plan.items if item.key in ledger.records}
    if plan.generator is not None and len(records) == len(plan.items):
        taken = sum(bool(record.made_in) for record in records.values())
        made = any(not each.made_in and each is not before.get(key) for key, each in records.items())
        force = executor.workforce()
        clock = clock if clock and not made else speed(plan, records, force)
        manifest.update(speed=clock, work=force.told(), **({"taken_over": taken} if taken else {}))
    return records, unclosed


def _workshop(plan: Plan, manifest: Manifest, name: str, now: str, executor: Executor, progress: Progress) -> Workshop:
    def load() -> Embedder:
        with progress.step(f"load {name}"):
            return open_embedder(plan, name, plan.config.device)

    def learned(identity: Identity) -> None:
        if not own:
            remember(name, now, identity)

    own = is_own(targets(plan)[name])
    known = _known(plan, manifest, name, now)
    place, bench = evalkit_home().joinpath(*FEATURES), executor.bench(order_of(plan, name, known))
    loading = nullcontext if bench is None else partial(progress.step, f"load {name}")  # `load` tells of itself
    return Workshop(load, known, place, plan.config.device, bench, learned, loading)


def _known(plan: Plan, manifest: Manifest, name: str, now: str) -> Identity | None:
    """Who the embedder of a weights name is, where earlier commands have found out."""
    return manifest.known(name, now) or (None if is_own(targets(plan)[name]) else remembered(name, now))


@contextmanager
def _timed(manifest: Manifest, stage: str) -> Iterator[None]:
    """Add the block's wall seconds to the stage's in run.json, however the block ends."""
    started = time.perf_counter()
    try:
        yield
    except BaseException:
        with suppress(OSError):  # a disk that refuses must not hide what ended the block
            manifest.add_seconds(stage, time.perf_counter() - started)
        raise
    manifest.add_seconds(stage, time.perf_counter() - started)


def _outcome(plan: Plan, records: Mapping[str, Record], scores: Mapping[str, Any], reused: bool) -> Outcome:
    made = [(item.name, records[item.key]) for item in plan.items if item.key in records]
    bad = [(name, record) for name, record in made if record.status != "ok"]
    failures = {name: record.error or record.kind for name, record in bad}
    return Outcome(plan, scores, len(made) - len(failures), failures, reused)
