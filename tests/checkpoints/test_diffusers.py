"""diffusers' folder of Stable Audio Open: the same network as diffusers makes of it, to the last tensor."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from evalkit.checkpoints.diffusers import derive_config, tensor_files
from evalkit.checkpoints.find import open_checkpoint
from evalkit.core.errors import BadCheckpoint
from evalkit.generators.stable_audio.network import build
from evalkit.nets.stable_audio.conditioning import Condition

sys.path.insert(0, str(Path(__file__).resolve().parent))
from diffusers_small import GOLDEN, drawn, inputs

sys.path.pop(0)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Config files and tensor shapes as diffusers 0.42.1 wrote them."""
    content: dict[str, Any] = json.loads((GOLDEN / "diffusers.json").read_text())
    return content


@pytest.fixture
def folder(told: dict[str, Any], tmp_path: Path) -> Path:
    for part in ("transformer", "vae", "projection_model"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(told[part]["config"]))
        save_file(drawn(told[part]["tensors"]), tmp_path / part / "diffusion_pytorch_model.safetensors")
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(told["scheduler"]["config"]))
    return tmp_path


def relative(found: torch.Tensor, wanted: np.ndarray) -> float:
    return float((found - torch.from_numpy(wanted)).abs().max() / np.abs(wanted).max())


@torch.inference_mode()
def test_every_part_computes_what_diffusers_computes(folder: Path) -> None:
    model, given = build(open_checkpoint(folder), "cpu", "float32"), inputs()
    wanted = np.load(GOLDEN / "diffusers.npz")
    condition = Condition(tokens=given["tokens"], mask=torch.ones(2, 7), vector=given["vector"])
    assert relative(model.backbone.velocity(given["x"], given["t"], condition), wanted["velocity"]) <= 1e-5
    assert relative(model.vae.encode(given["sound"]), wanted["encoded"]) <= 1e-5
    assert relative(model.vae.decode(given["latents"]), wanted["decoded"]) <= 1e-5
    for name in ("seconds_start", "seconds_total"):
        assert relative(model.conditioners[name](given["seconds"]), wanted[name]) <= 1e-5


def test_the_config_says_what_the_parts_say(folder: Path) -> None:
    config = derive_config(folder)
    assert (config["sample_rate"], config["sample_size"], config["audio_channels"]) == (8000, 40 * 64, 2)
    assert config["model"]["diffusion"]["config"]["embed_dim"] == 128
    assert config["model"]["conditioning"]["configs"][0]["config"]["max_length"] == 128


def test_the_tokenizer_says_how_long_prompts_are(folder: Path) -> None:
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "tokenizer_config.json").write_text('{"model_max_length": 64}')
    assert derive_config(folder)["model"]["conditioning"]["configs"][0]["config"]["max_length"] == 64


def test_shards_are_read_together_and_none_from_elsewhere(folder: Path, told: dict[str, Any]) -> None:
    """A model saved in pieces is one model; an index is no way to another file of the machine."""
    part = folder / "transformer"
    whole = drawn(told["transformer"]["tensors"])
    names = sorted(whole)
    (part / "diffusion_pytorch_model.safetensors").unlink()
    pieces = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, chosen in pieces.items():
        save_file({name: whole[name] for name in chosen}, part / file)
    index = part / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: file for file, chosen in pieces.items() for name in chosen}}))
    assert [file.name for file in tensor_files(part)] == ["a.safetensors", "b.safetensors"]
    build(open_checkpoint(folder), "cpu", "float32")
    index.write_text(json.dumps({"weight_map": {names[0]: "../vae/diffusion_pytorch_model.safetensors"}}))
    with pytest.raises(BadCheckpoint, match="names files that are not in the folder"):
        tensor_files(part)


@pytest.mark.parametrize(
    ("part", "change", "named"),
    [
        ("transformer", {"_class_name": "UNet2DModel"}, "UNet2DModel"),
        ("transformer", {"num_key_value_attention_heads": 2}, "no counterpart"),
        ("vae", {"downsampling_ratios": None}, "do not describe"),
        ("vae", {"_class_name": "AutoencoderKL"}, "AutoencoderKL"),
    ],
)
def test_what_has_no_counterpart_is_refused(folder: Path, part: str, change: dict[str, Any], named: str) -> None:
    file = folder / part / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BadCheckpoint, match=named):
        open_checkpoint(folder)


def test_another_objective_is_refused(folder: Path) -> None:
    (folder / "scheduler" / "scheduler_config.json").write_text('{"prediction_type": "epsilon"}')
    with pytest.raises(BadCheckpoint, match="epsilon"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    ("part", "without", "with_", "named"),
    [
        ("transformer", "transformer_blocks.1.attn1.to_k.weight", None, "to_q, to_k, to_v"),
        ("transformer", "proj_in.weight", None, "missing model.model.transformer.project_in.weight"),
        ("transformer", None, "adapter.weight", "adapter.weight belongs to no part"),
        ("vae", None, "encoder.block.0.res_unit9.snake1.alpha", "belongs to no part"),
        ("vae", "decoder.conv2.weight_v", None, "missing pretransform.model.decoder.layers.5.weight_v"),
        ("projection_model", None, "other.weight", "belongs to no part"),
    ],
)
def test_a_tensor_too_many_or_too_few_is_named(
    folder: Path, told: dict[str, Any], part: str, without: str | None, with_: str | None, named: str
) -> None:
    tensors = drawn(told[part]["tensors"])
    if without:
        del tensors[without]
    if with_:
        tensors[with_] = torch.zeros(3)
    save_file(tensors, folder / part / "diffusion_pytorch_model.safetensors")
    with pytest.raises(BadCheckpoint, match=named):
        build(open_checkpoint(folder), "cpu", "float32")
