"""What may be imported from the working folder: code that was typed (`--model my_model:Class`), nothing else.

Results, downloads and strangers' run folders lie in working folders, and a file called `torch.py` or `h5py.py` there
must not run because evalkit was started beside it. `python -m` puts the working folder before everything else, and so
does an empty entry of PYTHONPATH (`PYTHONPATH=$PYTHONPATH:/more`, where it was not set).
"""

# pathlib is not imported yet: at `python -m` the working folder stands before the standard library.
# ruff: noqa: PTH109, PTH117, PTH120
from __future__ import annotations

import os
import sys


def leave_working_folder() -> None:
    """Take the working folder from where it stands before the standard library, unless PYTHONPATH names it."""
    here = working_folder()
    named = [os.path.realpath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if sys.flags.ignore_environment or here not in named:
        library = os.path.realpath(os.path.dirname(os.__file__))
        found = [os.path.realpath(entry) for entry in sys.path]
        first = found.index(library) if library in found else len(found)
        sys.path[:first] = [entry for entry, path in zip(sys.path, found[:first], strict=False) if path != here]


def import_path() -> list[str]:
    """The folders that this process imports from, in order: the absolute ones, without the working folder."""
    here = working_folder()
    return [entry for entry in sys.path if os.path.isabs(entry) and os.path.realpath(entry) != here]


def working_folder() -> str:
    """Its real path, "" where it has been removed."""
    try:
        return os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return ""
