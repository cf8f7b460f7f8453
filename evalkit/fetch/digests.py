"""Digests of downloaded files, and the lock file that keeps those which upstream does not publish.

`EVALKIT_HOME/sources.lock.json` holds, for each address without a stated digest, the sha256 of the first
download: {address: {"sha256": ..., "size": ...}}. A later download of the same address must have it, whatever
machine or mirror served it. Deleting the entry is how a person accepts a new file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes, digest_file, digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.paths import files_under
from evalkit.core.reading import open_regular
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.hub_selection import needed
from evalkit.fetch.sources import Digest
from evalkit.fetch.waiting import waiting_lock

_PIECE = 1 << 20
_TENSORS = (".safetensors", ".bin", ".pt", ".th", ".ckpt", ".h5")
_WEIGHED = (*_TENSORS, ".json", ".model", ".txt")
"""Files of a model's folder that can decide a number; a README cannot."""

_SHA256 = re.compile(r"[0-9a-f]{64}")

LARGE = 1 << 28
"""From how many bytes on a digest is kept."""


def blob_id(path: Path) -> str:
    """The git blob id of a file: what `git hash-object FILE` prints."""
    sha = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open_regular(path) as file:
        while piece := file.read(_PIECE):
            sha.update(piece)
    return sha.hexdigest()


def remembered_sha256(path: Path) -> str:
    """sha256 of a file's bytes. That of a file of gigabytes, which takes seconds, is kept under EVALKIT_HOME with
    the size, time and inode that the file had, and asked for again once one of them is another."""
    found = path.stat()
    if found.st_size < LARGE:
        return digest_file(path)
    stamp = [found.st_size, found.st_mtime_ns, found.st_ino]
    name = digest_bytes(str(path.resolve()).encode("utf-8", "surrogatepass"))[:32]
    note = evalkit_home() / "cache" / "digests" / f"{name}.json"
    with suppress(UserError, AttributeError):
        kept = read_json(note)
        if kept.get("stamp") == stamp and _SHA256.fullmatch(str(kept.get("sha256"))):
            return str(kept["sha256"])
    sha256 = digest_file(path)
    with suppress(OSError):  # a full or read-only disk costs the seconds again, and nothing else
        write_json(note, {"stamp": stamp, "sha256": sha256})
    return sha256


def files_read(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """The file itself, or the files of a folder that its model is read from: `names` where they are there, else those
    that a fetch would bring; of a folder that is laid out otherwise, all that can decide a number."""
    if root.is_file():
        return [root]
    paths = {path.relative_to(root).as_posix(): path for path in files_under(root) if path.suffix in _WEIGHED}
    try:
        return [paths[each] for each in needed(paths, names if set(names) <= set(paths) else (), str(root))]
    except UserError:
        return list(paths.values())


def weights_digest(path: Path) -> str:
    """sha256 of a file of weights, or of the file of tensors that a folder's model is read from; where these are
    several, of their digests in the order of their names; "no tensors" where there is none."""
    files = [path] if path.is_file() else [each for each in files_read(path) if each.suffix in _TENSORS]
    digests = [remembered_sha256(each) for each in files]
    return digests[0] if len(digests) == 1 else digest_json(digests) if digests else "no tensors"


def measure(path: Path, kind: str) -> Digest:
    """The digest of a file as it is, of kind "blob" or "sha256"."""
    return Digest(kind, blob_id(path) if kind == "blob" else digest_file(path))


def lock_file() -> Path:
    """Where the digests of first downloads are kept."""
    return evalkit_home() / "sources.lock.json"


def recorded(address: str) -> Digest | None:
    """The digest that the first download of this address had, if there was one."""
    value = entry(address).get("sha256")
    return Digest("sha256", value) if isinstance(value, str) and value else None


def record(address: str, digest: Digest, size: int) -> None:
    """Keep the digest of a first download; an entry that is there already stays as it is."""
    note(address, lambda before: before or {"sha256": digest.value, "size": size})


def entry(address: str) -> dict[str, Any]:
    """What the lock file holds of an address, {} where it holds nothing."""
    found = _entries().get(address)
    return found if isinstance(found, dict) else {}


def note(address: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Replace what the lock file holds of an address; other processes wait meanwhile."""
    with waiting_lock(f"lock file {lock_file()}"):
        entries, before = _entries(), entry(address)
        after = change(before)
        if after != before:
            write_json(lock_file(), {**entries, address: after})


def _entries() -> dict[str, object]:
    path = lock_file()
    if not path.exists():
        return {}
    entries = read_json(path)
    if not isinstance(entries, dict):
        raise UserError(f"{path}: is not a table of digests", "move it away; the next downloads write a new one")
    return entries
