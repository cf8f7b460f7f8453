"""Training checkpoints of stable-audio-tools: the moving average where there is one, and nothing of the trainer's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from evalkit.checkpoints.stable_audio import read_model, unwrap
from evalkit.core.errors import BadCheckpoint

MODEL = {
    "model.model.proj.weight": torch.full((2,), 1.0),
    "pretransform.model.encoder.weight": torch.full((2,), 2.0),
    "conditioner.conditioners.seconds_total.weight": torch.full((2,), 3.0),
}


def wrapped(averaged: bool) -> dict[str, Tensor]:
    """What `DiffusionCondTrainingWrapper.state_dict()` gives: lightning saves it under `state_dict`."""
    found = {f"diffusion.{name}": tensor for name, tensor in MODEL.items()}
    found["losses.losses.0.weight"] = torch.zeros(1)
    if averaged:
        found["diffusion_ema.initted"] = torch.tensor(True)
        found["diffusion_ema.step"] = torch.tensor(100)
        found["diffusion_ema.ema_model.model.proj.weight"] = torch.full((2,), 9.0)
    return found


def test_the_average_takes_the_networks_place() -> None:
    """As stable-audio-tools exports it; the raw weights of a run sound worse than what its authors hear."""
    found = unwrap(wrapped(averaged=True), Path("x.ckpt"))
    assert set(found) == set(MODEL)
    assert found["model.model.proj.weight"].tolist() == [9.0, 9.0]
    assert found["pretransform.model.encoder.weight"].tolist() == [2.0, 2.0]


def test_without_an_average_the_model_itself_is_taken() -> None:
    found = unwrap(wrapped(averaged=False), Path("x.ckpt"))
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: tensor.tolist() for name, tensor in MODEL.items()
    }


def test_an_average_of_another_network_is_refused() -> None:
    tensors = {**wrapped(averaged=True), "diffusion_ema.ema_model.model.extra": torch.zeros(1)}
    with pytest.raises(BadCheckpoint, match="moving average"):
        unwrap(tensors, Path("x.ckpt"))


def test_what_an_export_left_of_the_average_is_not_part_of_the_model() -> None:
    assert set(unwrap({**MODEL, "model.ema_model.proj.weight": torch.zeros(2)}, Path("x"))) == set(MODEL)


@pytest.mark.parametrize("content", [MODEL, {"state_dict": MODEL}, {"state_dict": wrapped(averaged=False)}])
def test_a_ckpt_is_read_raw_exported_or_from_training(tmp_path: Path, content: dict[str, object]) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    assert set(read_model(tmp_path / "x.ckpt")) == set(MODEL)
