"""The action that others' jobs use, and our own: its steps as GitHub would run them, without a container."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from evalkit_gate import record, write_run

import evalkit

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "check" / "action.yml"
_INPUT = re.compile(r"\$\{\{\s*inputs\.(\w+)\s*\}\}")


def action() -> dict[str, Any]:
    found = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def used(tmp_path: Path, **inputs: str) -> tuple[int, str, str]:
    """(exit code, the job's page, the outputs) of the action with these inputs."""
    told = action()
    given = {name: inputs.get(name, each.get("default", "")) for name, each in told["inputs"].items()}
    (step,) = told["runs"]["steps"]
    (tmp_path / "bin").mkdir(exist_ok=True)
    command = tmp_path / "bin" / "evalkit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m evalkit "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    page, outputs = tmp_path / "page.md", tmp_path / "outputs"
    variables = {
        **os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(page),
        "PYTHONPATH": str(Path(evalkit.__file__).parent.parent), "GITHUB_OUTPUT": str(outputs),
        **{name: _INPUT.sub(lambda found: given[found[1]], value) for name, value in step["env"].items()},
    }  # fmt: skip
    shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120)
    told_page = page.read_text(encoding="utf-8") if page.exists() else ""
    return done.returncode, told_page, outputs.read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "base", record(noise=0.01, seed=1))
    write_run(tmp_path / "same", record(noise=0.01, seed=2))
    write_run(tmp_path / "worse", record(shift=0.5, noise=0.01, seed=3))
    return tmp_path


def test_a_run_that_is_as_good_passes_and_stands_on_the_jobs_page(folder: Path) -> None:
    gates = "kl_passt<=+2%\n\n  clap_score>=-0.01\n"
    code, page, outputs = used(folder, run="same", baseline="base", gates=gates, junit="j.xml")
    assert (code, outputs) == (0, "verdict=pass\n") and "### evalkit check: pass" in page
    assert page.count("✅ pass") == 2 and (folder / "j.xml").exists()


def test_a_worse_one_fails_the_step(folder: Path) -> None:
    code, page, outputs = used(folder, run="worse", baseline="base")
    assert (code, outputs) == (1, "verdict=fail\n") and "### evalkit check: FAIL" in page


def test_what_is_mistyped_fails_too(folder: Path) -> None:
    code, page, outputs = used(folder, run="nowhere", baseline="base")
    assert (code, outputs, page) == (2, "verdict=error\n", "")
    code, page, outputs = used(folder, run="same", baseline="base", strict="yes")
    assert code == 2 and outputs.endswith("verdict=error\n") and not page, (
        "what is not true must not be false in silence"
    )


@pytest.mark.parametrize("name", ["run", "baseline", "gates", "strict", "junit"])
def test_no_input_is_ever_a_part_of_the_script(folder: Path, name: str) -> None:
    given = {"run": "same", "baseline": "base", name: '"; touch pwned; $(touch pwned) `touch pwned` #'}
    used(folder, **given)
    assert not (folder / "pwned").exists()
    assert "${{" not in "".join(step["run"] for step in action()["runs"]["steps"])


def test_this_repositorys_own_workflow_gates_the_minis_with_it() -> None:
    flow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    (step,) = [each for job in flow["jobs"].values() for each in job["steps"] if each.get("uses", "").startswith("./")]
    assert (ROOT / step["uses"] / "action.yml").resolve() == ACTION
    assert set(step["with"]) <= set(action()["inputs"]) and (ROOT / step["with"]["baseline"]).is_file()
