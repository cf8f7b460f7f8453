"""The first stage: a record in the ledger, and a sound on the disk, for every item of the plan.

What is settled already stays as it is. A batch with anything missing is made again as the same batch, and
only its missing items are kept, so a stopped run and an undisturbed one hold the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import takewhile

from evalkit.core.faults import together
from evalkit.core.interrupts import heed
from evalkit.core.paths import name_of
from evalkit.core.plugins import running
from evalkit.core.text import part_of
from evalkit.execute.base import Batch, Executor, Fault, Job, Request, Result
from evalkit.execute.limits import limits_of
from evalkit.execute.orders import GeneratorOrder
from evalkit.fetch.switches import is_on
from evalkit.generators.base import ChecksFiles
from evalkit.generators.templates import template_of, templated
from evalkit.run.accept import accept_file, accept_sound, missing_file
from evalkit.run.config import require_devices
from evalkit.run.earlier import is_listed, register, sounds, take
from evalkit.run.meanwhile import EmbeddedMeanwhile
from evalkit.run.options import model_options
from evalkit.run.plan import RANDOM, Item, Plan
from evalkit.run.progress import Progress
from evalkit.store.ledger import Ledger, Record

STAGE, INSPECT = "generate", "inspect"
"""What the stage is called: of sounds that are made already, each is looked at."""
_NAMED_STRANGERS = 5


def settled_records(plan: Plan, ledger: Ledger) -> dict[str, Record]:
    """key -> record of the items that need no more work; every audio file is read and its digest compared."""

    found = plan.found  # whose files were all read for the plan
    read = {} if found is None else {str(found.clips[name].absolute()): each for name, each in found.digests.items()}

    def settled(item: Item) -> Record | None:
        return ledger.settled(item.key, plan.folder.root, plan.config.retry_failed, read)

    pool = ThreadPoolExecutor()
    try:
        records = list(pool.map(settled, plan.items))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for the files in hand, not for all of them
    heed()
    return {record.key: record for record in records if record is not None}


Lost = Callable[[str], object]
Enough = Callable[[Collection[str]], bool]


def generate(
    plan: Plan,
    ledger: Ledger,
    executor: Executor,
    progress: Progress,
    lost: Lost = lambda why: None,
    enough: Enough = lambda made: False,
    meanwhile: EmbeddedMeanwhile | None = None,
) -> None:
    """Make every item that is not settled. The generator is loaded only where there is one to make.

    Before each batch `enough` is asked with the keys of what is made: where it says so, the rest is not.

    `meanwhile` is told of each sound that is there, for workers that have none to make.

    Where a model does not come back and cannot be interrupted, what it was at is recorded, `lost` hears why, and the
    process ends.

    Raises what the generator's `load` raises, and OSError where the disk refuses a file.
    """
    settled = settled_records(plan, ledger)
    if plan.generator is not None and len(settled) < len(plan.items):
        require_means(plan)
    stage = STAGE if plan.found is None else INSPECT
    progress.start(stage, len(plan.items), len(settled))
    if plan.found is not None:
        _collect(plan, ledger, settled, progress)
    elif len(settled) < len(plan.items):
        settled |= _taken_over(plan, ledger, settled, progress)
        _make(plan, ledger, executor, settled, progress, lost, enough, meanwhile)
    progress.finish(stage)


def require_means(plan: Plan) -> None:
    """Raises UserError where the device or the model's weights are not here: before anything is begun or promised."""
    together(partial(require_devices, plan.config), partial(_require_model_files, plan))


def _require_model_files(plan: Plan) -> None:
    generator: object = plan.generator
    if isinstance(generator, ChecksFiles):
        with running(f"{plan.model.name}: check_files() failed"):
            generator.check_files()


def _taken_over(plan: Plan, ledger: Ledger, settled: Mapping[str, Record], progress: Progress) -> dict[str, Record]:
    """key -> record of the missing sounds that earlier runs of the same maker have, which are in this run then. Of
    random weights none is taken over: how long they take is all that is asked of them."""
    if _takes_none(plan):
        return {}
    missing = [pair for items in plan.batches for pair in zip(items, sounds(items), strict=True)]
    missing = [(item, sound) for item, sound in missing if item.key not in settled]
    taken = {}
    for record in take(plan, ledger, missing):
        taken[record.key] = record
        progress.advance(STAGE)
    if taken:
        told = "an earlier run has made it" if len(taken) == 1 else "earlier runs have made them"
        progress.note(
            f"{part_of(len(taken), len(plan.items), 'sound', 'was', 'were')} there: {told} (--anew makes each anew)"
        )
    if why := register(plan):
        progress.note(f"later runs will not find these sounds: {why}")
    return taken


