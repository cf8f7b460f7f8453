"""Which embedder some weights files were, as an earlier run found out by loading them.

A feature is kept under its embedder's identity, which is of the tensors' content, so that only loading tells it:
seconds for each judge, also where every feature is there already. What was found is therefore kept under EVALKIT_HOME
by what it was found from: the files' names, sizes and times, and evalkit's own code.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import evalkit
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.paths import files_under
from evalkit.execute.bench import Identity
from evalkit.fetch.home import evalkit_home

EMBEDDERS = "cache", "embedders"
"""Where it is kept, under evalkit's folder."""
_CODE = ("embed", "nets", "checkpoints", "protocols")
"""Rooms whose code, or whose data, decides an identity."""


def remembered(name: str, stamp: str) -> Identity | None:
    """The embedder behind a weights name whose files (or code) have this stamp; None where nobody has loaded it yet."""
    with suppress(UserError):
        entry = read_json(_place(name, stamp))
        return identity_of(name, entry) if isinstance(entry, dict) else None
    return None


def remember(name: str, stamp: str, identity: Identity) -> None:
    """Keep what loading told; where the disk refuses that, the next run finds out itself."""
    with suppress(OSError, UserError):
        entry = {"weights": identity.weights, "key": identity.key, "dimensions": identity.dimensions}
        write_json(_place(name, stamp), entry)


def identity_of(name: str, entry: Mapping[str, Any]) -> Identity | None:
    """The identity that a record states; None where it states none."""
    weights, key, dimensions = (entry.get(field) for field in ("weights", "key", "dimensions"))
    if isinstance(weights, str) and isinstance(key, str) and isinstance(dimensions, int):
        return Identity(name, weights, key, dimensions)
    return None


def _place(name: str, stamp: str) -> Path:
    return evalkit_home().joinpath(*EMBEDDERS, f"{digest_json([name, stamp, evalkit.__version__, _code()])}.json")


@cache
def _code() -> str:
    """Digest of the sizes and times of evalkit's own code, as far as an identity depends on it."""
    rooms = [Path(evalkit.__file__).parent / room for room in _CODE]
    files = [(path, path.stat()) for room in rooms for path in files_under(room) if path.suffix in (".py", ".toml")]
    return digest_json([[str(path), found.st_size, found.st_mtime_ns] for path, found in files])
