"""Words of the command line into a config."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.run.config import (
    RunConfig,
    parse_changes,
    parse_devices,
    parse_weights,
    require_device,
    require_devices,
    require_enough_workers,
    resolve_device,
)
from evalkit.run.executors import devices_of


def test_values_are_numbers_where_they_look_like_numbers() -> None:
    assert parse_changes(["steps=50", "cfg=6.5", "sampler=dpmpp-2m", "flag=true", "name=a=b"]) == {
        "steps": 50,
        "cfg": 6.5,
        "sampler": "dpmpp-2m",
        "flag": True,
        "name": "a=b",
    }


def test_nan_stays_a_word_that_the_generator_can_refuse() -> None:
    """NaN in a run's identity would be invalid JSON and so a crash."""
    assert parse_changes(["cfg=NaN"]) == {"cfg": "NaN"}


@pytest.mark.parametrize("pair", ["steps", "=5", "steps="])
def test_a_malformed_pair_is_named(pair: str) -> None:
    with pytest.raises(UserError, match="key=value"):
        parse_changes([pair])


def test_weights_must_be_there(tmp_path: Path) -> None:
    assert parse_weights([f"passt={tmp_path}"]) == {"passt": tmp_path.resolve()}
    with pytest.raises(UserError, match="no such file"):
        parse_weights([f"passt={tmp_path}/none"])


def test_impossible_numbers_and_dtypes_are_refused() -> None:
    for wrong in ({"limit": 0}, {"batch_size": 0}, {"dtype": "int8"}):
        with pytest.raises(UserError):
            RunConfig(**wrong)  # type: ignore[arg-type]


def test_an_explicit_device_is_kept_and_an_impossible_one_is_one_line() -> None:
    assert resolve_device("cuda:1") == "cuda:1" and resolve_device("auto") in ("cpu", "cuda")
    require_device("cpu")
    with pytest.raises(UserError, match="--device nonsense"):
        require_device("nonsense")


@pytest.mark.parametrize(
    ("devices", "told"),
    [
        ("cpu:x", "--devices cpu:x cannot be used here: "),
        ("gpu:0", "--devices gpu:0 cannot be used here: torch knows no such device"),
        ("cuda:0,cuda:1,cuda:0", "--devices cuda:0,cuda:1,cuda:0: cuda:0 is named twice"),
        ("cpu,cuda:0", "--devices cpu,cuda:0: cpu and cuda compute differently"),
        ("cuda:0,", "--devices 'cuda:0,': names no device"),
    ],
)
def test_devices_that_cannot_be_are_one_line_each(devices: str, told: str) -> None:
    with pytest.raises(UserError) as raised:
        parse_devices(devices, "auto")
    assert raised.value.message.startswith(told) and "\n" not in str(raised.value) and len(str(raised.value)) < 200


def test_a_device_without_a_worker_is_told() -> None:
    """It would stand idle while somebody waits for it."""
    with pytest.raises(UserError, match="2 devices for 1 worker"):
        require_enough_workers(("cuda:0", "cuda:1"), 1)
    for enough in (None, 2, 5):
        require_enough_workers(("cuda:0", "cuda:1"), enough)


def test_every_device_that_is_not_there_is_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of --devices by that option, not as the one device that nobody typed."""
    torch = pytest.importorskip("torch")

    def none(*words: object, device: str) -> object:
        raise RuntimeError("CUDA error: invalid device ordinal. Some advice")

    monkeypatch.setattr(torch, "zeros", none)
    with pytest.raises(UserError) as raised:
        require_devices(RunConfig(device="cuda", devices=("cuda:6", "cuda:7")))
    assert all(f"--devices cuda:{each} cannot be used here: CUDA error" in str(raised.value) for each in (6, 7))
    with pytest.raises(UserError, match="--device cuda cannot be used here"):
        require_devices(RunConfig(device="cuda"))
    require_devices(RunConfig())


def test_workers_are_spread_over_the_gpus_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    for visible, workers, found in (
        (2, None, ["cuda:0", "cuda:1"]),
        (2, 4, ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        (1, None, None),
        (1, 2, ["cuda", "cuda"]),
    ):
        monkeypatch.setattr(torch.cuda, "device_count", lambda visible=visible: visible)
        assert devices_of(RunConfig(device="cuda", workers=workers)) == found
    assert devices_of(RunConfig(workers=2)) == ["cpu", "cpu"] and devices_of(RunConfig()) is None
