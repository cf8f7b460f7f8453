"""Rooms that are called by their own names: `evalkit.run` is a package, and what runs a model from Python.

Python puts a package's room into the package's namespace as soon as anything of it is imported, so a function of the
same name would be there until then and gone afterwards. Instead the room itself is the function: it is called, and its
signature and its manual are the function's. That is looked up at the call, as `import evalkit` is to cost nothing.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def call_as(room: str, target: str) -> None:
    """Make the imported module called `room` (`evalkit.run`) stand for a function (`evalkit.api.run:run`)."""
    module, _, name = target.partition(":")

    def function() -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found

    class CalledRoom(ModuleType):
        """A module whose call, signature and manual are those of a function."""

        __call__ = property(lambda self: function())
        __doc__ = property(lambda self: function().__doc__)
        __signature__ = property(lambda self: inspect.signature(function()))

    sys.modules[room].__class__ = CalledRoom
