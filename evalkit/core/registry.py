"""One lazy registry for generators, metrics and suites.

A name stands for a `"module:attribute"` target that is imported only when asked for, so listing names
costs no torch import. Installed packages add names through an entry-point group; a target typed directly
(`package.module:Class`) needs no registration at all.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from evalkit.core.errors import UserError, close_names, unknown_name
from evalkit.core.plugins import BrokenPlugin, running
from evalkit.core.search_path import import_beside

_NOTHING = object()


class Registry:
    """Names of one kind of thing (`kind`, as errors call it) and where each is implemented."""

    def __init__(self, kind: str, group: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._builtin = dict(builtin)

    def targets(self) -> dict[str, str]:
        """name -> "module:attribute", built-in names first; a plug-in cannot replace a built-in name."""
        found = {point.name: point.value for point in entry_points(group=self.group)}
        return {**found, **self._builtin}

    def names(self) -> list[str]:
        return sorted(self.targets())

    def load(self, name: str, typed: bool = False) -> Any:
        """The object behind a registered name or behind a `module:attribute`.

        A module that a person `typed` may lie in the working folder; one that a file names may not. Raises UserError
        where the name is not known (with the nearest) or nothing is there, BrokenPlugin where importing it fails.
        """
        target = self.target(name)
        module, _, attribute = target.partition(":")
        what = f"{self.kind} {name!r} cannot be loaded from {target}"
        if not module or not attribute:
            raise UserError(what, "it is of the form module:attribute")
        loaded = _imported(module, what, beside=typed and target == name)
        for part in attribute.split("."):
            with running(what):
                found = getattr(loaded, part, _NOTHING)
            if found is _NOTHING:
                near = close_names(part, dir(loaded))
                raise UserError(f"{what}: it has no attribute {part!r}", f"did you mean {near}?" if near else "")
            loaded = found
        return loaded

    def target(self, name: str) -> str:
        """The `module:attribute` that a name stands for, or that it is. Raises UserError with the nearest names."""
        target = self.targets().get(name, name if ":" in name else "")
        if not target:
            raise unknown_name(self.kind, name, self.names())
        return target

    def is_builtin(self, name: str) -> bool:
        """Is this evalkit's own, so that importing it runs nobody else's code?"""
        return name in self._builtin

    def is_code(self, name: str) -> bool:
        """Does this name say itself which code it is, as a `module:attribute` that nobody registered?"""
        return ":" in name and name not in self.targets()


def _imported(module: str, what: str, beside: bool) -> Any:
    try:
        with running(what):
            if beside:
                import_beside(module)
            return importlib.import_module(module)
    except BrokenPlugin as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and f"{module}.".startswith(f"{missing.name}."):
            # A mistyped name or another folder's; what it imports itself is there or not.
            looked = "and in the folder that you are in" if beside else "and not in the folder that you are in"
            hint = f"it is looked for among installed packages {looked}; PYTHONPATH=FOLDER names one more"
            raise UserError(error.message, hint) from missing
        raise
