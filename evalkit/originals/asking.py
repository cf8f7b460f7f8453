"""The other side: an original is started in its environment, given the clips, and what it wrote is read."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.core import processes
from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.core.jsonio import read_json
from evalkit.core.reading import read_bytes
from evalkit.core.text import one_line
from evalkit.fetch.environment import interpreter
from evalkit.originals import harness
from evalkit.originals.answers import Answer
from evalkit.originals.base import Original
from evalkit.store.arrays import MOST_BYTES, parse_npy

_SET = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",  # the table is of what both compute on a CPU
    "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONNOUSERSITE": "1",
}  # fmt: skip
_STARTING, _PACE = 600.0, 60.0
"""Seconds to import and load, and seconds of work for each second of sound, after which it is given up."""

_NAME = re.compile(r"(?P<quantity>[a-z]{1,20})(-(?P<place>[0-9]{1,6}))?")
_TAIL = 300


def ask(original: Original, job: Mapping[str, Any], folder: Path, seconds: float) -> Answer:
    """What the original says of a job (`harness.py` has its form) of so many `seconds` of sound, by way of a folder.

    Raises UserError where its environment is not made, it fails, or does not end.
    """
    environment = original.environment
    python = Path(sys.executable) if environment is None else interpreter(environment)
    sources = "" if environment is None else str(environment.sources)
    write_bytes(folder / "job.json", json.dumps({**job, "sources": sources, "folder": str(folder)}).encode())
    words = processes.isolated(python, str(Path(harness.__file__).resolve()), str(original.script), str(folder))
    variables = processes.chosen_environment(
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", **_SET, TMPDIR=str(folder), HF_HOME=str(folder), TORCH_HOME=str(folder)
    )
    try:
        done = processes.run(words, folder, variables, timeout=_STARTING + _PACE * seconds)
    except TimeoutError as error:
        raise UserError(f"{original.package}: {error}") from None
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = f": {one_line(lines[-1][-_TAIL:])}" if lines else ""
        raise UserError(f"{original.package}: its process ended with {done.returncode}{said}")
    return _read(original, folder, len(job["clips"]))


def _read(original: Original, folder: Path, clips: int) -> Answer:
    """The arrays that the answer lists. Raises UserError for names or numbers of them that were not asked for."""
    listed = read_json(folder / "answer.json")
    names: Sequence[Any] = listed.get("arrays", []) if isinstance(listed, dict) else []
    single: dict[str, Any] = {}
    found: dict[str, dict[int, Any]] = {}
    for name in names:
        known = _NAME.fullmatch(name) if isinstance(name, str) else None
        if known is None:
            raise UserError(f"{original.package}: answered something else than was asked")
        array = _array(original, folder / f"{name}.npy")
        if known["place"] is None:
            single[known["quantity"]] = array
        else:
            found.setdefault(known["quantity"], {})[int(known["place"])] = array
    if any(sorted(each) != list(range(clips)) for each in found.values()):
        raise UserError(f"{original.package}: did not answer for every clip")
    return Answer({name: [each[place] for place in range(clips)] for name, each in found.items()}, single)


def _array(original: Original, path: Path) -> Any:
    try:
        return parse_npy(read_bytes(path, MOST_BYTES, "answer"))
    except ValueError as error:
        raise UserError(f"{original.package}: its answer {path.name} cannot be read: {error}") from None
