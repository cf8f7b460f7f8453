"""One lazy registry for generators, metrics and suites.

A name stands for a `"module:attribute"` target that is imported only when asked for, so listing names
costs no torch import. Installed packages add names through an entry-point group; a target typed directly
(`package.module:Class`) needs no registration at all.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.search_path import import_beside


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

        A module that a person `typed` may lie in the working folder; one that a file names may not.
        Raises UserError with the nearest names where there is none, or the reason where its import fails.
        """
        target = self.targets().get(name, name if ":" in name else "")
        if not target:
            raise unknown_name(self.kind, name, self.names())
        module, _, attribute = target.partition(":")
        try:
            if typed and target == name:
                import_beside(module)
            loaded: Any = importlib.import_module(module)
            for part in attribute.split("."):
                loaded = getattr(loaded, part)
        except (ImportError, AttributeError) as error:
            raise UserError(f"{self.kind} {name!r} cannot be loaded from {target}: {error}") from error
        return loaded
