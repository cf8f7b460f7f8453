"""Small studies of two models and three prompts, and the answer file of a listener who has answered everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evalkit.listening.scales import MUSHRA_QUALITY, SCALES
from evalkit.listening.study import Check, Design, Item, Prompt, Run, Study, Trial, code, item_code, study_id

SECRET = "0123456789abcdef" * 2
RUNS = (Run("good-run-1", "good-model", "mini"), Run("bad-run-2", "bad-model", "mini"))
PROMPTS = tuple(Prompt(code(SECRET, "prompt", key), key, f"A {key}.") for key in ("dog", "cat", "sea"))


def items_of(kind: str) -> tuple[Item, ...]:
    roles = [("system", run.id) for run in RUNS]
    if kind == "mushra":
        roles += [(role, "") for role in ("reference", "low_3500", "low_7000")]
    return tuple(
        Item(item_code(SECRET, role, run, prompt.id), prompt.code, role, run, 0.0, 2.0)
        for prompt in PROMPTS
        for role, run in roles
    )


def trials_of(kind: str, items: tuple[Item, ...]) -> tuple[Trial, ...]:
    if kind == "mos":
        return tuple(Trial(code(SECRET, "trial", each.code), each.prompt, (each.code,)) for each in items)
    found = []
    for prompt in PROMPTS:
        own = tuple(each.code for each in items if each.prompt == prompt.code)
        reference = code(SECRET, "open", prompt.id) if kind == "mushra" else ""
        found.append(Trial(code(SECRET, "trial", *own), prompt.code, own, reference))
    return tuple(found)


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """make_study(kind) -> a study in which three listeners hear everything; further fields replace its own."""

    def make(kind: str = "mos", **changes: Any) -> Study:
        items = items_of(kind)
        trials = trials_of(kind, items)
        study = Study(
            id="",
            kind=kind,
            title="Listening test",
            scales=(MUSHRA_QUALITY,) if kind == "mushra" else (SCALES["quality"], SCALES["alignment"]),
            prompts=PROMPTS,
            items=items,
            trials=trials,
            checks=(Check(code(SECRET, "check", "0"), 3), Check(code(SECRET, "check", "1"), 2)),
            headphones=(0, 2, 1, 1, 0, 2),
            design=Design(7, 3, (tuple(each.code for each in trials),) * 3),
            runs=RUNS,
            loudness="matched to -23.0 LUFS",
            post="",
        )
        study = replace(study, **changes)
        return replace(study, id=study_id(study))

    return make


@pytest.fixture
def answered() -> Callable[..., dict[str, Any]]:
    """answered(study, seat=1, listener="…") -> an answer file's contents: good-model is good, the other is bad."""

    def answer(study: Study, seat: int = 1, listener: str = "ab" * 8) -> dict[str, Any]:
        rows: dict[str, Any] = {"ratings": [], "preferences": []}
        for place, key in enumerate(study.design.seats[seat - 1], start=1):
            trial, at = study.trial[key], {"place": place, "seconds": 9}
            for scale in study.scales:
                asked = {"trial": key, "scale": scale.name, **at}
                if study.kind == "ab":
                    rows["preferences"].append(asked | {"left": trial.items[1], "chosen": trial.items[0]})
                for item in trial.items if study.kind != "ab" else ():
                    best = study.item[item].run == "good-run-1" or study.item[item].role == "reference"
                    rows["ratings"].append(asked | {"item": item, "score": scale.high if best else scale.low})
        checks = [{"check": each.code, "beeps": each.beeps, "place": 9, "seconds": 5} for each in study.checks]
        return {
            "schema": 1,
            "kind": "evalkit-answers",
            "study": study.id,
            "listener": listener,
            "seat": seat,
            "complete": True,
            "seconds": 300,
            "headphones": {"given": list(study.headphones), "tries": 1},
            "checks": checks,
            **rows,
            "comment": "",
        }

    return answer
