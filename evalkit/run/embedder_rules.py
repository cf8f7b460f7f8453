"""The rules of an embedder, tried on one: `evalkit embedders check`.

Its features are kept by content and taken for every run to come, so they must be those of the clip alone: the same bits
again, the same beside other clips, and of any clip that a run may meet.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.audio.clip import Clip, samples_digest
from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import Embedder, Features, TextEmbedder
from evalkit.embed.contract import answer_fault
from evalkit.run.config import require_device
from evalkit.run.findings import Finding, not_tried

RULES = ("spec", "form", "repeats", "neighbours", "order", "kinds", "inputs", "text", "pickle", "speed")
TOLERANCE = 1e-5
"""Of the largest feature: what a clip's neighbours in a batch may change (`embed/base.py`)."""

TEXTS = ("rain on a tin roof", "a dog barks twice", "")


def check_embedder(name: str, device: str, weights: Mapping[str, Path]) -> list[Finding]:
    """One finding per rule for the embedder of that name, or behind a `module:attribute` or `file.py:attribute`.

    Raises UserError for a name that is none and for weights that are not here.
    """
    from evalkit.embed.load import load_embedder

    require_device(device)
    with _unpickled() as classes:
        try:
            embedder = load_embedder(name, device, weights, typed=True)
        except BrokenPlugin as error:
            return [Finding("spec", False, error.message), *not_tried(RULES[1:])]
        found = check_rules(embedder)
    told = "no pickle is executed"
    if classes:
        told = f"it unpickles {', '.join(dict.fromkeys(classes))}"[:200] + ": a file may run any code that way"
    return [Finding("pickle", not classes, told) if each.rule == "pickle" else each for each in found]


def check_rules(embedder: Embedder) -> list[Finding]:
    """One finding per rule; of `pickle` none, which has to be watched from before loading."""
    spec = embedder.spec
    found = [
        Finding("spec", True, f"{spec.name}, {spec.family}, {spec.dimensions} dimensions, weights {spec.weights[:12]}")
    ]
    clips = [_clip(place, seconds) for place, seconds in enumerate((1.3, 0.7, 1.0))]
    before = [samples_digest(clip) for clip in clips]
    try:
        embedder.embed(clips)  # what the first call alone does is timed by nobody
        started = time.perf_counter()
        first = embedder.embed(clips)
        wall = time.perf_counter() - started
        fault = answer_fault(first, len(clips), spec.dimensions)
        if fault:
            return [*found, Finding("form", False, f"embed() returned {fault}"), *not_tried(RULES[2:])]
        shapes = ", ".join(str(each.shape) for each in first)
        found += [Finding("form", True, f"float32 {shapes}"), _repeats(first, embedder.embed(clips))]
        alone = [embedder.embed([clip])[0] for clip in clips]
        found += [_close("neighbours", "alone and in a batch", first, alone)]
        found += [_close("order", "in another order", first, embedder.embed(clips[::-1])[::-1])]
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - an embedder may raise anything, and that is what is to be told
        heed()
        return [*found, Finding("form", False, _told(error)), *not_tried(RULES[2:])]
    found.append(_kinds(embedder))
    same = before == [samples_digest(clip) for clip in clips]
    found.append(
        Finding("inputs", same, "the clips are left as they were" if same else "it changes the clips it is given")
    )
    found += [_text(embedder), Finding("pickle", None, "not tried")]
    seconds = sum(clip.seconds for clip in clips)
    return [*found, Finding("speed", True, f"{wall / seconds:.2g} s per second of sound")]


def _clip(place: int, seconds: float, rate: int = 44100, channels: int = 2, level: float = 0.1) -> Clip:
    noise = np.random.default_rng(place).normal(0, 1, (channels, round(seconds * rate)))
    return Clip((level * noise).astype(np.float32), rate, f"{place:064x}")


def _kinds(embedder: Embedder) -> Finding:
    """Clips as a run may bring them, each alone."""
    kinds = {
        "silence": _clip(0, 1.0, level=0.0),
        "0.02 s": _clip(1, 0.02),
        "mono": _clip(2, 1.0, channels=1),
        "6 channels": _clip(3, 1.0, channels=6),
        "full scale": _clip(4, 1.0, level=10.0),
        **{f"{rate} Hz": _clip(5, 1.0, rate) for rate in (8000, 16000, 22050, 48000, 96000)},
        "12 s": _clip(6, 12.0, 16000, 1),
    }
    failed = []
    for kind, clip in kinds.items():
        try:
            fault = answer_fault(embedder.embed([clip]), 1, embedder.spec.dimensions)
        except (KeyboardInterrupt, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - as above
            fault = _told(error)
        heed()
        failed += [f"{kind}: {fault}"] if fault else []
    return Finding("kinds", not failed, "; ".join(failed) or ", ".join(kinds))


def _text(embedder: Embedder) -> Finding:
    if not isinstance(embedder, TextEmbedder):
        return Finding("text", None, "it reads none")
    try:
        first = embedder.embed_text(TEXTS)
        again = np.concatenate([embedder.embed_text([text]) for text in TEXTS])
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return Finding("text", False, _told(error))
    return _close("text", "texts alone and together", [first], [again])


def _repeats(first: Sequence[Features], again: Sequence[Features]) -> Finding:
    same = all(one.tobytes() == other.tobytes() for one, other in zip(first, again, strict=True))
    return Finding(
        "repeats", same, "the same call gives the same bits" if same else "the same call gave other features"
    )


def _close(rule: str, what: str, one: Sequence[Features], other: Sequence[Features]) -> Finding:
    """The largest difference, as a share of the largest feature."""
    pairs = list(zip(one, other, strict=True))
    if any(a.shape != b.shape for a, b in pairs):
        return Finding(rule, False, f"{what} gives other shapes")
    largest = max(max(float(np.abs(a).max()) for a in one), 1e-9)
    moved = max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs) / largest
    return Finding(rule, moved <= TOLERANCE, f"{what}: differs by {moved:.2g} of the largest, {TOLERANCE:g} allowed")


def _told(error: BaseException) -> str:
    return error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


@contextmanager
def _unpickled() -> Iterator[list[str]]:
    """The names of classes and functions that an unpickler looks up during the block; Python tells of each."""
    found: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "pickle.find_class":
            found.append(".".join(map(str, arguments)))

    sys.addaudithook(watch)  # it stays for the life of the process, and is deaf after the block
    try:
        yield found
    finally:
        watching = False
