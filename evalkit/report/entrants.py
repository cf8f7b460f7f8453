"""The runs of a page as they are named on it: a letter, the model, and what tells it from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.core.letters import letters
from evalkit.core.text import count, one_line
from evalkit.report.records import RunRecord, mapping
from evalkit.report.text import whole

_SAMPLES = "samples_per_prompt"
_TEMPLATE = "prompt_template"


@dataclass(frozen=True)
class Entrant:
    """One run as it is named on the page: `key` is its letter, `place` its position (and colour)."""

    key: str
    place: int
    name: str
    detail: str
    record: RunRecord

    @property
    def failed(self) -> int:
        return sum(item.failed for item in self.record.items)


def entrants_of(records: Sequence[RunRecord]) -> tuple[Entrant, ...]:
    """Named by model; runs of one model are told apart by preset and by the options that differ, then by run id."""
    names = [record.model.get("name") or "unnamed model" for record in records]
    found = []
    for place, (record, name) in enumerate(zip(records, names, strict=True)):
        detail = [record.preset] if record.preset else []
        ranked = whole(mapping(record.facts.get("speed")).get("best_of"))
        if ranked and ranked > 1:  # sounds that were made and thrown away are part of the system
            detail.append(f"best of {ranked}")
        namesakes = [other for other, its in zip(records, names, strict=True) if its == name]
        changed = _changed(record, namesakes)
        if record.template and _template(record.template) not in changed:
            detail.append(_template(record.template))
        if record.samples > 1 and _sounds(record) not in changed:
            detail.append(_sounds(record))
        detail += changed
        if not detail or (len(namesakes) > 1 and not changed):
            detail.append(record.run_id)
        if record.unfinished:
            detail.append("not finished")
        found.append(Entrant(letters(place), place, name, " · ".join(detail), record))
    return tuple(found)


def _changed(record: RunRecord, namesakes: Sequence[RunRecord]) -> list[str]:
    """["steps=50", "seed 1"]: what this run has otherwise than the other runs of its preset; none where that does
    not tell it from each of them."""
    told = [_choices(each) for each in namesakes if each.preset == record.preset]
    mine = _choices(record)
    differing = [key for key in mine if len({each.get(key, "") for each in told}) > 1]
    if sum(all(each.get(key, "") == mine[key] for key in differing) for each in told) > 1:
        return []
    return [_told(key, mine[key], record) for key in differing[:4]]


def _told(key: str, value: str, record: RunRecord) -> str:
    if key == _SAMPLES:
        return _sounds(record)
    if key == _TEMPLATE:
        return _template(value)
    return one_line(f"seed {value}" if key == "seed" else f"{key}={value}", 40)


def _template(name: str) -> str:
    """A template changes what a model is asked, so it stands beside the model on every page."""
    return one_line("no template" if name in ("", "none") else f"template {name}", 40)


def _sounds(record: RunRecord) -> str:
    return count(record.samples, "sound") + " a prompt"


def _choices(record: RunRecord) -> dict[str, str]:
    """The options of a run, its seed and how many sounds a prompt has, as text."""
    options = {str(key): str(value) for key, value in mapping(record.facts.get("options")).items()}
    return {**options, "seed": str(record.facts.get("seed", "")), _SAMPLES: str(record.samples)}
