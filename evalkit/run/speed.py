"""How fast the sounds of a run were made: the block `speed` of run.json.

The clock is around the generator's own call, and stops when the sound is in the CPU's memory, so a device has finished
by then. The first batch after loading compiles, allocates and reads files; its items are counted apart wherever there
are others ("warm_up"). A batch's seconds are shared evenly by its items. Loading, embedding and scoring are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.execute.base import Workforce
from evalkit.generators.worker.generator import Isolated
from evalkit.run.plan import Plan
from evalkit.store.ledger import Record

PARTS = ("text", "sample", "decode")


def speed(plan: Plan, records: Mapping[str, Record], force: Workforce) -> dict[str, Any]:
    """The block, of the run's good items: {} where none was timed. Sounds taken over from earlier runs are none of it.

    `seconds_per_clip` and `parts` are means over `n` items, `real_time_factor` is seconds of work per second of audio,
    `warm_up_included` says that there was no other batch. `best_of` is how many sounds were made for each one kept.
    `workers` are those of `force`, who made the last of them.
    """
    made = [record for record in records.values() if record.status == "ok" and not record.made_in]
    done = [record for record in made if "total" in record.timings]
    if not done:
        return {}
    first = [record for record in done if "load" in record.timings]
    timed = [record for record in done if "load" not in record.timings] or done
    total, audio = _sum(timed, "total"), sum(record.frames / record.rate for record in timed)
    parts = {part: _sum(timed, part) / len(timed) for part in PARTS if any(part in each.timings for each in timed)}
    peaks = [record.peak_bytes for record in done if record.peak_bytes is not None]
    config, options = plan.config, plan.options
    return {
        "n": len(timed),
        "seconds_per_clip": total / len(timed),
        "real_time_factor": total / audio if audio else None,
        "parts": parts,
        "warm_up": {"n": len(first), "seconds": _sum(first, "total")},
        "warm_up_included": timed is done,
        "load_seconds": _sum(first, "load"),
        "peak_bytes": max(peaks, default=None),
        "device": config.device,
        "device_name": ", ".join(force.names),
        "threads": config.threads,
        "workers": force.workers,
        "by": force.by,
        "dtype": config.dtype,
        "steps": options.get("steps"),
        "best_of": options.get("best_of", 1),
        "batch_size": plan.identity.get("batch_size"),
        "worker": dict(plan.generator.facts) if isinstance(plan.generator, Isolated) else {},
    }


def _sum(records: Sequence[Record], part: str) -> float:
    return sum(record.timings.get(part, 0.0) for record in records)
