"""Fetching one pinned file: resumed where it broke off, checked, and landed whole or not at all.

While a file is on its way it is `.part-<name>` beside its later place, with `.part-<name>.json` saying of
what it is a part. It gets its name only after its digest was found right; a file with a wrong digest gets none.
A killed download goes on where it was; a server that ignores `Range`, or whose file changed in between, makes
it begin anew. Two processes that want one file take turns.

Where files come from: `EVALKIT_MIRROR`, a local folder or an http(s) address, laid out as
`evalkit.fetch.sources.place` says, is asked instead of upstream, never beside it; files of the hub come from
`HF_ENDPOINT`, with the person's token where they are refused without. `EVALKIT_OFFLINE=1` forbids the network (a mirror
that is a folder is none); HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE do too, but for a mirror that is named.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol
from urllib.parse import quote

from evalkit.core.errors import UserError
from evalkit.core.files import sync
from evalkit.core.interrupts import heed
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.paths import typed
from evalkit.core.reading import open_regular
from evalkit.fetch import hub
from evalkit.fetch.digests import lock_file, measure, record, recorded, remembered_sha256
from evalkit.fetch.http import BrokenOff, Credential, Refused, Reply, get
from evalkit.fetch.patience import Patience
from evalkit.fetch.sources import Digest, HubSource, Repository, Source, address, pinned, place
from evalkit.fetch.waiting import waiting_lock

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between tries that bring nothing; any progress starts the row anew."""

LARGEST = 8 << 30
_PIECE = 1 << 18


class Meter(Protocol):
    """Who is told how a transfer goes, in bytes; `total` is None where the server does not say."""

    def start(self, name: str, total: int | None, done: int) -> None: ...

    def advance(self, count: int) -> None: ...

    def finish(self) -> None: ...

    def note(self, text: str) -> None: ...


@dataclass(frozen=True)
class Quiet:
    """A Meter for a small file: its notes go to `told`, where there is one, and the rest to nobody."""

    told: Callable[[str], None] = lambda text: None

    def start(self, name: str, total: int | None, done: int) -> None:
        pass

    def advance(self, count: int) -> None:
        pass

    def finish(self) -> None:
        pass

    def note(self, text: str) -> None:
        self.told(text)


@dataclass(frozen=True)
class Fetched:
    """A file that is in its place. `state`: "here" already, or "fetched"; `basis`: what its digest was held
    against: "stated" by the source, "recorded" at the first download, "first" download, or "nothing"."""

    path: Path
    digest: Digest
    size: int
    state: Literal["here", "fetched"]
    basis: Literal["stated", "recorded", "first", "nothing"]


@dataclass(frozen=True)
class _Job:
    """One file on its way: what, whereto, the most bytes that it may have, and what it is called in what is told."""

    source: Source
    target: Path
    largest: int
    name: str

    @property
    def part(self) -> Path:
        return self.target.with_name(f".part-{self.target.name}")

    @property
    def state(self) -> Path:
        return self.target.with_name(f".part-{self.target.name}.json")

    def discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)


