"""Sounds that an earlier run made, found by what they depend on and taken over instead of being made again.

A sound depends on what makes it (model, weights, code, options, device, number format, threads, the versions of the
libraries: its *maker*) and on the requests of the batch that it is made in, as the last bit of a sound may depend on
its neighbours. It does not depend on a suite, so one prompt more, another metric, a corrected reference or a first try
with --limit leave most sounds as they were.

Under EVALKIT_HOME lies for each maker the list of the run folders in which it was at work. What they hold is read from
their own ledgers, and every file is compared with the digest there: a run folder that was moved, deleted or changed
costs nothing but the sounds that it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from evalkit.core.device_names import device_name
from evalkit.core.errors import UserError
from evalkit.core.files import Changed, take_over
from evalkit.core.ids import digest_json
from evalkit.core.interrupts import heed
from evalkit.core.jsonio import append_line, read_lines
from evalkit.core.versions import UNTESTED, stamp
from evalkit.fetch.home import evalkit_home
from evalkit.generators.worker.generator import Isolated
from evalkit.run.plan import Item, Plan
from evalkit.store.layout import RunFolder
from evalkit.store.ledger import Ledger, Record

RUNS = "cache", "runs"
"""Where the lists lie, under evalkit's folder."""
_MOST_RUNS = 64
"""The newest run folders of a maker that are looked through."""
_MAKER = ("model", "family", "weights", "options", "dtype", "device", "code")


def sounds(items: Sequence[Item]) -> list[str]:
    """For each item of a batch the digest of what its sound depends on beside its maker: the whole batch, and where in
    it the item stands."""
    requests = [[item.prompt.text, item.prompt.seconds, item.seed, *filter(None, (item.lyrics,))] for item in items]
    return [digest_json([place, requests]) for place in range(len(requests))]


def register(plan: Plan) -> str:
    """Put the plan's run folder on the list of its maker. Returns why that cannot be, "" where it could."""
    path, folder = _list(plan), str(plan.folder.root.absolute())
    try:
        if folder not in islice(_folders(path), 1):
            path.parent.mkdir(parents=True, exist_ok=True)
            append_line(path, {"folder": folder, "run": plan.run_id})
    except (OSError, UserError) as error:
        return str(error)
    return ""


def is_listed(plan: Plan) -> bool:
    """Has the plan's maker been at work in any run before?"""
    return _list(plan).exists()


def take(plan: Plan, ledger: Ledger, missing: Iterable[tuple[Item, str]]) -> Iterator[Record]:
    """Take the sounds of these items (each with its digest of `sounds`) over from earlier runs, as far as they are
    there. Each record is in the ledger, and its file in the run folder, when it is yielded; where the disk refuses a
    file, OSError is raised as for any other."""
    wanted = {sound: item for item, sound in missing}
    for root in islice(_folders(_list(plan)), _MOST_RUNS):
        if not wanted:
            return
        if Path(root) == plan.folder.root.absolute():
            continue
        for sound, record in _made_in(Path(root), wanted).items():
            heed()
            item = wanted[sound]
            path = plan.folder.clip(item.prompt.id, item.sample)
            with suppress(Changed):
                take_over(Path(root) / str(record.audio), path, str(record.sha256))
                taken = replace(
                    record,
                    key=item.key,
                    id=item.prompt.id,
                    sample=item.sample,
                    audio=str(path.relative_to(plan.folder.root)),
                    attempt=ledger.next_attempt(item.key),
                    made_in=record.made_in or root,
                )
                ledger.append(taken)
                del wanted[sound]
                yield taken


def _made_in(root: Path, wanted: Mapping[str, Item]) -> dict[str, Record]:
    """sound -> record, of the wanted sounds that a run folder says it has."""
    with suppress(UserError, OSError):
        records = Ledger(RunFolder(root).ledger).records.values()
        good = [each for each in records if each.sound in wanted and each.status == "ok" and each.audio and each.sha256]
        return {record.sound: record for record in good if _inside(record)}
    return {}


def _inside(record: Record) -> bool:
    """Does the record name a file of its run folder? A generated sound lies nowhere else."""
    path = Path(str(record.audio))
    return not path.is_absolute() and ".." not in path.parts


def _folders(path: Path) -> Iterator[str]:
    """The run folders of a list, the newest first, each once."""
    with suppress(UserError, OSError):
        lines = [line.get("folder") for line in read_lines(path) if line is not None]
        yield from dict.fromkeys(folder for folder in reversed(lines) if isinstance(folder, str))


def _list(plan: Plan) -> Path:
    return evalkit_home().joinpath(*RUNS, f"{_maker(plan)}.jsonl")


def _maker(plan: Plan) -> str:
    """Digest of all that a sound depends on beside its batch."""
    generator = plan.generator
    environment = generator.environment if isinstance(generator, Isolated) else None
    return digest_json(
        {
            **{name: plan.identity.get(name) for name in _MAKER},
            "environment": "" if environment is None else environment.digest,
            "versions": {name: version for name, version in stamp().items() if name != UNTESTED},
            "device": [plan.config.device, device_name(plan.config.device)],
            "threads": plan.config.threads,
        }
    )
