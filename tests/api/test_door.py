"""`import evalkit`: cheap, complete, and the same names whatever was imported before."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import evalkit

_COST = """
import sys, time
before = set(sys.modules)
began = time.perf_counter()
import evalkit
spent = time.perf_counter() - began
heavy = {"torch", "numpy", "pandas", "pyarrow", "matplotlib", "scipy", "transformers"} & set(sys.modules)
assert not heavy, heavy
assert set(evalkit.__all__) <= set(dir(evalkit))
assert not heavy & set(sys.modules), "looking at the names imports nothing"
print(spent)
"""


def test_importing_costs_nothing() -> None:
    """Bar: 50 ms, the best of three."""
    spent = [float(subprocess.check_output([sys.executable, "-c", _COST], text=True)) for _ in range(3)]
    assert min(spent) < 0.05


@pytest.mark.parametrize("first", ["import evalkit.run.plan", "import evalkit.suites.load", "pass"])
def test_rooms_that_are_called_stay_rooms_and_are_called(first: str) -> None:
    """Python binds the package `evalkit.run` over any function of that name as soon as anything of it is imported."""
    code = f"""
{first}
import evalkit, inspect
assert callable(evalkit.run) and callable(evalkit.suites)
assert "model" in inspect.signature(evalkit.run).parameters and "Parameters" in evalkit.run.__doc__
import evalkit.run.plan, evalkit.suites.load
assert callable(evalkit.run) and evalkit.run.plan.make_plan and evalkit.suites.load.load_suite
from evalkit import run, suites
assert run is evalkit.run and suites is evalkit.suites
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(evalkit, "scoer")
    with pytest.raises(AttributeError, match="no attribute 'scoer'"):
        evalkit.scoer  # noqa: B018


@pytest.mark.parametrize("name", evalkit.__all__)
def test_each_name_has_a_manual_with_its_parts(name: str) -> None:
    thing = getattr(evalkit, name)
    manual = thing.__doc__
    assert manual
    if name != "UserError":
        assert "Examples\n" in inspect.cleandoc(manual) and ">>> import evalkit" in manual
        assert "Parameters\n" in inspect.cleandoc(manual) or not inspect.signature(thing).parameters
