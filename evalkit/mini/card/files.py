"""What was measured, kept beside the trainings as one small JSON each, so that one mini can be measured at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit.core.jsonio import read_json, write_json
from evalkit.mini.card.measures import Judges, Score, Shuffled, Sounds
from evalkit.mini.card.models import Model, Rebuilt

MEASURED = Path(__file__).parents[1] / "training" / "measured"
JUDGES = "judges"


def save(folder: Path, name: str, measured: Judges | Model) -> None:
    """Write `<name>.json`."""
    write_json(folder / f"{name}.json", asdict(measured))


def load_judges(folder: Path) -> Judges:
    """Raises UserError where they have not been measured."""
    content = read_json(folder / f"{JUDGES}.json")
    ladder = tuple((str(name), float(value)) for name, value in content["ladder"])
    sets = {name: _sounds(content[name]) for name in ("recordings", "noise")}
    return Judges(**{**content, **sets, "ladder": ladder})


def load_model(folder: Path, name: str) -> Model | None:
    """None where this one has not been measured."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    content = read_json(path)
    rebuilt = {sound: Rebuilt(**each) for sound, each in content["autoencoder"].items()}
    return Model(content["weights"], content["seconds"], _sounds(content["sounds"]), rebuilt)


def _sounds(content: Mapping[str, Any]) -> Sounds:
    return Sounds(
        scores={
            name: Score(**{**each, "leave_outs": tuple(each["leave_outs"])}) for name, each in content["scores"].items()
        },
        pairs={name: Shuffled(**each) for name, each in content["pairs"].items()},
        named={sound: (named, asked) for sound, (named, asked) in content["named"].items()},
    )
