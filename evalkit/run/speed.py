"""How fast the sounds of a run were made: the block `speed` of run.json.

The clock is around the generator's own call, and stops when the sound is in the CPU's memory, so a device has finished
by then. The first batch after loading compiles, allocates and reads files; its items are counted apart wherever there
are others ("warm_up"). A batch's seconds are shared evenly by its items. Loading, embedding and scoring are not in it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.generators.worker.generator import Isolated
from evalkit.run.executors import devices_of
from evalkit.run.plan import Plan
from evalkit.store.ledger import Record

PARTS = ("text", "sample", "decode")


def speed(plan: Plan, records: Mapping[str, Record]) -> dict[str, Any]:
    """The block, of the run's good items: {} where none was timed. Sounds taken over from earlier runs are none of it.

    `seconds_per_clip` and `parts` are means over `n` items, `real_time_factor` is seconds of work per second of audio,
    `warm_up_included` says that there was no other batch. `best_of` is how many sounds were made for each one kept.
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
        "device_name": "" if config.ray else device_name(config.device),
        "threads": config.threads,
        "workers": config.workers if config.ray else len(devices_of(config) or [config.device]),
        "dtype": config.dtype,
        "steps": options.get("steps"),
        "best_of": options.get("best_of", 1),
        "batch_size": plan.identity.get("batch_size"),
        "worker": dict(plan.generator.facts) if isinstance(plan.generator, Isolated) else {},
    }


def device_name(device: str) -> str:
    """What the maker calls it, "" where nobody says."""
    torch = sys.modules.get("torch")
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device)) if torch is not None and torch.cuda.is_available() else ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _sum(records: Sequence[Record], part: str) -> float:
    return sum(record.timings.get(part, 0.0) for record in records)
