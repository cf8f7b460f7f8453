"""What a run folder holds, read as of one moment: run.json, scores.json and samples.parquet that belong together.

A run that is being redone has its old scores beside a run.json that no longer vouches for them, and one that ends
while it is read has changed between two files. Whoever tells of a run (the report, the gate) therefore reads it here:
the three files of one state, figures only of a run that is finished, and a digest of all that was read, by which a
page can name what it was made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes, digest_json
from evalkit.core.jsonio import parse_json
from evalkit.core.reading import read_regular
from evalkit.store.layout import RunFolder

_TRIES = 5
MOST_BYTES = 1 << 27
"""The largest of a run's three files."""
_STATUSES = {
    "started": "not finished: it is being worked on, or was stopped",
    "cancelled": "not finished: it was interrupted",
    "error": "not finished: it ended in an error",
    "decided": "not finished: --until-decided ended it early; the same command without that makes the rest",
}


@dataclass(frozen=True)
class RunState:
    """`facts` is run.json. `scores` and `samples` are the other files' bytes, None where they are not there or belong
    to no finished run: `unfinished` then says why in words, and is "" otherwise. `digest` is of all that was read."""

    facts: Mapping[str, Any]
    scores: bytes | None
    samples: bytes | None
    unfinished: str
    digest: str


def read_state(root: Path) -> RunState:
    """The state of the run in `root`. Raises UserError where it holds no readable run.json."""
    paths = RunFolder(root)
    for _ in range(_TRIES):
        head, scores, samples = _bytes(paths.run_json), _bytes(paths.scores), _bytes(paths.samples)
        if _bytes(paths.run_json) == head:  # else a run ended, or began, between the files
            break
    facts = None if head is None else parse_json(head, paths.run_json, once=True)
    if not isinstance(facts, dict):
        raise UserError(f"{root}: is not a run folder: it holds no readable run.json", "give the folder of a run")
    digests = [None if data is None else digest_bytes(data) for data in (head, scores, samples)]
    unfinished = _unfinished(facts, digests[1], digests[2])
    kept = (None, None) if unfinished else (scores, samples)
    return RunState(facts, *kept, unfinished, digest_json(digests))


def _unfinished(facts: Mapping[str, Any], scores: str | None, samples: str | None) -> str:
    """Why the figures that lie there are not this run's; "" where they are."""
    status = facts.get("status")
    if status != "success":
        return _STATUSES.get(str(status), "not finished: its run.json has no status that evalkit knows")
    ended = facts.get("finished")
    for name, found in (("scores", scores), ("samples", samples)):
        wanted = ended.get(name) if isinstance(ended, dict) else None
        if isinstance(wanted, str) and wanted != found:
            return f"not finished: its {name} are not those that it ended with"
    return ""


def _bytes(path: Path) -> bytes | None:
    try:
        return read_regular(path, MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
