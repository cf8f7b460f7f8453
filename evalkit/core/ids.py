"""Identities: content digests, file-safe names and per-item seeds.

A prompt id comes from outside and may be anything. `safe_name` maps it injectively to a portable file
name, so that `../x`, NUL, 300 characters, or two ids that differ only in case or in Unicode form can
neither leave the run folder nor collide in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from evalkit.core.reading import open_regular

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])")


def digest_bytes(data: bytes) -> str:
    """sha256 of `data`, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes, read in pieces. Raises OSError, also for what is no regular file."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_json(value: object) -> str:
    """sha256 of a JSON value in its canonical form (sorted keys, no spaces, UTF-8, no NaN)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def safe_name(identifier: str) -> str:
    """A portable file name (no extension) for any identifier; distinct identifiers get distinct names.

    Plain lower-case ids are kept as they are. Every other id becomes its readable remains followed by
    `~` and 16 hex digits of its digest; a plain id never holds `~`, so the two kinds cannot meet.
    """
    if _PLAIN.fullmatch(identifier) and not _RESERVED.fullmatch(identifier):
        return identifier
    readable = re.sub(r"[^a-z0-9_-]+", "-", identifier.lower())[:48].strip("-_")
    return f"{readable or 'id'}~{digest_bytes(identifier.encode('utf-8', 'surrogatepass'))[:16]}"


def sound_name(prompt_id: str, sample: int, samples: int) -> str:
    """What one of a prompt's sounds is called: by the prompt's id where it has one sound, else `id#0`, `id#1`, ...

    The number is always behind the last `#` then, so no two sounds of a run have one name, whatever the ids.
    """
    return prompt_id if samples == 1 else f"{prompt_id}#{sample}"


def item_seed(run_seed: int, prompt_id: str, sample: int) -> int:
    """The seed of one item's noise, in [0, 2**63): the same for any batch, worker or order."""
    text = f"{run_seed}\0{sample}\0{prompt_id}"
    return int(digest_bytes(text.encode("utf-8", "surrogatepass"))[:16], 16) >> 1
