"""Records: evalkit's own outputs on its test signals, left by whoever has the weights, for everybody after.

    python -m evalkit.verify.record

writes those of the minis that ship, into `answers/` beside this file; `evalkit verify --record NAME` writes one under
EVALKIT_HOME/answers. How far outputs differ between machines was measured on the minis: threads and instruction sets
(AVX-512, AVX2, none) move features by up to 1.5e-6 of their root mean square, and sounds by up to 5.4e-5 of theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.jsonio import write_json
from evalkit.core.versions import stamp
from evalkit.embed.base import EMBEDDERS
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import MINIS, locate
from evalkit.generators.base import GENERATORS
from evalkit.verify.answer_files import FORM, SHIPPED, Case
from evalkit.verify.known import Request
from evalkit.verify.runners.base import Place
from evalkit.verify.runners.generator import Sounds
from evalkit.verify.runners.judge import Features
from evalkit.verify.signals import VERSION
from evalkit.verify.verdict import Tolerance

SHARES = {"judge": 5e-5, "generator": 1e-3}
"""The tolerance, as a share of the root mean square of what was recorded: some twenty times what was measured."""

DIGITS = 7


def kind_of(name: str) -> str:
    """The runner that records weights of this name. Raises UserError where it is not known, or nothing hears or makes
    sounds with them."""
    if name not in PUBLISHED and name not in MINIS:
        raise unknown_name("weights file", name, (*PUBLISHED, *MINIS))
    if EMBEDDERS.is_builtin(name):
        return "judge"
    if GENERATORS.is_builtin(name):
        return "generator"
    raise UserError(f"{name} has no outputs of its own to record", "name a judge or a model: `evalkit fetch weights`")


def record(name: str, request: Request) -> dict[str, Any]:
    """The content of a record. Raises MissingWeights or BadCheckpoint."""
    kind = kind_of(name)
    place = Place(name, locate(name, request.overrides), "cpu", request.overrides)
    made = Features(place) if kind == "judge" else Sounds(place)
    return {
        "form": FORM,
        "about": f"What evalkit computed with the weights {name} on its own test signals",
        "runner": kind,
        "weights": [name],
        "digest": made.digest,
        "signals": VERSION,
        "source": stamp(),
        "cases": [_case(made, of, SHARES[kind]) for of in made.kinds],
    }


def _case(made: Features | Sounds, of: str, share: float) -> dict[str, Any]:
    case = Case(f"test {of}", {"of": of}, "", None, {}, Tolerance())
    values = made.answer(case)
    size = float(np.sqrt(np.mean(values**2)))
    numbers = [round(float(value), DIGITS) for value in values]
    return {"what": case.what, "input": case.input, "expected": numbers, "absolute": float(f"{share * size:.2g}")}


def write_record(name: str, request: Request, folder: Path) -> Path:
    """Record `name` into the folder. Raises UserError where there is a record of that name: none is written over."""
    path = folder / f"{name}.json"
    if path.exists():
        raise UserError(f"{path}: is there already", f"`evalkit verify {name}` compares with it; move it away first")
    write_json(path, record(name, request))
    return path


def main() -> None:
    """The records of the minis."""
    for name in MINIS:
        write_json(SHIPPED / f"{name}.json", record(name, Request()))


if __name__ == "__main__":
    main()
