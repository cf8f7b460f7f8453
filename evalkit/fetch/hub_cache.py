"""The Hugging Face cache: what lies there is used where it lies, and what evalkit fetches lands there as
huggingface_hub would have put it, so that other tools find it.

    $HF_HUB_CACHE/models--<owner>--<name>/blobs/<digest>               the content, called by what it must be
                                          /snapshots/<commit>/<path>   a link to it; a file where there are no links
                                          /refs/<branch>               the commit that a branch was at

Which commit a branch was resolved to at the first fetch, and which files the model needs there, stands in
`EVALKIT_HOME/sources.lock.json` beside the digests of first downloads.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.core.jsonio import read_json
from evalkit.core.paths import entries_under
from evalkit.core.reading import open_regular
from evalkit.fetch.digests import entry, lock_file, note
from evalkit.fetch.hub import COMMIT
from evalkit.fetch.hub_selection import PIPELINE, HubFile, checked, gaps, needed
from evalkit.fetch.sources import Digest, Repository
from evalkit.fetch.switches import is_on


@dataclass(frozen=True)
class Cached:
    """A repository in the cache: its snapshot, and which of the files that its model needs are not there."""

    folder: Path
    missing: tuple[str, ...]


def cache_folder() -> Path:
    """HF_HUB_CACHE, else where HF_HOME puts it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def is_cached(path: Path) -> bool:
    """Does a path lie in the cache?"""
    return path.absolute().is_relative_to(cache_folder().absolute())


def repository_folder(hub: str) -> Path:
    """Where the cache keeps a repository."""
    return cache_folder() / f"models--{hub.replace('/', '--')}"


def snapshot(hub: str, commit: str) -> Path:
    """Where the cache keeps a repository's files as of a commit."""
    return repository_folder(hub) / "snapshots" / commit


def commit_of(repository: Repository) -> str:
    """The commit that a revision stands for: itself, the one of the first fetch, or the cache's own; "" where nobody
    has said."""
    if COMMIT.fullmatch(repository.revision):
        return repository.revision
    with suppress(UserError, LookupError, TypeError):
        recorded = str(entry(repository.address)["commit"])
        if COMMIT.fullmatch(recorded):
            return recorded
    try:
        with open_regular(repository_folder(repository.hub) / "refs" / repository.revision) as file:
            found = file.read(60).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return found if COMMIT.fullmatch(found) else ""


def look(repository: Repository) -> Cached | None:
    """What the cache has of a repository at its commit; None where it has no such snapshot. No network, no digests."""
    if not repository_folder(repository.hub).is_dir():
        return None
    commit = commit_of(repository)
    folder = snapshot(repository.hub, commit)
    if not commit or not folder.is_dir():
        return None
    listed = recorded_files(repository)
    if listed:
        return Cached(folder, tuple(file.path for file in listed if not _is_here(repository.hub, commit, file)))
    here = [str(path.relative_to(folder).as_posix()) for path in entries_under(folder) if path.is_file()]
    return Cached(folder, tuple(gaps(here, repository.names, _components(folder))))


def _is_here(hub: str, commit: str, file: HubFile) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub, file.path, cache_dir=str(cache_folder()), revision=commit)
    return isinstance(found, str) and Path(found).stat().st_size == file.size


def _components(folder: Path) -> list[str]:
    """The folders that a pipeline's own list names."""
    try:
        content = read_json(folder / PIPELINE)
    except UserError:
        return []
    parts = content.items() if isinstance(content, dict) else ()
    return [key for key, value in parts if isinstance(value, list) and all(isinstance(each, str) for each in value)]


def recorded_files(repository: Repository) -> list[HubFile]:
    """The files that were found to be needed at the first fetch; [] before that."""
    try:
        content = entry(repository.address)
        told = content["files"].items()
        listed = [HubFile(path, each["size"], Digest(each["kind"], each["digest"])) for path, each in told]
        kept = needed([file.path for file in checked(listed, repository.hub)], repository.names, repository.hub)
    except (UserError, LookupError, TypeError, AttributeError):
        return []
    return [file for file in listed if file.path in kept]


def recorded_gate(repository: Repository) -> bool:
    """Was it gated at the first fetch?"""
    return entry(repository.address).get("gated") is True


def record_files(repository: Repository, commit: str, gated: bool, files: Iterable[HubFile]) -> None:
    """Keep which commit a revision is, and what is needed of it; of a file that is known already nothing changes.

    Raises UserError where the hub says of a known file that it is another one at the same commit.
    """
    told = {file.path: {"size": file.size, "kind": file.digest.kind, "digest": file.digest.value} for file in files}

    def merged(before: Mapping[str, object]) -> dict[str, object]:
        known = before.get("files")
        kept = dict(known) if isinstance(known, dict) and before.get("commit", commit) == commit else {}
        for path, each in told.items():
            if kept.setdefault(path, each) != each:
                way = f"a commit never changes; {lock_file()} has what it said before, as {repository.address}"
                raise UserError(f"{repository.hub}: says that {path} is another file at {commit[:12]} than before", way)
        return {"commit": commit, "gated": gated or before.get("gated") is True, "files": kept}

    note(repository.address, merged)


def blob(hub: str, digest: Digest) -> Path:
    """Where the cache keeps a content."""
    return repository_folder(hub) / "blobs" / digest.value


def called_digest(path: Path) -> Digest | None:
    """What a file of a snapshot must be, by the name of the blob that it is a link to; None where it is no link. A blob
    may itself be a link into a store that several caches share: the name is that of the first."""
    name = path.readlink().name if path.is_symlink() else ""
    kind = {40: "blob", 64: "sha256"}.get(len(name))
    return Digest(kind, name) if kind and not set(name) - set("0123456789abcdef") else None


def where(hub: str, commit: str, file: HubFile) -> Path:
    """The file as it lies: its blob, or itself in a snapshot without links."""
    place = snapshot(hub, commit) / file.path
    return place if place.is_file() and not place.is_symlink() else blob(hub, file.digest)


def put(hub: str, commit: str, file: HubFile) -> Path:
    """Let a snapshot show a blob that is there, and return the path in it: a link, or on a disk without links (or with
    HF_HUB_DISABLE_SYMLINKS) the file itself."""
    link, content = snapshot(hub, commit) / file.path, blob(hub, file.digest)
    link.parent.mkdir(parents=True, exist_ok=True)
    if not content.exists():
        return link
    part = link.with_name(f".{uuid4().hex}")
    try:
        if is_on("HF_HUB_DISABLE_SYMLINKS"):
            raise OSError
        part.symlink_to(os.path.relpath(content, link.parent))
        os.replace(part, link)
    except OSError:
        part.unlink(missing_ok=True)
        os.replace(content, link)
    return link


def name_branch(repository: Repository, commit: str) -> None:
    """Write down what a branch is at, for whoever asks the cache for the branch."""
    if not COMMIT.fullmatch(repository.revision):
        write_bytes(repository_folder(repository.hub) / "refs" / repository.revision, commit.encode())


def names(found: Collection[str], most: int = 3) -> str:
    """A few names of several, and how many more there are."""
    shown = sorted(found)[:most]
    return ", ".join(shown) + (f" and {len(found) - most} more" if len(found) > most else "")
