"""The examples run as their README says, or they teach people what does not work."""

from __future__ import annotations

import json
import os
import runpy
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import evalkit_listeners
import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SUITE = EXAMPLES / "own_suite" / "suite.toml"


def evalkit_command(folder: Path) -> Path:
    """An `evalkit` on the path that is the one under test, whether or not its console script is installed."""
    command = folder / "bin" / "evalkit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m evalkit "$@"\n')
    command.chmod(0o755)
    return command


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    paths = [str(EXAMPLES), str(EXAMPLES.parent)] if "site-packages" not in _where() else [str(EXAMPLES)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _where() -> str:
    import evalkit

    return str(evalkit.__file__)


def scores(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((folder / "scores.json").read_text())
    return found


def test_own_suite_and_own_model(tmp_path: Path) -> None:
    command = evalkit_command(tmp_path)
    done = run(tmp_path, command, "run", "--model", "own_model:Whistle", "--suite", SUITE, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert scores(tmp_path / "out")["clap_score"]["n"] == 6
    assert len(list((tmp_path / "out" / "audio").glob("*.wav"))) == 6


def test_a_wrapped_model_keeps_the_rules_in_25_lines(tmp_path: Path) -> None:
    assert len((EXAMPLES / "wrapped_model.py").read_text().splitlines()) <= 25
    done = run(tmp_path, evalkit_command(tmp_path), "models", "check", "wrapped_model:Wrapped")
    assert done.returncode == 0 and "wrapped_model:Wrapped keeps them all" in done.stdout, done.stdout + done.stderr


def test_own_worker(tmp_path: Path) -> None:
    command, model = evalkit_command(tmp_path), f"worker:{EXAMPLES / 'own_worker'}"
    done = run(tmp_path, command, "generate", "--model", model, "--suite", SUITE, "--out", "out")
    assert done.returncode == 0 and "s per clip" in done.stdout, done.stderr
    assert len(list((tmp_path / "out" / "audio").glob("*.wav"))) == 6


def test_own_metric(tmp_path: Path) -> None:
    command = evalkit_command(tmp_path)
    suite = EXAMPLES / "own_suite" / "with_metric.toml"
    done = run(tmp_path, command, "run", "--model", "mock", "--suite", suite, "--out", "out")
    assert done.returncode == 0, done.stderr
    score = scores(tmp_path / "out")["own_metric:DIVERSITY"]
    assert score["direction"] == "higher"
    assert 0 < float(str(score["value"])) < 2
    shown = run(tmp_path, command, "metrics", "own_metric:DIVERSITY")
    assert "A metric of your own" in shown.stdout


def test_gate_in_ci(tmp_path: Path) -> None:
    evalkit_command(tmp_path)
    first = run(tmp_path, EXAMPLES / "gate_in_ci.sh", "mock", SUITE)
    assert first.returncode == 0, first.stderr
    assert "baseline written" in first.stdout
    second = run(tmp_path, EXAMPLES / "gate_in_ci.sh", "mock", SUITE)
    assert second.returncode == 0, second.stdout + second.stderr
    assert (tmp_path / "gate" / "gate.xml").exists()


@pytest.mark.slow
def test_listening_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The test is built, its six listeners answer, and what they said comes out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["listening_study.py"])
    runpy.run_path(str(EXAMPLES / "listening_study.py"))
    assert "listener 1 opens study/index.html#1" in capsys.readouterr().out
    said = evalkit_listeners.answer_all("study.key.json", "answers")
    monkeypatch.setattr(sys, "argv", ["listening_study.py", *map(str, said)])
    runpy.run_path(str(EXAMPLES / "listening_study.py"))
    told = capsys.readouterr().out.splitlines()
    assert len([line for line in told if "[" in line]) == 2, "two systems with intervals"
    assert any(line.startswith("clap_score within systems: ") for line in told)


def test_a_kuberay_job_is_rendered_whole(tmp_path: Path) -> None:
    """With the words of the run in its entrypoint, and nothing left to fill in."""
    script, words = EXAMPLES / "cluster" / "rayjob.py", ["--model", "mock", "--suite", "my suite"]
    asked = ["--image", "evalkit:1", "--nodes", "3", "--per-node", "8", "--dry-run", "--", *words]
    done = run(tmp_path, sys.executable, script, *asked)
    assert done.returncode == 0, done.stderr
    job = yaml.safe_load(done.stdout)
    assert job["kind"] == "RayJob" and "$" not in done.stdout
    typed = shlex.split(job["spec"]["entrypoint"])
    assert typed[:4] == ["evalkit", "run", "--ray", "auto"] and typed[-4:] == words
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    (group,) = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert group["replicas"] == group["maxReplicas"] == 3
    for pod in (head, group["template"]["spec"]):
        (container,) = pod["containers"]
        claimed = {volume["name"] for volume in pod["volumes"]}
        assert container["image"] == "evalkit:1"
        assert {mount["name"] for mount in container["volumeMounts"]} == claimed
    assert group["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 8


SHIMS = {
    "scontrol": "echo first",
    "getent": "echo '127.0.0.1 STREAM first'",
    "python": f'exec "{sys.executable}" "$@"',
}
"""A SLURM of one node, which is this machine."""


@pytest.mark.slow
def test_the_slurm_script_starts_ray_runs_and_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for SLURM's own commands; Ray and the run are real."""
    evalkit_command(tmp_path)
    ray = Path(sys.executable).parent / "ray"
    for name, script in {**SHIMS, "ray": f'cd / && exec "{ray}" "$@"'}.items():
        place = tmp_path / "bin" / name
        place.write_text(f"#!/bin/bash\n{script}\n")
        place.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PORT", str(free.getsockname()[1]))
    monkeypatch.setenv("SLURM_JOB_NODELIST", "both")
    monkeypatch.setenv("RESOURCES", "num_cpus=1")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # which keeps Ray to 127.0.0.1
    words = ("--model", "mock", "--suite", str(SUITE), "--out", "out", "--no-report", "--workers", "2")
    done = run(tmp_path, "bash", str(EXAMPLES / "cluster" / "slurm.sh"), *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "out" / "audio").glob("*.wav"))) == 6
    with socket.socket() as gone:
        assert gone.connect_ex(("127.0.0.1", int(os.environ["PORT"]))) != 0, "Ray is still there"
