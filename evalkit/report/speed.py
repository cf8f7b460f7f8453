"""How fast each run made its sounds, from the block `speed` of run.json: one row per run, beside one another.

Times are of the generator alone, warm-up apart. They compare only on one device: the row says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.core.text import one_line
from evalkit.report.entrants import Entrant
from evalkit.report.records import RunRecord, mapping
from evalkit.report.text import MISSING, number, whole

HEADINGS = (
    "seconds per clip", "real-time factor", "text (s)", "sample (s)", "decode (s)", "first batch (s)", "loading (s)",
    "peak memory", "made with",
)  # fmt: skip
"""What the cells of a row are; the last one tells device, dtype, steps, batch size and best of how many."""


@dataclass(frozen=True)
class Pace:
    """One run's row: a text for each of `HEADINGS`. `warm` says that its seconds hold the first batch too, as there
    was no other."""

    entrant: Entrant
    cells: tuple[str, ...]
    warm: bool


def paces(entrants: Sequence[Entrant]) -> tuple[Pace, ...]:
    """The rows of the runs that say how fast they were; audio made elsewhere does not."""
    return tuple(_pace(entrant) for entrant in entrants if _stated(entrant.record))


def summary(record_facts: object) -> str:
    """One line for a terminal, "" where nothing is stated: "0.46 s per clip, 0.17 s per second of audio (cpu, ...)"."""
    stated = mapping(record_facts)
    clip, factor, peak = (number(stated.get(key)) for key in ("seconds_per_clip", "real_time_factor", "peak_bytes"))
    if clip is None:
        return ""
    where = [one_line(stated.get("device"), 40), workers_told(stated), one_line(stated.get("dtype"), 40)]
    steps, best = whole(stated.get("steps")), whole(stated.get("best_of"))
    where += [f"{steps} steps"] if steps else []
    where += [f"best of {best}"] if best and best > 1 else []
    where += ["warm-up included"] if stated.get("warm_up_included") is True else []
    told = f"{clip:.3g} s per clip" + ("" if factor is None else f", {factor:.3g} s per second of audio")
    return f"{told} ({', '.join(filter(None, where))})" + ("" if peak is None else f", peak memory {size_told(peak)}")


def _stated(record: RunRecord) -> bool:
    return number(mapping(record.facts.get("speed")).get("seconds_per_clip")) is not None


def _pace(entrant: Entrant) -> Pace:
    stated = mapping(entrant.record.facts.get("speed"))
    parts, first = mapping(stated.get("parts")), mapping(stated.get("warm_up"))
    seconds = [stated.get("seconds_per_clip"), stated.get("real_time_factor")]
    seconds += [parts.get(part) for part in ("text", "sample", "decode")]
    seconds += [first.get("seconds"), stated.get("load_seconds")]
    peak = number(stated.get("peak_bytes"))
    rest = (MISSING if peak is None else size_told(peak), _means(stated))
    return Pace(entrant, (*map(_figure, seconds), *rest), stated.get("warm_up_included") is True)


def _means(stated: Mapping[str, object]) -> str:
    """ "cpu (AMD EPYC, 2 threads), float32, 20 steps, batch 16, best of 3", as far as it is stated."""
    device = _device(stated.get("device"), stated.get("device_name"), stated.get("threads"))
    steps, batch, best = (whole(stated.get(key)) for key in ("steps", "batch_size", "best_of"))
    told = [device, workers_told(stated), one_line(stated.get("dtype"), 20)]
    told += [f"{steps} steps"] if steps else []
    told += [f"batch {batch}"] if batch else []
    told += [f"best of {best}"] if best and best > 1 else []
    return ", ".join(filter(None, told))


def workers_told(stated: Mapping[str, object]) -> str:
    """ "2 workers", "4 workers by Ray"; "" of a run that one process did by itself, and where nothing is stated."""
    count, by = whole(stated.get("workers")), stated.get("by")
    if not count or (by not in ("pool", "ray") and count < 2):
        return ""
    return f"{count:,} worker{'s' * (count > 1)}{' by Ray' if by == 'ray' else ''}"


def _device(device: object, name: object, threads: object) -> str:
    """ "cuda (NVIDIA H100)", "cpu (AMD EPYC, 2 threads)"."""
    device, name, count = one_line(device, 20), one_line(name, 80), whole(threads)
    known = [name] if name else []
    if device == "cpu" and count:
        known.append(f"{count} thread{'s' * (count > 1)}")
    return f"{device} ({', '.join(known)})" if known else device or MISSING


def _figure(value: object) -> str:
    found = number(value)
    if found is None:
        return MISSING
    return "<0.001" if 0 <= found < 0.001 else f"{found:.3g}"


def size_told(count: float) -> str:
    """Bytes in words."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