def fetch(
    source: Source, target: Path, meter: Meter, replace: bool = False, largest: int = LARGEST, name: str = ""
) -> Fetched:
    """Have the file of `source` at `target`, whole and with the right digest; `name` is told in place of the target's.

    A file that is there already is measured and kept; where it is another one, it is fetched anew if `replace`
    says that the place is evalkit's own. Raises UserError, naming the file: no network, refused, broken off
    (what arrived is kept), too large, no room, a wrong digest.
    """
    job = _Job(source, target, largest, name or target.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with waiting_lock(str(target.absolute()), meter.note):
            return _present(job, replace, meter) or _fetch(job, meter)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None


def size_of(source: Source) -> int | None:
    """How many bytes the file has where it is to be fetched from, None where nobody says. Raises UserError where it is
    not to be had."""
    origin = origin_of(source)
    if not origin.startswith(("http://", "https://")):
        return _in_mirror(source, Path(origin)).stat().st_size
    switch = hub.forbidden_by(to_a_mirror=bool(mirrored()))
    if switch:
        raise UserError(f"{origin} is not here, and {switch} forbids asking for it", f"unset {switch}")
    try:
        with get(origin, 0, "", Patience()) as reply:
            return reply.total
    except BrokenOff as error:
        raise UserError(f"{origin}: {error}", "is the network there?") from None


def _present(job: _Job, replace: bool, meter: Meter) -> Fetched | None:
    """The file as it is, if it is there and right. Raises UserError where a file of the person's is another."""
    if not job.target.exists():
        return None
    wanted, basis = _wanted(job.source)
    kind = wanted.kind if wanted else "sha256"
    # What was measured before and has the same stamp is not read again: gigabytes take seconds.
    found = Digest(kind, remembered_sha256(job.target)) if kind == "sha256" else measure(job.target, kind)
    if wanted is None or found == wanted:
        return Fetched(job.target, found, job.target.stat().st_size, "here", basis)
    if replace:
        meter.note(f"{job.target} is not what it must be ({found.kind} {found.value[:12]}); fetching it anew")
        return None
    raise UserError(
        f"{job.target}: is another file than the published one ({_versus(found, wanted)})",
        "move it away to fetch the published one, or name it with --weights",
    )


def _wanted(source: Source) -> tuple[Digest | None, Literal["stated", "recorded", "nothing"]]:
    """The digest that the file must have, and who says so."""
    stated = pinned(source)
    if stated is not None:
        return stated, "stated"
    before = recorded(address(source))
    return before, "nothing" if before is None else "recorded"


def _fetch(job: _Job, meter: Meter) -> Fetched:
    resumed, announced = _bring(job, meter)
    wanted, basis = _wanted(job.source)
    found = measure(job.part, wanted.kind if wanted else "sha256")
    right = found == wanted if wanted else announced in ("", found.value)
    if not right and resumed:
        meter.note(f"{job.name}: the pieces do not fit together; fetching it anew")
        job.discard()
        _, announced = _bring(job, meter)
        found = measure(job.part, found.kind)
        right = found == wanted if wanted else announced in ("", found.value)
    if not right:
        job.discard()
        hint = f"if upstream has published a new file, remove its entry from {lock_file()}"
        told = _versus(found, wanted or Digest("sha256", announced))
        raise UserError(
            f"{origin_of(job.source)}: not the file that it must be, and refused ({told})",
            hint if basis == "recorded" else "it was damaged on its way, or replaced; nothing was kept",
        )
    size = _land(job)
    if wanted is None:
        record(address(job.source), found, size)
    return Fetched(job.target, found, size, "fetched", "first" if wanted is None else basis)


def _versus(found: Digest, wanted: Digest) -> str:
    return f"its {found.kind} is {found.value}, not {wanted.value}"


def _land(job: _Job) -> int:
    """Give the checked file its name, durably, and return its size."""
    with job.part.open("rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    job.part.chmod(0o644)
    os.replace(job.part, job.target)
    job.state.unlink(missing_ok=True)
    sync(job.target.parent)
    return size


def mirrored() -> str:
    """EVALKIT_MIRROR, a folder or an address, or "" where there is none."""
    return os.environ.get("EVALKIT_MIRROR", "").strip()


def origin_of(source: Source) -> str:
    """The address or path that the file is taken from."""
    mirror = mirrored()
    if not mirror:
        return address(source, hub.endpoint() if isinstance(source, HubSource) else "")
    if mirror.startswith(("http://", "https://")):
        return f"{mirror.rstrip('/')}/{quote(str(place(source)))}"
    return str(typed(mirror) / place(source))


def _bring(job: _Job, meter: Meter) -> tuple[bool, str]:
    """Fill the part file. Returns whether it was resumed, and the sha256 that the hub announced, or ""."""
    origin = origin_of(job.source)
    if not origin.startswith(("http://", "https://")):
        _copy(job, Path(origin), meter)
        return False, ""
    switch = hub.forbidden_by(to_a_mirror=bool(mirrored()))
    if switch:
        hint = f"unset {switch}, or let EVALKIT_MIRROR name a folder that has it"
        raise UserError(f"{job.name} is not here, and {switch} forbids fetching {origin}", hint)
    return _signed(job, origin, meter)


def _signed(job: _Job, origin: str, meter: Meter) -> tuple[bool, str]:
    """Download without a token, or with the person's where the hub refuses without. Raises UserError in the hub's
    terms."""
    try:
        return _download(job, origin, meter)
    except Refused as refused:
        if not isinstance(job.source, HubSource) or mirrored():
            raise
        mine = hub.token() if refused.status in (401, 403, 404) else ""
        if not mine:
            raise _of_the_hub(job.source, refused, False) from None
    try:
        return _download(job, origin, meter, Credential(origin, mine))
    except Refused as refused:
        raise _of_the_hub(job.source, refused, True) from None


def _of_the_hub(source: HubSource, refused: Refused, sent: bool) -> UserError:
    whose = Repository(source.hub, source.revision)
    return hub.refusal(whose, refused.status, refused.code, sent, source.file)


def _in_mirror(source: Source, origin: Path) -> Path:
    if not origin.is_file():
        raise UserError(f"EVALKIT_MIRROR has no file {origin}", f"copy it there from {address(source)}")
    return origin


def _copy(job: _Job, origin: Path, meter: Meter) -> None:
    size = _in_mirror(job.source, origin).stat().st_size
    _require_room(job, size, 0)
    meter.start(job.name, size, 0)
    with open_regular(origin) as source, job.part.open("wb") as part:
        while piece := source.read(_PIECE):
            part.write(piece)
            meter.advance(len(piece))
            heed()
    meter.finish()


def _download(job: _Job, url: str, meter: Meter, credential: Credential | None = None) -> tuple[bool, str]:
    """Ask until the file is whole; each time for what is missing."""
    resumed, announced, waits = False, "", list(PAUSES)
    patience, most = Patience(), 0
    while True:
        before = _so_far(job, url)
        resumed = resumed or before > 0
        try:
            with get(url, before, _validator(job), patience, credential) as reply:
                announced = reply.stated or announced
                if _take(job, url, reply, before, meter):
                    return resumed, announced
        except BrokenOff as error:
            reason = str(error)
        else:
            reason = "the answer did not fit what is here"
        after = job.part.stat().st_size if job.part.exists() else 0
        if after > max(before, most):
            waits, most = list(PAUSES), after
        if not waits or patience.left <= waits[0]:
            hint = "type the same command again: it goes on from there" if after else "is the network there?"
            raise UserError(f"{url}: broken off after {after} bytes: {reason}", hint)
        meter.note(f"{job.name}: {reason} after {after} bytes; trying again")
        time.sleep(waits.pop(0))


def _take(job: _Job, url: str, reply: Reply, before: int, meter: Meter) -> bool:
    """Write what a reply holds; True where the file is whole now, False where it must be asked for anew."""
    if reply.complete:
        if reply.total == before:
            return True
        job.discard()
        return False
    if reply.start not in (0, before):
        job.discard()
        return False
    _require_room(job, reply.total, reply.start)
    write_json(job.state, {"address": url, "validator": reply.validator})
    with job.part.open("ab" if reply.start else "wb") as part:
        meter.start(job.name, reply.total, reply.start)
        size = _pour(job, reply, part, meter)
    if reply.total is not None and size < reply.total:
        raise BrokenOff(f"the connection ended at byte {size} of {reply.total}")
    meter.finish()
    return True


def _pour(job: _Job, reply: Reply, part: IO[bytes], meter: Meter) -> int:
    size, most = reply.start, min(job.largest, job.largest if reply.total is None else reply.total)
    while piece := reply.read(_PIECE):
        size += len(piece)
        if size > most:
            part.close()
            job.discard()
            raise UserError(f"{origin_of(job.source)}: is larger than the {most} bytes that it may have")
        part.write(piece)
        part.flush()  # a kill loses nothing that has arrived
        meter.advance(len(piece))
        heed()
    return size


def _so_far(job: _Job, url: str) -> int:
    """Bytes of this very file that are here already; a part of something else is removed."""
    size = job.part.stat().st_size if job.part.is_file() else 0
    if size and _about(job).get("address") == url and size <= job.largest:
        return size
    job.discard()
    return 0


def _validator(job: _Job) -> str:
    return _about(job).get("validator", "")


def _about(job: _Job) -> dict[str, str]:
    try:
        content = read_json(job.state)
    except UserError:
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)} if isinstance(content, dict) else {}


def _require_room(job: _Job, total: int | None, done: int) -> None:
    if total is None:
        return
    if total > job.largest:
        raise UserError(f"{origin_of(job.source)}: has {total} bytes, more than the {job.largest} that it may have")
    free = shutil.disk_usage(job.target.parent).free
    if total - done > free:
        raise UserError(f"{job.target.parent}: {job.name} needs {total - done} bytes, {free} are free")
