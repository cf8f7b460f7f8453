"""What a clone or a wheel must hold, so that two commands on a fresh machine do everything."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from evalkit.core.versions import deviations, pinned
from evalkit.fetch.weights import MINI_FOLDER, MINIS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_folder_that_the_wheel_takes_along_is_in_the_repository() -> None:
    """hatchling refuses to build where one is absent, and git keeps no empty folder."""
    for source in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]:
        paths = [ROOT / source, *(ROOT / source).rglob("*")]
        assert [path for path in paths if path.is_file()], source


def test_the_minis_are_here_and_together_small() -> None:
    """They travel with every install; 64 MB is what a package index and a laptop put up with."""
    assert sorted(path.name for path in MINI_FOLDER.iterdir() if path.is_dir()) == sorted(MINIS)
    size = sum(path.stat().st_size for path in MINI_FOLDER.rglob("*") if path.is_file())
    assert size < 64e6, f"{size / 1e6:.1f} MB"


def test_git_ignores_nothing_that_ships() -> None:
    """hatchling leaves out what .gitignore names, in silence."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    shipped = [path for folder in ("evalkit", "prompts") for path in (ROOT / folder).rglob("*") if path.is_file()]
    names = "\n".join(str(path) for path in shipped if "__pycache__" not in path.parts)
    ignored = subprocess.run(["git", "check-ignore", "--stdin"], input=names, capture_output=True, text=True, cwd=ROOT)
    assert not ignored.stdout, ignored.stdout


def test_torch_is_held_below_the_builds_that_drag_in_cuda() -> None:
    (torch,) = [each for each in PROJECT["project"]["dependencies"] if each.startswith("torch")]
    assert torch == "torch>=2.10,<2.14"


def test_every_package_that_is_tested_with_is_named_with_its_version() -> None:
    """One that isn't is the newest of the day, and turns the tests red on a day when nothing here changed."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(name): version for name, version in pinned().items()}
    assert len(pins) == len([line for line in lines if line[0] != "#"])
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins.values())
    project = PROJECT["project"]
    wanted = [Requirement(each) for each in (*project["dependencies"], *project["optional-dependencies"]["dev"])]
    for requirement in wanted:
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement
    if deviations():
        pytest.skip("what other versions bring says nothing of the tested ones")
    names = [requirement.name for requirement in wanted]
    for name in names:  # grows: what a package brings is looked at in its turn
        brought = [Requirement(each) for each in metadata.requires(name) or ()]
        names += sorted({each.name for each in brought if _here(each) and each.name not in names})
    assert {canonicalize_name(name) for name in names} == set(pins)


@pytest.mark.parametrize("kind", [DeprecationWarning, PendingDeprecationWarning, FutureWarning])
def test_an_announced_end_ends_a_test(kind: type[Warning]) -> None:
    """On the tested versions here, on the newest by `nox -s newest`, and not by a user a year later."""
    with pytest.raises(kind, match="goes away"):
        warnings.warn("this goes away", kind, stacklevel=1)


def test_what_is_imported_is_required_and_the_other_way_round() -> None:
    """What only comes along with another package is gone when that one drops it; what nobody imports rots in vain."""
    belongs = metadata.packages_distributions()
    sources = [path.read_text(encoding="utf-8") for room in ("evalkit", "baselines") for path in _python(room)]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    modules = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"evalkit"}
    imported = {canonicalize_name(each) for module in modules for each in belongs[module]}
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = (*project["dependencies"], *extras["notebook"], *extras["fast"], *extras["ray"])
    assert imported == {canonicalize_name(Requirement(each).name) for each in wanted}


def _python(room: str) -> list[Path]:
    """The modules of a room that run in this environment: a worker has its own, and so has each original."""
    elsewhere = ROOT / "evalkit" / "originals" / "harness.py"
    paths = (ROOT / room).rglob("*.py")
    return [path for path in paths if path.name not in ("worker.py", "original.py") and path != elsewhere]


def _here(requirement: Requirement) -> bool:
    """Is it wanted without extras, by this Python, and no part of a GPU's build of torch?"""
    marker = requirement.marker
    ours = marker is None or marker.evaluate({"extra": ""})
    return ours and not requirement.name.startswith(("nvidia-", "cuda-", "triton"))


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install . && evalkit run" in text
    assert "pip install -c constraints.txt nox && nox -s tests" in text


def test_every_session_but_the_newest_takes_the_tested_versions() -> None:
    """An open range in one of them is the newest of the day, a formatter's new taste as much as a library's."""
    installs = re.findall(r'session\.install\((.*?"(?:\.|\.\[dev\]|ruff)")\)', (ROOT / "noxfile.py").read_text())
    free = [each for each in installs if "*_TESTED" not in each]
    assert len(installs) > 8 and free == ['"--upgrade", "--upgrade-strategy", "eager", ".[dev]"', '".[dev]"']
    assert 'pip" install -q -c constraints.txt nox' in (ROOT / ".ci" / "run").read_text()


_ELSEWHERE = re.compile(
    r"/work/|shared/(data|research)|\bDESIGN\b|\bresearch/\w|\bthe research\b|\b[Rr]esearch,? \(?[A-H]\.?\d"
    r"|\w+\.md,? [A-H]\.?\d"
)


def _texts() -> list[Path]:
    kinds = (".py", ".md", ".toml", ".txt", ".yml", ".json")
    rooms = ("evalkit", "tests", "baselines", "prompts", "examples", "reports", ".github")
    paths = [*ROOT.glob("*"), *(path for room in rooms for path in (ROOT / room).rglob("*"))]
    return [ROOT / "NOTICE", ROOT / ".ci" / "run", *(path for path in paths if path.suffix in kinds and path.is_file())]


def test_nothing_cites_what_a_reader_does_not_have() -> None:
    """A folder of the machine that it was made on, or notes that were never published: the source is what counts."""
    for path in _texts():
        cited = _ELSEWHERE.search(path.read_text(encoding="utf-8"))
        assert cited is None or path == Path(__file__), (path, cited)


@pytest.mark.parametrize("text", ["research A1.1", "Source: research/generators.md F.3.", "metrics.md, A4"])
def test_a_citation_of_what_nobody_has_is_seen(text: str) -> None:
    assert _ELSEWHERE.search(text)
