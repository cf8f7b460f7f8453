"""The run's identity: the same command is the same run, and whatever changes a number is another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evalkit_fakes
import pytest

from evalkit.core.errors import UserError
from evalkit.run.config import RunConfig
from evalkit.run.plan import Plan, choose_options, make_plan

PROMPTS = [("a", "one", 1.0), ("b", "two", 3.0), ("c", "three", 2.0), ("d", "four", 3.0), ("e", "five", 1.0)]


def plan(folder: Path, prompts: list[tuple[str, str, float]] = PROMPTS, **config: Any) -> Plan:
    suite = evalkit_fakes.write_suite(folder, prompts)
    return make_plan(RunConfig(**{"model": "evalkit_fakes:Moody", "suite": str(suite), **config}))


def test_the_same_command_is_the_same_run_wherever_the_suite_lies(tmp_path: Path) -> None:
    assert plan(tmp_path / "a").run_id == plan(tmp_path / "b", command=("other", "words")).run_id


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"limit": 4},
        {"dtype": "float16"},
        {"device": "cuda"},
        {"batch_size": 3},
        {"changes": {"level": 0.2}},
    ],
)
def test_every_choice_that_may_change_a_number_is_another_run(change: dict[str, Any], tmp_path: Path) -> None:
    assert plan(tmp_path).run_id != plan(tmp_path, **change).run_id


def test_another_prompt_text_is_another_run_and_a_useless_limit_is_not(tmp_path: Path) -> None:
    assert plan(tmp_path).run_id == plan(tmp_path, limit=99).run_id
    assert plan(tmp_path).run_id != plan(tmp_path, [("a", "uno", 1.0), *PROMPTS[1:]]).run_id


def test_batches_hold_every_item_once_the_longest_first(tmp_path: Path) -> None:
    batches = [[item.prompt.id for item in batch] for batch in plan(tmp_path, batch_size=2).batches]
    assert batches == [["b", "d"], ["c", "a"], ["e"]]


def test_seeds_do_not_depend_on_the_other_prompts(tmp_path: Path) -> None:
    alone = plan(tmp_path / "x", PROMPTS[2:3]).items[0]
    assert alone in plan(tmp_path).items


def test_prompts_that_the_model_cannot_make_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at most 30 s; 1 of 1"):
        plan(tmp_path, [("a", "x", 31.0)])


def test_unknown_models_presets_options_and_weights_suggest_the_nearest(tmp_path: Path) -> None:
    for config, hint in (
        ({"model": "mok"}, "mock"),
        ({"preset": "defalt"}, "default"),
        ({"changes": {"levle": 1}}, "level"),
        ({"weights": {"paast-mini": tmp_path}}, "passt-mini"),
    ):
        with pytest.raises(UserError, match=f"did you mean .*{hint}"):
            plan(tmp_path, **config)  # type: ignore[arg-type]


def test_something_that_is_no_generator_is_one_clear_line(tmp_path: Path) -> None:
    for model in ("os:sep", "os:getcwd"):
        with pytest.raises(UserError, match=model):
            plan(tmp_path, model=model)


def test_a_preset_is_laid_under_the_changes() -> None:
    name, options = choose_options(evalkit_fakes.Moody.spec, None, {"level": 0.1})
    assert name == "default" and options == {"level": 0.1, "rate": evalkit_fakes.RATE}


def test_a_folder_has_no_preset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="made already"):
        plan(tmp_path, model=f"folder:{tmp_path}", preset="x")
