"""Code in a file that a person named (`mine.py:Class`), and what it imports from beside itself.

Each folder is a package of its own under a name that nobody else uses, so `helper.py` of one folder never stands for
that of another, nor for an installed package. An `import` in one of its modules finds what it finds everywhere, and
what is not installed in the folder; for nobody else is the folder looked at: a library that tries `import torch_xla` in
vain still does. A file that was changed meanwhile is imported anew, as in a notebook nobody starts another process.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.core.paths import is_file

_PREFIX = "evalkit_beside_"


def module_in(folder: Path, module: str) -> str:
    """The name under which `module` (or `package.module`) of a folder is imported; nothing is imported to know it."""
    return f"{_package(folder)}.{module}"


def module_of(file: Path) -> str:
    """The name under which a Python file is imported. Raises UserError where it is none, or not there."""
    if not is_file(file):
        raise UserError(f"{file}: no such file", "FILE.py:NAME names what is in a file")
    if "." in file.stem:
        raise UserError(f"{file}: a file of code has one dot in its name", "rename it")
    return module_in(file.parent, file.stem)


def file_of(name: str) -> Path:
    """Where the module of a name that `module_in` gave lies."""
    package, _, module = name.partition(".")
    place = Path(_folder(package), *module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def lies_in(folder: str | Path, module: str) -> bool:
    """Is the first part of `module` in the folder, while nothing is installed under that name?"""
    top = module.partition(".")[0]
    if not top or top in sys.modules or importlib.util.find_spec(top) is not None:
        return False
    found = PathFinder.find_spec(top, [str(folder)])
    if found is None or found.has_location:
        return found is not None
    return any(next(Path(each).glob("*.py"), None) for each in found.submodule_search_locations or ())


def import_beside(name: str) -> ModuleType:
    """The module of a name that `module_in` gave. Raises what it raises."""
    package = name.partition(".")[0]
    _forget_changed(package)
    return importlib.import_module(name)


def is_beside(name: str) -> bool:
    """Is this a name that `module_in` gave?"""
    return name.startswith(_PREFIX)


def meant(name: str, imported: str) -> str:
    """What `imported` means in the module `name`: its name in the same folder, or itself."""
    package = name.partition(".")[0]
    return f"{package}.{imported}" if is_beside(name) and lies_in(_folder(package), imported) else imported


def plain(name: str) -> str:
    """The name of a module as its folder has it: without the folder."""
    return name.partition(".")[2] if is_beside(name) else name


def _package(folder: Path) -> str:
    """The package that stands for a folder; it is made at the first use, and nothing of the folder runs for it."""
    place = str(folder.resolve())
    name = _PREFIX + digest_bytes(place.encode("utf-8", "surrogateescape"))[:12]
    if name not in sys.modules:
        if _Finder not in sys.meta_path:
            sys.meta_path.insert(0, _Finder)
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [place]
        sys.modules[name] = importlib.util.module_from_spec(spec)
    return name


def _folder(package: str) -> str:
    return str(sys.modules[package].__path__[0])


def _forget_changed(package: str) -> None:
    """Where a file of the folder is not what it was when it was imported, all of the folder is imported anew."""
    loaded = {name: module for name, module in sys.modules.items() if name.startswith(f"{package}.")}
    loaders = [getattr(module, "__loader__", None) for module in loaded.values()]
    if any(isinstance(loader, _Loader) and loader.is_changed() for loader in loaders):
        for name in loaded:
            del sys.modules[name]
    importlib.invalidate_caches()


class _Finder:
    """Finds the modules of these packages, and no others."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not is_beside(name) or path is None:
            return None
        found = PathFinder.find_spec(name, list(path))
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _Loader(name, found.loader.path)
        return found


class _Loader(SourceFileLoader):
    """Reads the source itself: a compiled copy is told from its source by the second alone, and would be left behind in
    a folder that may be anybody's."""

    _source = b""

    def get_code(self, fullname: str) -> CodeType:
        self._source = self.get_data(self.path)
        code: CodeType = self.source_to_code(self._source, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _Importing(package)}
        super().exec_module(module)

    def is_changed(self) -> bool:
        try:
            return self.get_data(self.path) != self._source
        except OSError:
            return True


class _Importing:
    """`__import__` of the modules of one folder."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level or not lies_in(_folder(self._package), name):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        whole = f"{self._package}.{name}"
        importlib.import_module(whole)
        if fromlist:
            return builtins.__import__(whole, globals, locals, fromlist, 0)
        return sys.modules[f"{self._package}.{name.partition('.')[0]}"]
