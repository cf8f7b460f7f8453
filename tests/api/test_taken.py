"""Values of a wrong kind at every parameter of `import evalkit`: one clear line that names the parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit

WRONG: tuple[object, ...] = (None, 3, [], {}, b"", object())

FINE = {
    "metrics": ([],), "gates": ([],), "tolerances": (None, {}), "strict": (), "columns": (None, {}),
    "prompts": (None, {}),
    "reference": (None, {}), "judges": (None, []), "seconds": (None, 3), "name": (None,), "about": (None,),
    "out": (None,), "samples": (3,), "limit": (None, 3), "weights": (None, {}), "suite": (None,), "preset": (None,),
    "options": (None, {}), "init": (None,), "seed": (3,), "batch_size": (None, 3), "checkpoint": (None,),
    "prompt_template": (None,),
    "timeout": (None, 3), "audio": ({},), "detect": ({},), "twin": (None,), "correlation": (3,),
    "workers": (None, 3), "devices": (None, []), "threads": (None, 3), "ray": (None,), "ray_resources": (None, {}),
    "answers": ([],), "runs": ([],), "scales": ([],),
    "listeners": (None, 3), "ratings_per_clip": (None, 3), "listen prompts": (None, 3), "listen runs": (),
    "Judge name": (), "sensitivity metrics": (), "sensitivity reference": (None,), "ladders": ([],), "data": (None,),
}  # fmt: skip
"""What of WRONG a parameter takes after all, of every function or of the one that is named; else nothing."""

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[object, ...]]] = {
    "run": (evalkit.run, ("nobody",)),
    "score": (evalkit.score, ("no-folder",)),
    "check": (evalkit.check, ("no-run", "no-file")),
    "save_baseline": (evalkit.save_baseline, ("no-run", "no-file")),
    "compare": (evalkit.compare, ("no-run", "no-other")),
    "plan": (evalkit.plan, ("no-run", {"clap_score": 1})),
    "load": (evalkit.load, ("no-run",)),
    "listen": (evalkit.listen, ("no-run",)),
    "collect": (evalkit.collect, ("no-answers", "no-key")),
    "agree": (evalkit.agree, ("no-ratings",)),
    "models": (evalkit.models, ("nobody",)),
    "suites": (evalkit.suites, ("nothing",)),
    "sensitivity": (evalkit.sensitivity, ("no_metric",)),
    "Judge": (evalkit.Judge, ("nothing",)),
}
"""Each with arguments that it refuses for their content, so that a value of the right kind costs no work."""


def _cases() -> list[tuple[str, str]]:
    return [
        (name, each) for name, (function, _) in FUNCTIONS.items() for each in inspect.signature(function).parameters
    ]


def _fine(name: str, parameter: str) -> tuple[object, ...]:
    return FINE.get(f"{name} {parameter}", FINE.get(parameter, ()))


def _by_name(function: Callable[..., Any], first: tuple[object, ...]) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    named = [each.name for each in parameters if each.kind is not inspect.Parameter.VAR_POSITIONAL]
    return dict(zip(named, first[: 1 if len(named) < len(parameters) else None], strict=False))


def test_every_function_is_thrown_at() -> None:
    called = {name for name in evalkit.__all__ if name not in ("Run", "UserError")}
    assert called == set(FUNCTIONS)


@pytest.mark.parametrize(("name", "parameter"), _cases())
def test_a_value_of_a_wrong_kind_is_refused_by_the_parameters_name(name: str, parameter: str) -> None:
    function, first = FUNCTIONS[name]
    taken = _by_name(function, first)
    listing = name in ("models", "suites")  # of which None is the list
    several = inspect.signature(function).parameters[parameter].kind is inspect.Parameter.VAR_POSITIONAL
    for value in WRONG:
        allowed = _fine(name, parameter)
        none = listing or inspect.signature(function).parameters[parameter].default is None
        if value in allowed or (value is None and none):
            continue
        with pytest.raises(evalkit.UserError) as caught:
            function(*first, value) if several else function(**{**taken, parameter: value})
        assert caught.value.message.startswith(f"{parameter} is "), (value, str(caught.value))
        assert caught.value.hint.startswith("it takes "), value
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "parameter"), _cases())
def test_a_value_that_is_taken_is_not_called_wrong(name: str, parameter: str) -> None:
    """What is wrong elsewhere is told then, as it always was."""
    function, first = FUNCTIONS[name]
    taken = _by_name(function, first)
    for value in _fine(name, parameter):
        if parameter in taken:
            continue
        if name == "run" and parameter == "reference" and value == {}:
            continue  # sounds in memory are for `score` and `Judge`
        with pytest.raises(evalkit.UserError) as caught:
            function(**{**taken, parameter: value})
        assert f"{parameter} is " not in str(caught.value)


def test_all_parameters_are_told_at_once() -> None:
    with pytest.raises(evalkit.UserError) as caught:
        evalkit.run(3, seed="x", limit=2.5, weights=["a"])  # type: ignore[arg-type]
    assert [part.split(" ")[0] for part in str(caught.value).split(" (")[0].split("; ")] == [
        "model", "seed", "limit", "weights"
    ]  # fmt: skip


def test_numpys_numbers_and_a_name_alone_where_names_are_taken() -> None:
    import numpy as np

    with pytest.raises(evalkit.UserError, match="nobody"):
        evalkit.run("nobody", seed=np.int64(3), limit=np.int32(2), timeout=np.float32(9), retry_failed=np.bool_(True))
    with pytest.raises(evalkit.UserError, match="metrics is 'kl_passt'"):
        evalkit.compare("a", "b", metrics="kl_passt")


@pytest.mark.parametrize("value", WRONG)
def test_methods_of_a_run(value: Any, tmp_path: Path) -> None:
    run = evalkit.Run(None, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(evalkit.UserError, match=r"^name is "):
        run.audio(value)
    with pytest.raises(evalkit.UserError, match=r"^of is "):
        run.table(of=value)
    with pytest.raises(evalkit.UserError, match=r"^audio is "):
        run.report(audio=value)


def test_python_itself_says_which_argument_is_missing() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'folder'"):
        evalkit.load()  # type: ignore[call-arg]
