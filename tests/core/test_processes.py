"""What a started program sees of the person's folder and environment: nothing that would have it run something."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from evalkit.core import processes

TELL = "import json, os, sys; print(json.dumps([sys.path, dict(os.environ), sys.flags.isolated, os.getcwd()]))"


def test_an_isolated_python_sees_neither_folders_nor_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`json.py` where it starts, and every PYTHON variable that could bring code along."""
    trap = tmp_path / "json.py"
    trap.write_text("raise SystemExit('it ran')")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('it ran')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(tmp_path))
    command = processes.isolated(sys.executable, "-c", TELL)
    done = processes.run(command, tmp_path, processes.chosen_environment(FURTHER="1"))
    path, variables, isolated, folder = json.loads(done.stdout)
    assert isolated == 1 and folder == str(tmp_path)
    assert str(tmp_path) not in path and "" not in path
    assert variables["FURTHER"] == "1" and "PATH" in variables
    assert not [name for name in variables if name.startswith(("PYTHON", "HDF5", "LD_PRELOAD"))]


def test_an_installer_keeps_where_packages_come_from_and_not_where_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"PIP_INDEX_URL": "https://x", "https_proxy": "http://y", "UV_CACHE_DIR": "/c", "CC": "gcc"}
    dropped = ("PYTHONPATH", "PYTHONSTARTUP", "PIP_TARGET", "PIP_REQUIREMENT", "UV_PYTHON", "VIRTUAL_ENV", "PIP_USER")
    for name, value in {**kept, **dict.fromkeys(dropped, "/elsewhere")}.items():
        monkeypatch.setenv(name, value)
    found = processes.installer_environment()
    assert kept.items() <= found.items()
    assert not set(dropped) & set(found)


def test_a_program_is_never_taken_from_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH=.:/usr/bin, in a folder with a `uv` that somebody else wrote."""
    tool = tmp_path / "uv"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in (".", "", f".:{tmp_path / 'nothing'}"):
        monkeypatch.setenv("PATH", path)
        assert processes.program("uv") is None
    monkeypatch.setenv("PATH", f".:{tmp_path}")
    assert processes.program("uv") == str(tool)
    with pytest.raises(ValueError, match="absolute"):
        processes.run(["uv"], tmp_path, {})


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"0\.2 s"):
        processes.run(
            processes.isolated(sys.executable, "-c", "import time; time.sleep(60)"), tmp_path, {}, timeout=0.2
        )
