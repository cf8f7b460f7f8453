"""The examples in the manuals of `import evalkit` run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import evalkit.api

MODULES = sorted(each.name for each in pkgutil.iter_modules(evalkit.api.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("logging.lastResort", None)
    result = doctest.testmod(importlib.import_module(f"evalkit.api.{name}"), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_there_are_examples() -> None:
    """An example that the finder does not see tests nothing."""
    found = [
        each
        for name in MODULES
        for each in doctest.DocTestFinder().find(importlib.import_module(f"evalkit.api.{name}"))
        if each.examples
    ]
    assert {"run", "score", "load"} <= {each.name.rpartition(".")[2] for each in found}
