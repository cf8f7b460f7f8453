"""A file in the working folder never stands for an installed package; the module that was typed may lie there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import evalkit
from evalkit.core.errors import UserError
from evalkit.core.plugins import BrokenPlugin
from evalkit.core.registry import Registry
from evalkit.core.search_path import import_path

ROOT = Path(evalkit.__file__).resolve().parents[1]
POSING = (
    "h5py",
    "numpy",
    "torch",
    "yaml",
    "typer",
    "rich",
    "click",
    "scipy",
    "matplotlib",
    "transformers",
    "soundfile",
)
TRAP = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
SOURCE = "class Model:\n    pass\n"


def set_traps(folder: Path, names: tuple[str, ...] = POSING) -> None:
    for name in names:
        (folder / f"{name}.py").write_text(TRAP)


def ran(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.ran"))


def evalkit_in(folder: Path, *words: str, path: str = str(ROOT)) -> subprocess.CompletedProcess[str]:
    """`python -m evalkit ...` as typed in a folder."""
    variables = {**os.environ, "PYTHONPATH": path, "EVALKIT_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "evalkit", *words]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("path", [str(ROOT), f":{ROOT}", f"{ROOT}:"], ids=["named", "empty-first", "empty-last"])
def test_nothing_in_the_working_folder_runs(tmp_path: Path, path: str) -> None:
    """`python -m` puts it first, and so does the empty entry of `PYTHONPATH=$PYTHONPATH:/more`. A spectrogram, a
    score and a table: whatever a run imports."""
    set_traps(tmp_path)
    done = evalkit_in(tmp_path, "run", "--model", "mock", "--suite", "mini", "--limit", "2", path=path)
    assert (ran(tmp_path), "fd_openl3" in done.stdout) == ([], True), done.stdout + done.stderr


def test_a_folder_that_pythonpath_names_is_meant(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from helper import Model\n")
    (tmp_path / "helper.py").write_text(SOURCE)
    done = evalkit_in(tmp_path, "models", "mine:Model", path=os.pathsep.join((str(ROOT), str(tmp_path))))
    assert "no module" not in done.stderr.lower(), done.stderr


def test_a_typed_module_may_lie_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module or a module of a package; after the installed ones; and not where a file, such as a suite, names it."""
    registry = Registry("model", "evalkit.nothing", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside_one.py").write_text(SOURCE)
    (tmp_path / "beside_two").mkdir()
    (tmp_path / "beside_two" / "inner.py").write_text(SOURCE)
    (tmp_path / "beside_two" / "__init__.py").touch()
    set_traps(tmp_path, ("this", "antigravity"))
    for name in ("beside_one:Model", "beside_two.inner:Model"):
        with pytest.raises(UserError, match="No module named"):
            registry.load(name)
        assert registry.load(name, typed=True).__name__ == "Model"
        assert not [each for each in sys.modules if each.startswith("beside_")], "nobody else's import finds it"
    with pytest.raises(UserError, match="has no attribute"):
        registry.load("this:Model", typed=True)
    assert ran(tmp_path) == []


def test_a_module_that_fails_is_not_left_half_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside_broken.py").write_text("1 / 0\n")
    with pytest.raises(BrokenPlugin, match="ZeroDivisionError"):
        Registry("model", "evalkit.nothing", {}).load("beside_broken:Model", typed=True)
    assert not [name for name in sys.modules if name.endswith("beside_broken")]


def test_the_path_for_other_processes_has_neither_relative_folders_nor_the_working_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setattr(sys, "path", ["", ".", "packages", str(tmp_path), str(tmp_path / "link"), *sys.path])
    assert import_path() and not {"", ".", "packages", str(tmp_path), str(tmp_path / "link")} & set(import_path())


def test_a_working_folder_that_was_removed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert import_path()
    with pytest.raises(UserError, match="No module named"):
        Registry("model", "evalkit.nothing", {}).load("beside_nothing:Model", typed=True)
