"""Recipes: how the reference scene of a prompt is put together, as text that a machine can read.

    item    = class [xCOUNT] [@left | @right | @centre] [!loud | !faint]
    recipe  = item, or items joined by `+` (heard together) and `>` (heard after); `+` binds closer

`dog_barkx3@left>rain!faint` is a dog that barks three times on the left, then faint rain. The column
`reference` of `prompts/mini.csv` holds one per prompt; :func:`compose` makes it a scene of real recordings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator as Rng

from evalkit.core.errors import UserError, unknown_name
from evalkit.mini.recordings.scenes import CLASSES, COUNTABLE, Event, Loudness, Recording, Relation, Scene, Side, place

_ITEM = re.compile(
    r"(?P<sound>[a-z_]+?)(x(?P<count>[1-9]))?(@(?P<side>left|right|centre))?(!(?P<loudness>loud|faint))?"
)


@dataclass(frozen=True)
class Item:
    """One sound of a recipe; `side` and `loudness` are "" where the prompt does not say."""

    sound: str
    count: int
    side: Side
    loudness: Loudness


@dataclass(frozen=True)
class Recipe:
    """Steps one after the other; the items of a step are heard together."""

    steps: tuple[tuple[Item, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in order of appearance, without repeats."""
        return tuple(dict.fromkeys(item.sound for step in self.steps for item in step))


def parse_recipe(text: str) -> Recipe:
    """Raises UserError for text that is not a recipe, a class that is unknown, or a count of a steady sound."""
    steps = tuple(tuple(_item(part, text) for part in step.split("+")) for step in text.split(">"))
    return Recipe(steps)


def _item(part: str, recipe: str) -> Item:
    match = _ITEM.fullmatch(part)
    if match is None:
        raise UserError(f"recipe {recipe!r}: {part!r} is not class[xCOUNT][@left|@right|@centre][!loud|!faint]")
    sound, count = match["sound"], int(match["count"] or 1)
    if sound not in CLASSES:
        raise unknown_name("class", sound, CLASSES)
    if count > 1 and sound not in COUNTABLE:
        raise UserError(f"recipe {recipe!r}: {sound} cannot be counted", f"these can: {', '.join(sorted(COUNTABLE))}")
    sides: dict[str | None, Side] = {"left": "left", "right": "right"}
    levels: dict[str | None, Loudness] = {"loud": "loud", "faint": "faint"}
    return Item(sound, count, sides.get(match["side"], ""), levels.get(match["loudness"], ""))


def compose(recipe: Recipe, seconds: float, recordings: Sequence[Recording], rng: Rng) -> Scene:
    """The recipe as a scene of `seconds`, each sound a recording drawn by `rng`; steps share the time evenly.

    Raises UserError where `recordings` has none of a class.
    """
    share = seconds / len(recipe.steps)
    events: list[Event] = []
    for turn, step in enumerate(recipe.steps):
        for item in step:
            pool = [recording for recording in recordings if recording.sound == item.sound]
            if not pool:
                raise UserError(f"there is no recording of {item.sound} to compose with")
            chosen = pool[int(rng.integers(len(pool)))]
            events.append(place(chosen, turn * share, share, item.count, item.side, item.loudness, rng))
    relation: Relation = "then" if len(recipe.steps) > 1 else "with" if len(events) > 1 else "alone"
    return Scene(tuple(events), seconds, relation)
