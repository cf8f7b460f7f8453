"""What may be imported from the working folder: a module that was typed (`--model my_model:Class`), nothing else.

Results, downloads and strangers' run folders lie in working folders, and a file called `torch.py` or `h5py.py` there
must not run because evalkit was started beside it. `python -m` puts the working folder before everything else, and so
does an empty entry of PYTHONPATH (`PYTHONPATH=$PYTHONPATH:/more`, where it was not set).
"""

# pathlib is not imported yet: at `python -m` the working folder stands before the standard library.
# ruff: noqa: PTH109, PTH117, PTH120
from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import PathFinder


def leave_working_folder() -> None:
    """Take the working folder from where it stands before the standard library, unless PYTHONPATH names it."""
    here = _working_folder()
    named = [os.path.realpath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if sys.flags.ignore_environment or here not in named:
        library = os.path.realpath(os.path.dirname(os.__file__))
        found = [os.path.realpath(entry) for entry in sys.path]
        first = found.index(library) if library in found else len(found)
        sys.path[:first] = [entry for entry, path in zip(sys.path, found[:first], strict=False) if path != here]


def import_path() -> list[str]:
    """The folders that this process imports from, in order: the absolute ones, without the working folder."""
    here = _working_folder()
    return [entry for entry in sys.path if os.path.isabs(entry) and os.path.realpath(entry) != here]


def import_beside(module: str) -> None:
    """Import the first part of `module` (`a` of `a.b`) from the working folder, where no installed one has its name.

    What it imports itself is not looked for there: PYTHONPATH may name the folder for that. Raises what the module
    raises.
    """
    top = module.partition(".")[0]
    if top in sys.modules or importlib.util.find_spec(top) is not None:
        return
    found = PathFinder.find_spec(top, [_working_folder()])
    if found is None or found.loader is None:
        return
    loaded = importlib.util.module_from_spec(found)
    sys.modules[top] = loaded
    try:
        found.loader.exec_module(loaded)
    except BaseException:
        del sys.modules[top]
        raise


def _working_folder() -> str:
    """Its real path, "" where it has been removed."""
    try:
        return os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return ""
