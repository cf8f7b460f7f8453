"""Code that people bring along: which files it is, and the digest that makes a corrected one another one.

A model or a metric of somebody's own is decided by its module, by whatever that imports, and so on. Of these the
files count that a person edits: everything but Python's library, evalkit, and other installed packages (their
versions are recorded, and an upgrade must not orphan a run). Modules are found by reading their sources for imports, at
the top and inside functions, and nothing is imported for that; one that is loaded by a path or a name put together at
run time is not seen. What a program reads beside its modules is not seen either: a `version` on the model or metric,
or on its module, says that it is another one.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import evalkit
from evalkit.core import beside
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes, digest_json
from evalkit.core.reading import read_bytes

_INSTALLED = {"site-packages", "dist-packages"}
_IMPORTERS = {"import_module", "__import__"}
_EVALKIT = evalkit.__name__
_MOST_BYTES = 16 << 20
_NAMED = 5


def code_digest(module: str, *objects: object) -> str | None:
    """Digest of the code behind `objects`, which were reached through `module`: of its files and of the `version` that
    is declared. None where all of it is evalkit's or Python's own.

    A compiled file counts by its bytes, unless a version is declared. The digest holds names of modules, no paths.
    """
    named = [module, *(each for thing in objects for each in _modules_of(thing))]
    roots = [each for each in dict.fromkeys(named) if not _is_given(each)]
    if not roots:
        return None
    declared = [version for thing in (*objects, sys.modules.get(module)) if (version := _declared(thing)) is not None]
    files: dict[str, str] = {}
    for name, content, is_source in _files(roots):
        if is_source or not declared:
            files[_free(beside.plain(name), files)] = digest_bytes(content)
    return digest_json({"files": files, "version": [str(each) for each in declared]}) if files or declared else None


@cache
def evalkit_digest() -> str:
    """Digest of evalkit's own sources, as this process would import them: two machines that agree run the same code."""
    home = _home()
    names = [each.relative_to(home) for each in home.rglob("*.py")]
    sources = [each for each in sorted(names) if each.parts[0] != "_data"]
    return digest_json({each.as_posix(): digest_bytes(read_bytes(home / each, _MOST_BYTES)) for each in sources})


def names_in(file: Path) -> list[str]:
    """What a source file has at its top that could be meant, a few of them; none where it can't be read."""
    try:
        nodes = ast.parse(read_bytes(file, _MOST_BYTES)).body
    except (UserError, SyntaxError, ValueError):
        return []
    found = [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    named = [target for node in nodes if isinstance(node, ast.Assign) for target in node.targets]
    found += [target.id for target in named if isinstance(target, ast.Name)]
    return [name for name in found if not name.startswith("_")][:_NAMED]


def module_file(module: str) -> str:
    """The file that importing a module would run, "" where none is found; nothing is imported to find it."""
    found = find_module(module)
    return str(found.origin) if found is not None and found.has_location else ""


def find_module(name: str) -> ModuleSpec | None:
    """Where a module is, or would be imported from; no parent package is imported for it."""
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is not None:
        return loaded.__spec__
    package, _, _ = name.rpartition(".")
    try:
        if not package:
            return importlib.util.find_spec(name)
        above = find_module(package)
        places = above.submodule_search_locations if above is not None else None
        return PathFinder.find_spec(name, list(places)) if places is not None else None
    except (ImportError, ValueError, AttributeError):
        return None


def is_own(file: str) -> bool:
    """Is this a file that a person edits: neither Python's library, nor evalkit's, nor an installed package's?"""
    return is_foreign(file) and not _INSTALLED & set(Path(file).parts)


def is_foreign(file: str) -> bool:
    """Is this a file of somebody else's code: neither Python's library nor evalkit's?"""
    path = Path(file)
    if not path.is_absolute():  # `<frozen importlib._bootstrap>`, `<string>`
        return False
    installed = bool(_INSTALLED & set(path.parts))  # below Python's library in many installations
    return not path.is_relative_to(_home()) and (installed or not any(map(path.is_relative_to, _library())))


def is_evalkits(thing: object) -> bool:
    """Is this an object of a class, or a function, of evalkit's own?"""
    return _is_evalkit(str(getattr(thing, "__module__", "")))


def _is_evalkit(module: str) -> bool:
    return module.partition(".")[0] == _EVALKIT


def _is_given(module: str) -> bool:
    """Is this module evalkit's or Python's own?"""
    file = module_file(module)
    return _is_evalkit(module) or (not is_foreign(file) if file else module in sys.stdlib_module_names)


@cache
def _home() -> Path:
    return Path(evalkit.__file__).resolve().parent


@cache
def _library() -> tuple[Path, ...]:
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")})


def _modules_of(thing: object) -> Iterator[str]:
    """Of an object's class and what that inherits from, and of a function itself."""
    kinds = (thing if isinstance(thing, type) else type(thing)).__mro__
    for each in (*kinds, thing):
        module = getattr(each, "__module__", None)
        if isinstance(module, str):
            yield module


def _declared(thing: object) -> str | int | float | None:
    for name in ("version", "__version__"):
        found = inspect.getattr_static(thing, name, None)  # a property may do anything
        if isinstance(found, str | int | float):
            return found
    return None


def _files(roots: Iterable[str]) -> Iterator[tuple[str, bytes, bool]]:
    """(name, content, is it source) of the modules at `roots` and of those that they import, each once."""
    waiting, seen = list(roots), set()
    packages = {root.partition(".")[0] for root in waiting}
    while waiting:
        name = waiting.pop()
        if name in seen or _is_evalkit(name):
            continue
        seen.add(name)
        waiting += [package] if (package := name.rpartition(".")[0]) else []
        found = find_module(name)
        if found is None or not found.origin or not _counts(found.origin, name.partition(".")[0] in packages):
            continue
        content = _content(found)
        if content is None:
            continue
        is_source = found.origin.endswith((".py", ".pyw"))
        yield name, content, is_source
        if is_source:
            imported = _imports(content, name, found.submodule_search_locations is not None)
            waiting += [beside.meant(name, each) for each in imported]


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or one like it: two folders may have a file of one name."""
    while name in taken:
        name += "'"
    return name


def _counts(origin: str, named: bool) -> bool:
    """A file that a person edits, or one of an installed plug-in itself."""
    return is_own(origin) or (named and is_foreign(origin))


def _content(found: ModuleSpec) -> bytes | None:
    """The bytes of a module, from a file or from an archive."""
    loader: Any = found.loader
    try:
        content = loader.get_data(found.origin)
    except (AttributeError, OSError):
        return None
    return content if isinstance(content, bytes) else None


def _imports(source: bytes, name: str, is_package: bool) -> Iterator[str]:
    """The modules that a source may import; some of what is yielded may be no module."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, name, is_package)
            yield base
            yield from (f"{base}.{each.name}" for each in node.names if each.name != "*")
        elif isinstance(node, ast.Call) and _called(node) in _IMPORTERS and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _absolute(node: ast.ImportFrom, name: str, is_package: bool) -> str:
    """The module of `from module import ...` by its whole name; dots count up from the package."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    above = parts[: len(parts) - node.level + is_package]
    return ".".join([*above, *([node.module] if node.module else [])])
