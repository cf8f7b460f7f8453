"""The recipe column of mini.csv must say the same as its prompt's labels, or the references are of other scenes."""

import csv

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.core.resources import resource
from evalkit.mini.recordings.reference_recipes import Item, compose, parse_recipe
from evalkit.mini.recordings.scenes import CLASSES, Recording, render


def test_the_whole_grammar() -> None:
    recipe = parse_recipe("dog_barkx3@left+chainsaw@centre>rain!faint")
    assert recipe.steps == (
        (Item("dog_bark", 3, "left", ""), Item("chainsaw", 1, "", "")),
        (Item("rain", 1, "", "faint"),),
    )
    assert recipe.labels == ("dog_bark", "chainsaw", "rain")


@pytest.mark.parametrize(
    "text",
    ["", "rain+", ">rain", "rain@up", "rain!soft", "rain@left@right", "dog_barkx0", "dog_bark x3", "rain!loud@left"],
)
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="recipe"):
        parse_recipe(text)


def test_unknown_and_uncountable_sounds_are_refused() -> None:
    with pytest.raises(UserError, match="did you mean rain"):
        parse_recipe("rian")
    with pytest.raises(UserError, match="rain cannot be counted"):
        parse_recipe("rainx2")


def test_every_shipped_prompt_has_a_recipe_of_its_labels() -> None:
    with (resource("prompts") / "mini.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert parse_recipe(row["reference"]).labels == tuple(row["labels"].split(";")), row["id"]


def test_a_recipe_becomes_the_scene_it_says() -> None:
    rate = 8000
    noise = np.random.default_rng(0).uniform(-1, 1, rate).astype(np.float32)
    recordings = [Recording(name, name, 4, rate, noise, ((0, rate),)) for name in CLASSES]
    scene = compose(parse_recipe("rain@left>rooster@right"), 2.0, recordings, np.random.default_rng(1))
    left, right = render(scene, rate)
    assert scene.relation == "then"
    assert scene.labels == ("rain", "rooster")
    assert np.std(left[:rate]) > 2 * np.std(right[:rate])
    assert np.std(right[rate:]) > 2 * np.std(left[rate:])
    together = compose(parse_recipe("rain+rooster"), 2.0, recordings, np.random.default_rng(1))
    assert together.relation == "with"
    with pytest.raises(UserError, match="no recording of rain"):
        compose(parse_recipe("rain"), 1.0, [], np.random.default_rng(1))
