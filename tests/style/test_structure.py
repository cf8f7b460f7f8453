"""The house stays in order: who may import whom, how long a file or function may be, no hidden rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "evalkit"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]
ADAPTERS = sorted(path for kind in ("adapter", "worker") for path in (ROOT / "baselines").glob(f"*/{kind}.py"))
OURS = [*MODULES, *ADAPTERS]
OUR_NAMES = [str(path.relative_to(ROOT)) for path in OURS]

LEVELS = {
    "core": 0,
    "protocols": 1,
    "store": 1,
    "nets": 2,
    "audio": 2,
    "stats": 2,
    "fetch": 3,
    "comparison": 3,
    "checkpoints": 4,
    "embed": 5,
    "execute": 6,
    "suites": 6,
    "generators": 6,
    "metrics": 6,
    "run": 7,
    "report": 7,
    "ratings": 7,
    "listening": 7,
    "verify": 7,
    "originals": 7,
    "api": 8,
    "cli": 9,
    "mini": 9,
    "skeletons": 9,
}
"""A module imports only from its own level or below."""

FORBIDDEN = {
    "core": {"torch", "numpy", "pandas", "matplotlib", "transformers"},
    "store": {"torch", "pandas", "matplotlib", "transformers"},
    "audio": {"torch", "transformers"},
    "stats": {"torch", "transformers"},
    "comparison": {"torch", "transformers", "evalkit.fetch"},
    "ratings": {"torch", "transformers", "evalkit.run", "evalkit.generators", "evalkit.embed"},
    "report": {"torch", "transformers", "evalkit.run", "evalkit.generators", "evalkit.embed"},
    "listening": {"torch", "transformers", "evalkit.run", "evalkit.generators", "evalkit.embed"},
    "metrics": {"evalkit.generators", "evalkit.run"},
    "nets": {"evalkit.store", "evalkit.audio", "evalkit.stats", "soundfile", "safetensors", "pathlib"},
}
"""What a room never imports, at its top or inside a function."""

HEAVY = {"torch", "transformers", "matplotlib", "pandas", "pyarrow", "scipy"}
LIGHT_ROOMS = {"core", "cli"}
LIGHT_MODULES = {"base.py"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Full names of modules that import statements among `nodes` name."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def at_import_time(module: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported; `if TYPE_CHECKING:` does not."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            if not typing_only and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                waiting.append(child)


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_run_downward_only(path: Path) -> None:
    if not room(path):
        return
    for name in imported(ast.walk(tree(path))):
        parts = name.split(".")
        if parts[0] == "evalkit" and len(parts) > 1 and parts[1] in LEVELS:
            assert LEVELS[parts[1]] <= LEVELS[room(path)], f"{room(path)} imports {name}"
            assert parts[1] != "cli" or room(path) == "cli", "nothing imports the command line"
        banned = [each for each in FORBIDDEN.get(room(path), ()) if within(name, each)]
        assert not banned, f"{room(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_light_rooms_start_no_heavy_library(path: Path) -> None:
    """Else `evalkit --help` and every mistyped option would wait for torch."""
    if room(path) in LIGHT_ROOMS or path.name in LIGHT_MODULES:
        heavy = {name.split(".")[0] for name in imported(at_import_time(tree(path)))} & HEAVY
        assert not heavy


@pytest.mark.parametrize("path", OURS, ids=OUR_NAMES)
def test_files_and_functions_stay_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < 400, f"{lines} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert length(node) <= 40, f"{node.name} has {length(node)} lines"


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring; its signature counts as one."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return 1 + (0 if not body else (body[-1].end_lineno or 0) - body[0].lineno + 1)


def test_files_of_tests_stay_short_too() -> None:
    lines = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    assert {name: count for name, count in lines.items() if count >= 400} == {}


@pytest.mark.parametrize("path", OURS, ids=OUR_NAMES)
def test_what_is_public_is_documented(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module) or not module.body, "no module docstring"
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            # a recipe's `main` is what its module's docstring tells how to run
            told = ast.get_docstring(node) or is_plain(node) or node.name == "main"
            assert told, f"{node.name} has no docstring"


def is_plain(node: ast.stmt) -> bool:
    """A class that says all in its fields, or a function of at most three lines, needs no sentence."""
    lines = (node.end_lineno or 0) - node.lineno + 1
    return lines <= 4 if isinstance(node, ast.FunctionDef) else isinstance(node, ast.ClassDef) and lines <= 20


def test_no_room_without_a_level() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert rooms <= LEVELS.keys()


def test_no_drawer_for_everything() -> None:
    banned = {"utils.py", "util.py", "helpers.py", "misc.py", "common.py"}
    assert not [name for name in NAMES if Path(name).name in banned]


@pytest.mark.parametrize("path", OURS, ids=OUR_NAMES)
def test_no_pickle_and_no_shell(path: Path) -> None:
    """A checkpoint or a prompt file from outside must not be able to run code."""
    names = imported(ast.walk(tree(path)))
    assert not [name for name in names if name.split(".")[0] in {"pickle", "dill", "joblib", "shelve"}]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            assert (node.arg, node.value.value) not in {
                ("allow_pickle", True),
                ("weights_only", False),
                ("shell", True),
            }


def test_verbs_print_by_one_door_only() -> None:
    """`output.say` and `output.warn` make foreign text harmless and keep stdout for JSON; a bare print does not."""
    for path in (PACKAGE / "cli").glob("*.py"):
        if path.name != "output.py":
            calls = [ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
            assert not {"print", "typer.echo", "sys.stdout.write", "sys.stderr.write"} & set(calls), path


def test_every_metric_file_is_named_like_its_metric() -> None:
    from evalkit.metrics.base import METRICS

    for name, target in METRICS.targets().items():
        if target.startswith("evalkit."):
            assert target.partition(":")[0] == f"evalkit.metrics.{name}"


def test_every_verb_has_its_file_and_its_function() -> None:
    from evalkit.cli.main import VERBS

    for verb in VERBS:
        functions = {
            node.name for node in tree(PACKAGE / "cli" / f"{verb}.py").body if isinstance(node, ast.FunctionDef)
        }
        assert verb in functions


def test_test_folders_mirror_the_package() -> None:
    own = {"style", "faults", "golden", "parity", "examples", "bench"}
    rooms = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and list(path.glob("test_*.py"))}
    assert rooms - own <= LEVELS.keys()
