"""Listening studies and simulated listeners whose taste is known, for tests of what is made of their answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.listening.scales import MUSHRA_QUALITY, SCALES
from evalkit.listening.study import (
    Check,
    Design,
    Item,
    Prompt,
    Run,
    Study,
    Trial,
    code,
    item_code,
    read_key,
    study_id,
    write_key,
)

SECRET = "fedcba9876543210" * 2


def study(
    kind: str, runs: Mapping[str, str], prompts: Sequence[str], listeners: int, scales: Sequence[str] = ("quality",)
) -> Study:
    """A study of `runs` {id: name} in which everybody hears everything."""
    told = [Prompt(code(SECRET, "prompt", each), each, f"the sound of {each}") for each in prompts]
    roles = [("system", run) for run in runs]
    roles += [(role, "") for role in ("reference", "low_3500", "low_7000")] if kind == "mushra" else []
    items, trials = [], []
    for prompt in told:
        own = [Item(item_code(SECRET, r, run, prompt.id), prompt.code, r, run, 0.0, 2.0) for r, run in roles]
        items += own
        codes = [each.code for each in own]
        sets = [(each,) for each in codes] if kind == "mos" else [tuple(codes)]
        if kind == "ab":
            sets = [(one, other) for at, one in enumerate(codes) for other in codes[:at]]
        opened = code(SECRET, "open", prompt.id) if kind == "mushra" else ""
        trials += [Trial(code(SECRET, "trial", *each), prompt.code, each, opened) for each in sets]
    asked = (MUSHRA_QUALITY,) if kind == "mushra" else tuple(SCALES[each] for each in scales)
    seats = (tuple(each.code for each in trials),) * listeners
    made = Study(
        "",
        kind,
        "A study </script><script>alert(1)</script>",
        asked,
        tuple(told),
        tuple(items),
        tuple(trials),
        (Check(code(SECRET, "check", "0"), 3),),
        (0, 2, 1, 1, 0, 2),
        Design(7, listeners, seats),
        tuple(Run(each, name, "mini") for each, name in runs.items()),
        "matched to -23.0 LUFS",
        "",
    )
    return replace(made, id=study_id(made))


def answers(
    made: Study, seat: int, quality: Mapping[str, float], rng: np.random.Generator, **changed: Any
) -> dict[str, Any]:
    """What listener number `seat` says, whose liking of each run scatters around its `quality`."""
    liking = {run.id: quality[run.id] + 0.3 * rng.standard_normal() for run in made.runs}
    roles = {"reference": 9.0, "low_3500": -9.0, "low_7000": -6.0}
    ratings, preferences = [], []
    for place, key in enumerate(made.design.seats[seat - 1], start=1):
        trial = made.trial[key]
        for scale in made.scales:
            at = {"trial": key, "scale": scale.name, "place": place, "seconds": 8}
            heard = [
                liking.get(made.item[i].run, roles.get(made.item[i].role, 0.0)) + 0.7 * rng.standard_normal()
                for i in trial.items
            ]
            if made.kind == "ab":
                gap = heard[0] - heard[1]
                chosen = "" if abs(gap) < 0.3 else trial.items[0 if gap > 0 else 1]
                preferences.append(at | {"left": trial.items[1], "chosen": chosen})
                continue
            step, middle = ((scale.high - scale.low) / 4, (scale.high + scale.low) / 2)
            for item, each in zip(trial.items, heard, strict=True):
                score = int(np.clip(round(middle + step * each), scale.low, scale.high))
                ratings.append(at | {"item": item, "score": score})
    return {
        "schema": 1,
        "kind": "evalkit-answers",
        "study": made.id,
        "listener": f"{seat:016x}",
        "seat": seat,
        "complete": True,
        "seconds": 300,
        "headphones": {"given": list(made.headphones), "tries": 1},
        "checks": [{"check": each.code, "beeps": each.beeps, "place": 3, "seconds": 5} for each in made.checks],
        "ratings": ratings,
        "preferences": preferences,
        "comment": "",
    } | changed


def answer_all(key: str | Path, folder: str | Path) -> list[Path]:
    """Every listener of the study of a key answers, with a taste for its first run: files in `folder`."""
    made, _ = read_key(Path(key))
    rng, paths = np.random.default_rng(5), []
    liking = {run.id: 0.8 - place for place, run in enumerate(made.runs)}
    Path(folder).mkdir(exist_ok=True)
    for seat in range(1, len(made.design.seats) + 1):
        paths.append(Path(folder) / f"answers-{seat}.json")
        paths[-1].write_text(json.dumps(answers(made, seat, liking, rng)))
    return paths


def write_study(folder: Path, made: Study, said: Sequence[Mapping[str, Any]]) -> tuple[Path, list[Path]]:
    """The key and the answer files, in `folder`."""
    key = folder / "listen.key.json"
    write_key(made, SECRET, key)
    paths = []
    for number, each in enumerate(said, start=1):
        paths.append(folder / f"answers-{number}.json")
        paths[-1].write_text(json.dumps(each))
    return key, paths
