"""The marks on a metric's scale: what recordings, wrong captions, noise and silence score on a suite.

A value of 0.18 says nothing by itself. An anchor is the value, with its interval and n, of sounds about which nobody
doubts. It belongs to one suite (by its digest) and, as a run's number does, to one protocol, one set of judge's weights
and one code: beside a number of another it is never shown. An anchor that has no value keeps the reason instead.

They ship beside a suite (`prompts/<suite>/anchors.json`), or are kept under EVALKIT_HOME where somebody had them
computed (`evalkit suites anchors NAME`, `evalkit.run.anchors`); nothing computes them unasked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.resources import resource
from evalkit.fetch.home import evalkit_home

SCHEMA = 1
FILE = "anchors.json"
_DIGEST = re.compile(r"[0-9a-f]{64}")

ANCHORS: Mapping[str, str] = MappingProxyType(
    {
        "halves": "references, half against half",
        "recordings": "the recordings themselves",
        "low_pass": "recordings, low-pass 3.5 kHz",
        "shuffled": "recordings, wrong captions",
        "noise": "noise, equally loud",
        "silence": "silence",
    }
)
"""Name -> what it is of, in words, in the order in which they are told."""


@dataclass(frozen=True)
class Anchor:
    """One anchor on one metric's scale. `value` is None where it has none; `told` then says why, and otherwise what is
    to be known of it. `low` and `high` are None where there is no interval."""

    anchor: str
    metric: str
    protocol: str
    weights: str
    code: str
    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    n_reference: int
    told: str = ""

    @property
    def title(self) -> str:
        return ANCHORS[self.anchor]

    @property
    def size(self) -> str:
        """How many sounds it stands on: "n 64 against 256"."""
        return f"n {self.n}" if not self.n_reference else f"n {self.n} against {self.n_reference}"

    @property
    def scale(self) -> tuple[str, str, str, str]:
        """What a number must share with it to stand on the same scale: metric, protocol, weights, code."""
        return self.metric, self.protocol, self.weights, self.code


def known_anchors(digest: str) -> tuple[Anchor, ...]:
    """The anchors of the suite with this digest, in the order of `ANCHORS`; of two for one place, those computed here,
    as far as they have a value.

    A file that cannot be read has none: a report is not to end for the sake of its marks.
    """
    if not _DIGEST.fullmatch(digest):
        return ()
    found: dict[tuple[str, ...], Anchor] = {}
    for path in (*_shipped(), kept_at(digest)):
        with suppress(UserError, LookupError, TypeError, ValueError):
            said = read_json(path)
            if said["schema"] == SCHEMA and said["suite"]["digest"] == digest:
                for each in map(_anchor, said["anchors"]):
                    if each.value is not None or (each.anchor, *each.scale) not in found:
                        found[(each.anchor, *each.scale)] = each
    order = list(ANCHORS)
    return tuple(sorted(found.values(), key=lambda each: (order.index(each.anchor), each.scale)))


def keep_anchors(path: Path, suite: Mapping[str, str], anchors: Iterable[Anchor], split: str) -> Path:
    """Write a suite's anchors, beside those that the file has for other judges or protocols. `suite` is its name,
    version and digest, `split` says how its recordings were halved."""
    new = {(each.anchor, *each.scale): each for each in anchors}
    with suppress(UserError, LookupError, TypeError, ValueError):
        said = read_json(path)
        if said["schema"] == SCHEMA and said["suite"]["digest"] == suite["digest"]:
            new = {(each.anchor, *each.scale): each for each in map(_anchor, said["anchors"])} | new
    content = {"schema": SCHEMA, "suite": dict(suite), "halves": split}
    write_json(path, {**content, "anchors": [asdict(each) for each in new.values()]})
    return path


def kept_at(digest: str) -> Path:
    """Where the anchors of a suite are kept that were computed on this machine."""
    return evalkit_home() / "anchors" / f"{digest}.json"


def every_anchor(metric: str) -> list[tuple[Mapping[str, str], tuple[Anchor, ...]]]:
    """(suite's name, version and digest; its anchors on this metric's scale), of all suites that have any here."""
    found: dict[str, tuple[Mapping[str, str], tuple[Anchor, ...]]] = {}
    folder = evalkit_home() / "anchors"
    for path in (*_shipped(), *(sorted(folder.glob("*.json")) if folder.is_dir() else ())):
        with suppress(UserError, LookupError, TypeError, ValueError):
            suite = {key: str(read_json(path)["suite"][key]) for key in ("name", "version", "digest")}
            marks = tuple(each for each in known_anchors(suite["digest"]) if each.metric == metric)
            if marks:
                found[suite["digest"]] = suite, marks
    return list(found.values())


def on_scale(anchors: Sequence[Anchor], metric: str, protocol: str, weights: str, code: str) -> tuple[Anchor, ...]:
    """Those that stand on the scale of one number, and no other."""
    return tuple(each for each in anchors if each.scale == (metric, protocol, weights, code))


def _shipped() -> list[Path]:
    with suppress(UserError):
        return sorted(resource("prompts").glob(f"*/{FILE}"))
    return []


def _anchor(said: Mapping[str, Any]) -> Anchor:
    """One anchor as it was kept. Raises what a damaged file raises."""
    found = Anchor(**said)
    if found.anchor not in ANCHORS or not isinstance(found.value, float | int | None):
        raise ValueError("no anchor")
    return found