def _takes_none(plan: Plan) -> bool:
    return plan.config.anew or is_on("EVALKIT_ANEW") or plan.model.size == RANDOM


def makes_all(plan: Plan) -> bool:
    """Is it certain, before a sound was looked for, that none is there and each has to be made?"""
    generates = plan.generator is not None and not plan.folder.ledger.exists()
    return generates and (_takes_none(plan) or not is_listed(plan))


def _make(
    plan: Plan,
    ledger: Ledger,
    executor: Executor,
    settled: Mapping[str, Record],
    progress: Progress,
    lost: Lost,
    enough: Enough,
    meanwhile: EmbeddedMeanwhile | None,
) -> None:
    assert plan.generator is not None
    made = set(settled)
    there = (lambda record: None) if meanwhile is None else meanwhile.made
    for record in settled.values():
        there(record)

    def keep(item: Item, result: Result, sound: str = "") -> None:
        made.add(item.key)
        if item.key not in settled:
            ledger.append(accept_sound(result, item, plan.model, plan.folder, ledger.next_attempt(item.key), sound))
            there(ledger.records[item.key])

    def give_up(requests: Sequence[Request], why: str) -> None:
        for item in plan.items:
            if _request(plan, item) in requests:
                keep(item, Fault("hung", f"hung: {why}, and could not be interrupted"))
        told = f"{plan.model.name} does not come back ({why}) and cannot be interrupted, so this process ends"
        progress.note(f"{told}; type the same command again and it goes on with the rest (--timeout gives it longer)")
        lost(told)

    parts = list(_open_parts(plan, ledger, settled))
    batches = (
        Batch(number, [_request(plan, item) for item in items])
        for number, items in takewhile(lambda part: not enough(made), enumerate(parts))
    )
    limits = limits_of(plan.generator, plan.config.timeouts)
    loading = partial(progress.step, f"load {plan.model.name}")
    config = plan.config
    options, order = model_options(plan.model, plan.options), generator_order(plan)
    job = Job(plan.generator, config.device, config.dtype, options, limits, give_up, loading, order, meanwhile)
    for batch, results in executor.run(job, batches):
        items = parts[batch.number]
        for item, result, sound in zip(items, results, sounds(items), strict=True):
            keep(item, result, sound)
            if item.key not in settled:
                progress.advance(STAGE)


def generator_order(plan: Plan) -> GeneratorOrder:
    """What a worker is told of the plan's generator."""
    config, code = plan.config, plan.identity.get("code")
    return GeneratorOrder(
        model=config.model,
        weights={name: str(path) for name, path in config.weights.items()},
        checkpoint=None if config.checkpoint is None else str(config.checkpoint),
        random_weights=config.random_weights,
        digest=plan.model.weights,
        code=None if code is None else str(code),
        dtype=config.dtype,
        options=model_options(plan.model, plan.options),
        timeouts=config.timeouts,
    )


def _request(plan: Plan, item: Item) -> Request:
    """What the model is asked for: the prompt with its template, of which nobody else hears."""
    text = templated(template_of(plan.model, plan.options), item.prompt.text)
    return Request(text, item.prompt.seconds, item.seed, item.lyrics)


def _open_parts(plan: Plan, ledger: Ledger, settled: Mapping[str, Record]) -> Iterator[Sequence[Item]]:
    """The batches in which an item is missing, whole; but of one in which the model hung, what is missing, one by one:
    what hung is not to take the others along again."""
    for items in plan.batches:
        missing = [item for item in items if item.key not in settled]
        if missing and any(ledger.hung(item.key) for item in items):
            yield from ([item] for item in missing)
        elif missing:
            yield items


def _collect(plan: Plan, ledger: Ledger, settled: Mapping[str, Record], progress: Progress) -> None:
    """Record the files of a scored folder; nothing is copied."""
    assert plan.found is not None
    for sentence in plan.found.notes:
        progress.note(sentence)
    if plan.found.strangers:
        names = ", ".join(name_of(path) for path in plan.found.strangers[:_NAMED_STRANGERS])
        more = len(plan.found.strangers) - _NAMED_STRANGERS
        progress.note(f"no prompt of this suite for {names}{f' and {more} more files' if more > 0 else ''}")
    for item in plan.items:
        if item.key in settled:
            continue
        path, attempt = plan.found.clips.get(item.name), ledger.next_attempt(item.key)
        ledger.append(missing_file(item, attempt) if path is None else accept_file(path, item, attempt))
        progress.advance(INSPECT)
        heed()
