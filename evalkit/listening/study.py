"""A study: who hears what and what is asked, and the key that says whose sounds these are.

A study lies in two places. The page that listeners get has codes alone (`public`). The key, `NAME.key.json` beside it,
stays with the author and holds everything:

    {schema: 1, kind: "evalkit-listening-key", secret: 32 hex digits that the codes were made with,
     study: {id, kind, title, scales: [...], prompts: [...], items: [...], trials: [...], checks: [...],
             headphones: [...], design: {...}, runs: [...], loudness, post}}

with the fields of the records below; `reports/schema/listening_key.schema.json` is its form. A code is a keyed digest
cut to ten letters: nobody finds the model from it, not even with the seed, and the key cannot be altered unseen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.listening.shape import Looking

KIND = "evalkit-listening-key"
SCHEMA = 1
KINDS = ("mos", "ab", "mushra")
ROLES = ("system", "reference", "low_3500", "low_7000")
"""What a sound is: a run's own, or in MUSHRA the hidden reference and its two low-passed anchors."""

MOST_KEY = 32 << 20
MOST_TRIALS = 20_000


@dataclass(frozen=True)
class Scale:
    """What is asked, in whole points from `low` to `high`, both allowed. `labels` are words from the worst to the best:
    one a point, or in MUSHRA one a fifth of the range."""

    name: str
    title: str
    question: str
    low: int
    high: int
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """A description as listeners read it, under its code; `id` is its id in the suite."""

    code: str
    id: str
    text: str


@dataclass(frozen=True)
class Run:
    """One of the runs: `id` as in its run.json, and the name of its model."""

    id: str
    name: str
    suite: str


@dataclass(frozen=True)
class Item:
    """A sound: of which prompt (its code), in which role (`ROLES`), and for a system of which run (its id, "" for the
    others). `gain_db` is what it was turned up (or down) by, `seconds` how long it is."""

    code: str
    prompt: str
    role: str
    run: str
    gain_db: float
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One screen: the items that are judged there, one in MOS, two in A/B, all of a prompt in MUSHRA; there `reference`
    is the code of the open reference, which is "" elsewhere."""

    code: str
    prompt: str
    items: tuple[str, ...]
    reference: str = ""


@dataclass(frozen=True)
class Check:
    """An attention check: a sound with `beeps` beeps in it, which the listener is to count."""

    code: str
    beeps: int


@dataclass(frozen=True)
class Design:
    """Who hears what: `seats[n - 1]` are the codes of the trials of listener number n. The order of each listener is
    the page's, from `seed` and that number. Every trial is in exactly `ratings_per_clip` seats."""

    seed: int
    ratings_per_clip: int
    seats: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Study:
    """All of a study, as its author has it. `headphones` are the places (0, 1 or 2) of the quietest tone in each turn
    of the headphone check, () where there is none; `loudness` says what was done to the levels; `post` is the address
    that answers go to, or ""."""

    id: str
    kind: str
    title: str
    scales: tuple[Scale, ...]
    prompts: tuple[Prompt, ...]
    items: tuple[Item, ...]
    trials: tuple[Trial, ...]
    checks: tuple[Check, ...]
    headphones: tuple[int, ...]
    design: Design
    runs: tuple[Run, ...]
    loudness: str
    post: str

    @cached_property
    def item(self) -> Mapping[str, Item]:
        """{code: item}."""
        return {each.code: each for each in self.items}

    @cached_property
    def trial(self) -> Mapping[str, Trial]:
        """{code: trial}."""
        return {each.code: each for each in self.trials}

    @cached_property
    def scale(self) -> Mapping[str, Scale]:
        """{name: scale}."""
        return {each.name: each for each in self.scales}


def code(secret: str, *words: str) -> str:
    """The code of something that the words name: ten hex digits of their digest under the secret."""
    named = "\0".join(words).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(named, key=bytes.fromhex(secret), digest_size=5).hexdigest()


def public(study: Study) -> dict[str, Any]:
    """What the page is told: no run, no role, no id of a prompt, no right number of beeps, and everything in the order
    of its code."""
    told = asdict(study)
    del told["runs"]
    for prompt in told["prompts"]:
        del prompt["id"]
    for item in told["items"]:
        del item["role"], item["run"], item["gain_db"]
    for check in told["checks"]:
        del check["beeps"]
    for name in ("prompts", "items", "trials", "checks"):
        told[name] = sorted(told[name], key=lambda each: each["code"])
    for trial in told["trials"]:
        trial["items"] = sorted(trial["items"])
    return told


def study_id(study: Study) -> str:
    """Sixteen hex digits of what listeners see anyway, so that answers find their study and tell nothing else. It is
    known before any sound is made."""
    told = public(study)
    items = [{**each, "seconds": 0} for each in told["items"]]
    return digest_json({**told, "id": "", "items": items})[:16]


def write_key(study: Study, secret: str, path: Path) -> None:
    """Write the author's file, atomically. Raises CannotWrite."""
    write_json(path, {"schema": SCHEMA, "kind": KIND, "secret": secret, "study": asdict(study)})


def read_key(path: Path) -> tuple[Study, str]:
    """The study of a key file, and the secret of its codes. Raises UserError where it is no such file, or damaged."""
    table = read_json(path, MOST_KEY, finite=True, once=True)
    if not isinstance(table, dict) or table.get("kind") != KIND:
        raise UserError(f"{path}: is not the key of a listening study", "name the .key.json that evalkit listen wrote")
    if table.get("schema") != SCHEMA:
        raise UserError(f"{path}: has schema {table.get('schema')!r:.40}, this evalkit reads {SCHEMA}")
    look = Looking(str(path))
    file = look.record(_KeyFile, table)
    look.settle("take the file as evalkit listen wrote it")
    assert file is not None, "what has no fault was read"
    if not _whole(file.study, file.secret):
        raise UserError(f"{path}: does not fit together: it was changed", "take the file as evalkit listen wrote it")
    return file.study, file.secret


def _whole(study: Study, secret: str) -> bool:
    """Whether the codes are those that the secret gives, lead somewhere, and add up to the id."""
    if not re.fullmatch("[0-9a-f]{32}", secret) or study.kind not in KINDS:
        return False
    prompts, runs = {each.code: each for each in study.prompts}, {each.id for each in study.runs}
    seats = [code for seat in study.design.seats for code in seat]
    return (
        all(each.prompt in prompts and (each.run in runs) == (each.role == "system") for each in study.items)
        and all(each.code == item_code(secret, each.role, each.run, prompts[each.prompt].id) for each in study.items)
        and all(item in study.item for trial in study.trials for item in trial.items)
        and all(each in study.trial for each in seats)
        and len(study.item) == len(study.items)
        and study.id == study_id(study)
    )


def item_code(secret: str, role: str, run: str, prompt: str) -> str:
    """The code of a sound: of its role, its run's id and its prompt's id."""
    return code(secret, "item", role, run, prompt)


@dataclass(frozen=True)
class _KeyFile:
    schema: int
    kind: str
    secret: str
    study: Study
