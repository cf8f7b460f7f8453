"""The digest of somebody's own code: another one for every change that they make, the same wherever it lies."""

from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit.core.own_code import code_digest, is_evalkits, is_foreign, is_own, module_file

FILES = {
    "own_top.py": "import own_beside\nfrom own_pack import part\nVALUE = 1\n",
    "own_beside.py": "def later():\n    import own_lazy\n    return own_lazy\n",
    "own_lazy.py": "import importlib\nimportlib.import_module('own_named')\n",
    "own_named.py": "import own_top  # a circle\n",
    "own_pack/__init__.py": "",
    "own_pack/part.py": "from . import sibling\nfrom .deep import inner\n",
    "own_pack/sibling.py": "from .deep.inner import X\n",
    "own_pack/deep/__init__.py": "from .. import cousin\n",
    "own_pack/deep/inner.py": "X = 1\n",
    "own_pack/cousin.py": "",
    "own_apart.py": "nobody imports this\n",
}
COUNTED = sorted(FILES.keys() - {"own_apart.py"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def write(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def digest() -> str | None:
    importlib.invalidate_caches()
    return code_digest("own_top")


@pytest.mark.parametrize("name", COUNTED)
def test_a_change_in_whatever_is_imported_is_another_digest(name: str, folder: Path) -> None:
    before = digest()
    (folder / name).write_text(FILES[name] + "# corrected\n")
    assert digest() != before
    (folder / name).write_text(FILES[name])
    assert digest() == before


def test_nothing_is_imported_to_know_it(folder: Path) -> None:
    (folder / "own_pack" / "__init__.py").write_text("raise RuntimeError('imported')")
    assert digest() and "own_pack" not in sys.modules and "own_top" not in sys.modules


def test_another_file_beside_is_nothing_to_it(folder: Path) -> None:
    before = digest()
    (folder / "own_apart.py").write_text("changed")
    (folder / "data.json").write_text("{}")
    assert digest() == before


def test_the_folder_is_nothing_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in ("here", "elsewhere"):
        write(tmp_path / name)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / name)
            found.append(digest())
    assert found[0] and found[0] == found[1]


def test_what_is_evalkits_or_pythons_has_none() -> None:
    """So that runs of shipped models keep the ids that they have."""
    from evalkit.generators.mock import build

    assert code_digest("evalkit.generators.mock", build()) is None
    assert code_digest("json") is None and code_digest("sys") is None
    assert is_evalkits(build()) and is_evalkits(build) and not is_evalkits(object()) and not is_evalkits(len)


def test_installed_packages_count_where_they_are_the_plug_in_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site-packages"
    place.mkdir()
    (place / "their_model.py").write_text("import their_library\n")
    (place / "their_library.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(place)
    before = code_digest("their_model")
    (place / "their_library.py").write_text("x = 2\n")
    assert before and code_digest("their_model") == before, "an upgrade of a library orphans no run"
    (place / "their_model.py").write_text("import their_library as library\n")
    assert code_digest("their_model") != before


def test_the_class_counts_where_the_target_only_names_it(folder: Path) -> None:
    """A factory that loads its class by a path, and a class that inherits from another file's."""
    (folder / "own_parent.py").write_text("class Base: pass\n")
    (folder / "own_class.py").write_text("import own_parent\nclass Model(own_parent.Base): pass\n")
    model = importlib.import_module("own_class").Model()
    before = code_digest("json", model)
    (folder / "own_parent.py").write_text("class Base: x = 1\n")
    assert before and code_digest("json", model) != before


def test_a_module_in_an_archive_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for number in (1, 2):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.writestr("own_zipped.py", f"x = {number}\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / f"{number}.zip")
            found.append(code_digest("own_zipped"))
    assert None not in found and found[0] != found[1]


def test_a_compiled_file_counts_by_its_bytes_unless_a_version_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import py_compile

    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for text in ("x = 1", "x = 2"):
        (tmp_path / "source.txt").write_text(text)
        py_compile.compile(str(tmp_path / "source.txt"), cfile=str(tmp_path / "own_compiled.pyc"))
        declared: Any = type("Thing", (), {"version": "7"})()
        importlib.invalidate_caches()
        found.append((code_digest("own_compiled"), code_digest("own_compiled", declared)))
    assert found[0][0] != found[1][0] and found[0][1] == found[1][1] is not None


def test_a_declared_version_counts_beside_the_source(folder: Path) -> None:
    """For what no file shows: another checkpoint behind the same address."""
    kinds = [type("Thing", (), {"version": number, "__module__": "own_top"}) for number in ("1", "2")]
    assert len({code_digest("own_top", kind()) for kind in kinds} | {digest()}) == 3


def test_own_and_foreign_files_are_told_apart(tmp_path: Path) -> None:
    assert is_own(str(tmp_path / "model.py")) and is_foreign(str(tmp_path / "model.py"))
    assert is_foreign(pytest.__file__) and not is_own(pytest.__file__)
    for file in (evalkit.__file__, subprocess.__file__, "<frozen importlib._bootstrap>", "<string>"):
        assert not is_own(str(file)) and not is_foreign(str(file))


def test_where_a_module_would_come_from_is_known_before(folder: Path) -> None:
    assert module_file("own_pack.part") == str(folder / "own_pack" / "part.py")
    assert module_file("no_such_module") == "" and module_file("sys") == "" and "own_pack" not in sys.modules
