"""What `evalkit doctor` says of workers and clusters, on machines of all kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.cli import doctor
from evalkit.core.errors import UserError

Answer = tuple[int, str, str]
Machine = Callable[..., dict[str, dict[str, str]]]


@pytest.fixture
def machine(evalkit: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """`machine(gpus=, cores=, of=, visible=, threads=)`: the findings by name of a machine with so many GPUs and cores
    (of so many that it sees), CUDA_VISIBLE_DEVICES and OMP_NUM_THREADS."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(doctor, "_LOOKS", (doctor._sharing, doctor._switches))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    def machine(
        gpus: int = 0,
        cores: int = 8,
        of: int | None = None,
        visible: str | None = None,
        threads: int = 1,
        driver: bool | None = None,
    ) -> dict[str, dict[str, str]]:
        (tmp_path / "nvidiactl").touch() if gpus or driver else (tmp_path / "nvidiactl").unlink(missing_ok=True)
        monkeypatch.setattr("evalkit.run.config._NVIDIA", (tmp_path / "nvidiactl",))
        monkeypatch.setattr("evalkit.run.config.version", lambda package: "2.13.0")
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)

        def require(device: str, option: str = "--device") -> None:
            if device == "cuda" and not gpus:
                raise UserError(f"{option} cuda cannot be used here: no driver", "try --device cpu")

        monkeypatch.setattr("evalkit.run.config.require_device", require)
        monkeypatch.setattr("evalkit.core.cores.cores", lambda: cores)
        monkeypatch.setattr("evalkit.core.cores.visible", lambda: of or cores)
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        code, out, _ = evalkit("doctor", "--json")
        findings = {each["name"]: each for each in json.loads(out)["findings"]}
        assert (code == 0) == all(each["state"] != "fail" for each in findings.values())
        return findings

    return machine


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "without --workers this process does all; 8 cores, so --workers up to 8 help"),
        ({"threads": 4}, "8 cores, so --workers up to 2 help"),
        (
            {"cores": 1, "of": 64},
            "1 core (of 64 that it sees: its share of them), so --workers would not help",
        ),
        ({"gpus": 1}, "does all on cuda; --workers N would be N processes on this one; 8 cores prepare their sounds"),
        ({"gpus": 3}, "one process each on cuda:0, cuda:1, cuda:2; --workers N are spread over these"),
        ({"gpus": 1, "visible": "MIG-0c1d"}, "this process does all on cuda"),
        ({"driver": True, "visible": ""}, "this process does all; 8 cores"),
        ({"driver": True, "visible": "-1"}, "this process does all; 8 cores"),
    ],
)
def test_the_doctor_says_who_would_work(machine: Machine, facts: dict[str, object], told: str) -> None:
    found = machine(**facts)
    assert found["workers"]["state"] == "ok" and told in found["workers"]["detail"]
    assert found["CUDA_VISIBLE_DEVICES"]["detail"] == facts.get("visible", "not set")


def test_a_gpu_that_a_run_would_take_and_cannot_use_is_told(machine: Machine) -> None:
    """Of an old driver, or of CUDA_VISIBLE_DEVICES that names none: every run without --device would end by it."""
    found = machine(driver=True, visible="7")["workers"]
    assert found["state"] == "fail" and "--device cpu" in found["detail"] and "cuda cannot be used" in found["detail"]


@pytest.mark.parametrize(
    ("version", "state", "told"),
    [
        ("", "ok", "absent: only work on several machines needs it"),
        ("1.13.0", "warn", "is 1.13.0, and 2.55 or later is needed"),
        ("3.0.0", "warn", "below 3.0"),
        ("nonsense", "warn", "is nonsense"),
    ],
)
def test_a_ray_that_cannot_be_used_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, version: str, state: str, told: str
) -> None:
    monkeypatch.setattr("evalkit.core.installed.version", lambda package: version)
    monkeypatch.setattr("evalkit.execute.ray_connection.version", lambda package: version)
    ray = machine()["ray"]
    assert ray["state"] == state and told in ray["detail"]
