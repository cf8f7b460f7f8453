"""What a clone or a wheel must hold, so that two commands on a fresh machine do everything."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from evalkit.fetch.weights import MINI_FOLDER, MINIS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_folder_that_the_wheel_takes_along_is_in_the_repository() -> None:
    """hatchling refuses to build where one is absent, and git keeps no empty folder."""
    for source in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]:
        assert [path for path in (ROOT / source).rglob("*") if path.is_file()], source


def test_the_minis_are_here_and_together_small() -> None:
    """They travel with every install; 60 MB is what a package index and a laptop put up with."""
    assert sorted(path.name for path in MINI_FOLDER.iterdir() if path.is_dir()) == sorted(MINIS)
    size = sum(path.stat().st_size for path in MINI_FOLDER.rglob("*") if path.is_file())
    assert size < 60e6, f"{size / 1e6:.1f} MB"


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
    pins = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    tested = {canonicalize_name(pin.partition("==")[0]): pin.partition("==")[2] for pin in pins}
    wanted = [Requirement(each) for each in _requirements()]
    for requirement in wanted:
        assert requirement.specifier.contains(tested[canonicalize_name(requirement.name)]), requirement
    names = [requirement.name for requirement in wanted]
    for name in names:  # grows: what a package brings is looked at in its turn
        brought = [Requirement(each) for each in metadata.requires(name) or ()]
        names += sorted({each.name for each in brought if _here(each) and each.name not in names})
    assert {canonicalize_name(name) for name in names} == set(tested)


def _requirements() -> list[str]:
    project = PROJECT["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def _here(requirement: Requirement) -> bool:
    """Is it wanted without extras, by this Python, and no part of a GPU's build of torch?"""
    marker = requirement.marker
    ours = marker is None or marker.evaluate({"extra": ""})
    return ours and not requirement.name.startswith(("nvidia-", "cuda-", "triton"))


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install . && evalkit run" in text
    assert "pip install -c constraints.txt nox && nox -s tests" in text


def test_nothing_names_a_folder_of_the_machine_it_was_made_on() -> None:
    """`/work/shared` is nobody else's folder."""
    for path in [*(ROOT / "evalkit").rglob("*.py"), *(ROOT / "prompts").glob("*"), *ROOT.glob("*.md")]:
        if path.is_file():
            assert "/work/" + "shared" not in path.read_text(encoding="utf-8"), path
