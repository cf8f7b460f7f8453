"""One module starts processes, `core/processes.py`, so that isolating them cannot be forgotten anywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ONLY = Path("evalkit/core/processes.py")
RAY = (Path("evalkit/execute/ray.py"), Path("evalkit/execute/ray_connection.py"))
"""Which start a cluster where none runs, and actors on it; the processes of evalkit's own on a node are started as all
others are."""
CODE = sorted(
    path.relative_to(ROOT) for path in [*(ROOT / "evalkit").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")]
)

MODULES = {
    "subprocess", "multiprocessing", "concurrent.futures.process", "asyncio", "pty", "posix", "_posixsubprocess",
    "torch.multiprocessing", "torch.distributed", "accelerate", "joblib", "loky", "ray", "dask", "pexpect", "git",
    "venv", "ensurepip", "pip", "webbrowser", "runpy", "code", "pdb",
}  # fmt: skip
"""Whose purpose, or a side of them, is to start something."""

ALLOWED = {("subprocess", "TimeoutExpired"), ("concurrent.futures", "ThreadPoolExecutor")}
_POOL = "concurrent.futures.ProcessPoolExecutor"
CALLS = {"system", "popen", "fork", "forkpty", "startfile", "posix_spawn", "posix_spawnp"}
"""Of `os`, beside everything that begins with exec or spawn."""

WORKS = {"num_workers", "num_proc", "n_jobs", "nprocs"}
"""Arguments by which a library (DataLoader, datasets, joblib) is told to start processes."""


def unguarded(source: str) -> Iterator[str]:
    """What in a module's source starts, or could start, a process."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _starts(alias.name))
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [alias.name for alias in node.names if (node.module, alias.name) not in ALLOWED]
            yield from (f"{node.module}.{name}" for name in names if _starts(f"{node.module}.{name}"))
            yield from (f"os.{name}" for name in names if node.module == "os" and _of_os(name))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            yield from [f"os.{node.attr}"] if _of_os(node.attr) else []
        if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in MODULES | {_POOL}:
            yield name
        if isinstance(node, ast.Call):
            yield from (each.arg for each in node.keywords if each.arg in WORKS)
            yield from (f"{ast.unparse(node.func)}({each.value!r})" for each in node.args if _names_one(node, each))


def _starts(name: str) -> bool:
    return name == _POOL or any(name == module or name.startswith(f"{module}.") for module in MODULES)


def _of_os(name: str) -> bool:
    return name in CALLS or name.startswith(("exec", "spawn"))


def _names_one(call: ast.Call, word: ast.expr) -> bool:
    """`__import__("subprocess")`, `import_module("subprocess")`."""
    called = ast.unparse(call.func).rpartition(".")[2]
    said = isinstance(word, ast.Constant) and isinstance(word.value, str) and _starts(word.value)
    return called in ("__import__", "import_module", "find_spec") and said


@pytest.mark.parametrize("path", CODE, ids=str)
def test_only_one_module_starts_processes(path: Path) -> None:
    found = list(unguarded((ROOT / path).read_text(encoding="utf-8")))
    found = [each for each in found if path not in RAY or each.partition(".")[0] != "ray"]
    assert bool(found) == (path == ONLY), f"{path}: {found}: start it through {ONLY}, which isolates it"


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "import subprocess as s",
        "from subprocess import Popen, TimeoutExpired",
        "from os import execv",
        "import os\nos.spawnv(0, 'x', [])",
        "import os\nrun = os.system",
        "import os\nos.posix_spawn('x', [], {})",
        "from concurrent.futures import ProcessPoolExecutor",
        "import concurrent.futures\nconcurrent.futures.ProcessPoolExecutor()",
        "import torch\ntorch.multiprocessing.spawn(f)",
        "from torch import multiprocessing",
        "import importlib\nimportlib.import_module('subprocess')",
        "__import__('pty')",
        "DataLoader(data, num_workers=2)",
        "def f():\n    import multiprocessing.pool",
    ],
)
def test_each_way_of_starting_one_is_seen(source: str) -> None:
    assert list(unguarded(source))


def test_what_starts_nothing_is_let_be() -> None:
    assert not list(unguarded("import os, torch\nfrom subprocess import TimeoutExpired\nos.environ['subprocess']"))


def test_every_start_isolates_and_every_guard_is_told_in_the_architecture() -> None:
    """Whoever calls `run` or `start` is in the table of processes in ARCHITECTURE.md."""
    told = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    callers = [path for path in CODE if "processes.run(" in (text := (ROOT / path).read_text()) or
               "processes.start(" in text]  # fmt: skip
    assert len(callers) >= 3
    for path in callers:
        assert f"`{path.relative_to('evalkit')}`" in told, f"{path} starts a process: tell it under 'Processes'"
