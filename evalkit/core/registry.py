"""One lazy registry for generators, metrics, embedders and suites.

A name stands for a `"module:attribute"` target that is imported only when asked for, so listing names
costs no torch import. Installed packages add names through an entry-point group; a target typed directly
(`package.module:Class`, `folder/file.py:Class`) needs no registration at all.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from evalkit.core import beside
from evalkit.core.errors import UserError, close_names, unknown_name
from evalkit.core.installed import entry_points
from evalkit.core.own_code import names_in
from evalkit.core.paths import typed as typed_path
from evalkit.core.plugins import BrokenPlugin, running
from evalkit.core.search_path import working_folder

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

    def __contains__(self, name: str) -> bool:
        """Is it a registered name? A built-in one is known without looking through the installed packages."""
        return name in self._builtin or name in self.targets()

    def names(self) -> list[str]:
        return sorted(self.targets())

    def load(self, name: str, typed: bool = False) -> Any:
        """The object behind a registered name, behind a `module:attribute` or a `file.py:attribute`.

        What a person `typed` may lie in the working folder, also as a module; what a file names may not, and a file of
        code that it names must be an absolute path here. Raises UserError where the name is not known (with the
        nearest) or nothing is there, BrokenPlugin where importing it fails.
        """
        target = self.target(name)
        what = f"{self.kind} {name!r} cannot be loaded from {target}"
        attribute = split(target)[1]
        loaded = _imported(self.module(name, typed), what, typed and target == name)
        for part in (attribute,) if self.is_builtin(name) else attribute.split("."):  # a model's name may have a dot
            with running(what):
                found = getattr(loaded, part, _NOTHING)
            if found is _NOTHING:
                near = close_names(part, dir(loaded))
                raise UserError(f"{what}: it has no attribute {part!r}", f"did you mean {near}?" if near else "")
            loaded = found
        return loaded

    def module(self, name: str, typed: bool = False) -> str:
        """The name under which the module of a target is imported, or would be: nothing is imported to know it.

        Raises UserError as `load` does, for a form that is none and for a file that is not there.
        """
        target = self.target(name)
        place, attribute = split(target)
        if not place or not attribute:
            raise UserError(f"{self.kind} {name!r} is not of the form module:attribute or file.py:attribute")
        if is_file(place):
            file = typed_path(place)
            if not typed and not file.is_absolute():
                raise UserError(f"{self.kind} {name!r}: its file is not looked for in the folder that you are in")
            return beside.module_of(file.absolute())
        here = working_folder() if typed and target == name else ""
        if here and beside.lies_in(here, place):
            return beside.module_in(Path(here), place)
        return place

    def target(self, name: str) -> str:
        """The target that a name stands for, or that it is. Raises UserError with the nearest names."""
        if is_file(name):
            known = ", ".join(f"{name}:{each}" for each in names_in(typed_path(name)))
            raise UserError(f"{self.kind} {name!r} is a file", f"say what of it: {known or f'{name}:NAME'}")
        target = self._builtin.get(name) or self.targets().get(name, name if ":" in name else "")
        if not target:
            raise unknown_name(self.kind, name, self.names())
        return target

    def placed(self, name: str) -> str:
        """What a person typed, as it is meant from any folder: code in the folder that they are in by its file.

        Raises UserError where that is not there, and for a name that is not known.
        """
        target = self.target(name)
        module = self.module(name, typed=True)
        if target != name or not beside.is_beside(module):
            return name
        return f"{beside.file_of(module)}:{split(target)[1]}"

    def is_builtin(self, name: str) -> bool:
        """Is this evalkit's own, so that importing it runs nobody else's code?"""
        return name in self._builtin

    def is_code(self, name: str) -> bool:
        """Does this name say itself which code it is, as a target that nobody registered?"""
        return ":" in name and name not in self.targets()


def split(target: str) -> tuple[str, str]:
    """(module or file, attribute) of a target; a drive's colon (`C:\\mine.py:Class`) belongs to the file."""
    place, _, attribute = target.rpartition(":")
    return place, attribute


def is_file(place: str) -> bool:
    """Is this how a file of code is named, rather than a module?"""
    return place.lower().endswith(".py")


def located(target: str, folder: Path) -> str:
    """A target that a file names, as :class:`Registry` takes it: a file of code from where `folder` is, a module as it
    stands."""
    place, attribute = split(target)
    if is_file(target):  # which says not what of it, and is refused where it is loaded
        return str((folder / typed_path(target)).absolute())
    return f"{(folder / typed_path(place)).absolute()}:{attribute}" if is_file(place) else target


def _imported(module: str, what: str, typed: bool) -> Any:
    try:
        with running(what):
            return beside.import_beside(module) if beside.is_beside(module) else importlib.import_module(module)
    except BrokenPlugin as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and f"{module}.".startswith(f"{missing.name}."):
            # A mistyped name or another folder's; what it imports itself is there or not.
            looked = "and in the folder that you are in" if typed else "and not in the folder that you are in"
            where = f"it is looked for among installed packages {looked}; PYTHONPATH=FOLDER names one more"
            raise UserError(error.message, f"{where}, FILE.py:NAME a file") from missing
        raise
