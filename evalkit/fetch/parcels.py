"""What there is to bring of a network's weights: looked at before anything is fetched, then fetched file by file.

A parcel is opened without the network where all of it is here. Files of the hub land in the Hugging Face cache
(`fetch/hub_cache.py`), everything else under `EVALKIT_HOME/weights`; so do those of the hub that a mirror serves
(`EVALKIT_MIRROR`), as it has no listing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalkit.core.errors import MissingWeights, UserError
from evalkit.core.ids import digest_file
from evalkit.core.paths import files_under, typed
from evalkit.fetch import hub, hub_cache
from evalkit.fetch.digests import measure
from evalkit.fetch.download import Fetched, Meter, fetch, mirrored, size_of
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.hub_selection import HubFile, needed
from evalkit.fetch.published import PUBLISHED, Published
from evalkit.fetch.sources import Digest, HubSource, Repository, Source, place
from evalkit.fetch.weights import locate

State = Literal["here", "cached", "absent"]
_OPEN = re.compile(r"(MIT|Apache-2\.0|BSD|CC0|CC[- ]BY 4)\b")
"""How licences begin that ask for no more than a notice."""


@dataclass(frozen=True)
class Piece:
    """One file: `name` to show, where it is from, where its bytes lie or will, and how many (None: nobody says).

    `state` says whether it is here, in the Hugging Face cache, or neither; `own` whether its place is evalkit's to
    replace; `largest` what it may have.
    """

    name: str
    source: Source
    target: Path
    size: int | None
    state: State
    own: bool = False
    largest: int = hub.LARGEST


@dataclass(frozen=True)
class Parcel:
    """Something published: its `kind` ("weights", "suite") and name, from where, under which licence, gated or not,
    and its files. `shelf` is its place in the hub's cache, where it has one. One that is not `reachable` is not here,
    and what it consists of cannot be asked."""

    kind: str
    name: str
    origin: str
    licence: str
    gated: bool
    pieces: tuple[Piece, ...]
    shelf: Shelf | None = None
    reachable: bool = True

    @property
    def to_bring(self) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if piece.state == "absent")

    @property
    def size(self) -> int | None:
        """Bytes of all its files; None where somebody does not say."""
        known = [piece.size for piece in self.pieces if piece.size is not None]
        return sum(known) if len(known) == len(self.pieces) else None

    @property
    def wants_consent(self) -> bool:
        """Is it gated, or under a licence that does not let everybody do everything?"""
        return self.kind == "weights" and (self.gated or not _OPEN.match(self.licence))


@dataclass(frozen=True)
class Shelf:
    """A repository at a commit, and the files that are needed of it."""

    repository: Repository
    commit: str
    gated: bool
    files: tuple[HubFile, ...]


def open_weights(name: str, sizes: bool = False) -> Parcel:
    """What `name`, one of PUBLISHED, consists of; with `sizes`, servers without listings are asked for them.

    Raises UserError where it was never published, or its listing or a size is not to be had.
    """
    published = PUBLISHED[name]
    if not published.fetchable:
        hint = f"put what you have into {evalkit_home() / 'weights' / published.files[0]}, or say --weights {name}=PATH"
        raise UserError(f"the weights {name} cannot be fetched: {published.why_not}", hint)
    if not published.repositories:
        folder = evalkit_home() / "weights"
        pieces = tuple(piece_of(each.name, each.source, folder / each.name, sizes) for each in published.downloads)
        return Parcel("weights", name, published.source, published.licence, False, pieces)
    at_home = _at_home(name)
    if mirrored() or at_home is not None:
        pieces = tuple(_home_pieces(name, published, at_home, sizes))
        return Parcel("weights", name, published.source, published.licence, published.gated, pieces)
    shelf = _shelf(_found(published) or published.repositories[0])
    pieces = tuple(_shelved(shelf, file) for file in shelf.files)
    gated = shelf.gated or published.gated
    return Parcel("weights", name, published.source, published.licence, gated, pieces, shelf)


def out_of_reach(name: str) -> Parcel:
    """What is known of weights that are not here and cannot be looked at."""
    published = PUBLISHED[name]
    return Parcel("weights", name, published.source, published.licence, published.gated, (), reachable=False)


def consent(parcels: Iterable[Parcel]) -> str:
    """The names and licences of what is to be brought and wants consent; "" where nothing does."""
    asking = [parcel for parcel in parcels if parcel.to_bring and parcel.wants_consent]
    return "; ".join(f"{parcel.name}: {parcel.licence}" for parcel in asking)


def refuse_without_consent(told: str) -> None:
    """Raises UserError with these licences, where there are any."""
    if told:
        raise UserError(f"licences that want your consent: {told}", "read them, then type the same with --yes")


def piece_of(
    name: str, source: Source, target: Path, sizes: bool, own: bool = False, largest: int = hub.LARGEST
) -> Piece:
    """A file with a place of its own; with `sizes` its server is asked how large it is. Raises UserError where that
    refuses."""
    if target.is_file():
        return Piece(name, source, target, target.stat().st_size, "here", own, largest)
    return Piece(name, source, target, size_of(source) if sizes else None, "absent", own, largest)


def bring(parcel: Parcel, meter: Meter) -> Iterator[tuple[Piece, Fetched]]:
    """Fetch what is not here and check what is, small files first: what refuses, refuses at once. Raises UserError as
    `fetch` does."""
    shelf = parcel.shelf
    if shelf is not None:
        hub_cache.record_files(shelf.repository, shelf.commit, shelf.gated, shelf.files)
    for piece in sorted(parcel.pieces, key=lambda piece: piece.size or 0):
        done = fetch(piece.source, piece.target, meter, replace=piece.own, largest=piece.largest, name=piece.name)
        if shelf is not None:
            done = _put(shelf, piece, done)
        yield piece, done
    if shelf is not None:
        hub_cache.name_branch(shelf.repository, shelf.commit)


def closed(parcels: Iterable[Parcel]) -> list[UserError]:
    """What is to be said of each parcel that is to be brought and is gated, where there is no token: before the first
    byte of anything."""
    gated = [each.shelf.repository for each in parcels if each.gated and each.shelf is not None and each.to_bring]
    return [hub.refusal(each, 401, "GatedRepo", False) for each in gated] if gated and not hub.token() else []


def require_room(parcels: Iterable[Parcel]) -> dict[Path, tuple[int, int]]:
    """{folder: (bytes to bring, bytes free)} per disk that something is to be brought to. Raises UserError where one
    has too little room for all of it."""
    wanted: dict[int, tuple[Path, int]] = {}
    for piece in (piece for parcel in parcels for piece in parcel.to_bring):
        folder = next(each for each in piece.target.absolute().parents if each.is_dir())
        first, before = wanted.get(folder.stat().st_dev, (folder, 0))
        wanted[folder.stat().st_dev] = (first, before + max(0, (piece.size or 0) - _part(piece)))
    room = {folder: (count, shutil.disk_usage(folder).free) for folder, count in wanted.values()}
    for folder, (count, free) in room.items():
        if count > free:
            raise UserError(f"{folder}: {count:,} bytes are to be brought, and {free:,} are free", "make room first")
    return room


def _part(piece: Piece) -> int:
    """Bytes of an earlier try."""
    with suppress(OSError):
        return piece.target.with_name(f".part-{piece.target.name}").stat().st_size
    return 0


def _at_home(name: str) -> Path | None:
    """Where the weights lie under EVALKIT_HOME, if they do."""
    with suppress(MissingWeights):
        found = locate(name, {})
        return found if found.is_relative_to(evalkit_home() / "weights") else None
    return None


def _found(published: Published) -> Repository | None:
    """The first of the repositories that the cache has whole."""
    for each in published.repositories:
        cached = hub_cache.look(each)
        if cached is not None and not cached.missing:
            return each
    return None


def _home_pieces(name: str, published: Published, found: Path | None, sizes: bool) -> Iterator[Piece]:
    """The files of a repository under EVALKIT_HOME/weights: those that are there, or that a mirror has."""
    repository, folder = published.repositories[0], evalkit_home() / "weights"
    inside = "" if set(published.files) & set(repository.names) else f"{published.files[0]}/"
    if found is not None and found.is_dir() and not repository.files:
        return
    for file, sha256 in repository.files or _mirrored_files(name, repository):
        source = HubSource(repository.hub, repository.revision, file, sha256)
        yield piece_of(f"{inside}{file}", source, folder / f"{inside}{file}", sizes)


def _mirrored_files(name: str, repository: Repository) -> list[tuple[str, str]]:
    """What a mirror's folder holds that the model needs. Raises UserError where the mirror is an address: it has no
    listing."""
    if mirrored().startswith(("http://", "https://")):
        way = "unset EVALKIT_MIRROR, and let HF_ENDPOINT name a mirror of the hub"
        raise UserError(f"the weights {name} are a folder of the hub, and EVALKIT_MIRROR is an address", way)
    root = typed(mirrored()) / place(HubSource(repository.hub, repository.revision, "x")).parent
    if not root.is_dir():
        raise UserError(f"EVALKIT_MIRROR has no folder {root}", f"copy it there from {repository.address}")
    paths = [path.relative_to(root).as_posix() for path in files_under(root)]
    return [(path, "") for path in needed(paths, (), str(root))]


def _shelf(repository: Repository) -> Shelf:
    """What is needed of a repository, by the first that knows: the record of the first fetch, a whole snapshot in the
    cache, the hub."""
    commit, recorded = hub_cache.commit_of(repository), hub_cache.recorded_files(repository)
    if recorded:
        return Shelf(repository, commit, hub_cache.recorded_gate(repository), tuple(recorded))
    cached = hub_cache.look(repository)
    if cached is not None and not cached.missing:
        return Shelf(repository, commit, False, tuple(_by_name(cached.folder, repository)))
    asked = Repository(repository.hub, commit or repository.revision, repository.files)
    listing = hub.listing(asked)
    by_path = {file.path: file for file in listing.files}
    wanted = needed(by_path, repository.names, hub.page(repository.hub))
    for file, sha256 in repository.files:
        if sha256 and by_path[file].digest not in (Digest("sha256", sha256),) and by_path[file].digest.kind == "sha256":
            raise UserError(f"{hub.page(repository.hub)}: lists {file} with another sha256 than the published {sha256}")
    return Shelf(repository, listing.commit, listing.gated, tuple(by_path[path] for path in wanted))


def _by_name(folder: Path, repository: Repository) -> Iterator[HubFile]:
    """The files of a whole snapshot: what a blob must be is what it is called; a file of its own is what it is."""
    paths = [path.relative_to(folder).as_posix() for path in files_under(folder)]
    for path in needed(paths, repository.names, str(folder)):
        size, digest = (folder / path).stat().st_size, hub_cache.called_digest(folder / path)
        yield HubFile(path, size, digest or measure(folder / path, "sha256"))


def _shelved(shelf: Shelf, file: HubFile) -> Piece:
    repository, commit = shelf.repository, shelf.commit
    target = hub_cache.where(repository.hub, commit, file)
    digest = {"sha256" if file.digest.kind == "sha256" else "blob": file.digest.value}
    source = HubSource(repository.hub, commit, file.path, **digest)
    state: State = "cached" if target.is_file() else "absent"
    return Piece(file.path, source, target, file.size, state, own=True, largest=max(file.size, 1))


def _put(shelf: Shelf, piece: Piece, done: Fetched) -> Fetched:
    """Show the content in the snapshot. Raises UserError where it is not what the published sha256 says."""
    file = next(each for each in shelf.files if each.path == piece.name)
    stated = dict(shelf.repository.files).get(file.path, "")
    if stated and file.digest.kind != "sha256" and digest_file(done.path) != stated:
        raise UserError(f"{shelf.repository.hub}: {file.path} is not the published file (sha256 {stated})")
    path = hub_cache.put(shelf.repository.hub, shelf.commit, file)
    return Fetched(path, done.digest, done.size, done.state, done.basis)


def licences(parcels: Sequence[Parcel]) -> str:
    """The licences of several parcels, each with its names."""
    return "; ".join(dict.fromkeys(f"{each.name}: {each.licence or 'none stated'}" for each in parcels))
