"""diffusers' folder of Stable Audio 3: what diffusers makes of it, to the last tensor, and what is wrong with others.

diffusers is the second witness of medium's network and of SAME-L (oracle_stable_audio_3_diffusers.py).
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_checkpoints import small_t5gemma
from safetensors.torch import load_file, save_file

from evalkit.checkpoints.find import locate_tower, open_checkpoint
from evalkit.core.errors import UserError
from evalkit.generators.stable_audio.generator import medium, medium_base
from evalkit.generators.stable_audio.network import build, require_fit

sys.path.insert(0, str(Path(__file__).resolve().parent))
import diffusers_small_3 as small

sys.path.pop(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small.write(tmp_path / "pipeline")


def relative(found: torch.Tensor, wanted: np.ndarray) -> float:
    assert tuple(found.shape) == wanted.shape
    return float((found - torch.from_numpy(wanted)).abs().max() / np.abs(wanted).max())


@torch.inference_mode()
def test_every_part_computes_what_diffusers_computes(folder: Path) -> None:
    model, given = build(open_checkpoint(folder), "cpu", "float32"), small.inputs()
    wanted = np.load(small.GOLDEN / "diffusers_3.npz")
    told = model.describe(given["tokens"], given["seconds"].tolist(), given["mask"])
    local = given["local"].transpose(1, 2)
    found = {
        "seconds": told.vector,
        "velocity": model.backbone.velocity(given["x"], given["t"], told),
        "inpainting": model.backbone.velocity(given["x"], given["t"], replace(told, local=local)),
        "encoded": model.vae.encode(given["sound"]),
        "decoded": model.vae.decode(given["latents"]),
    }
    errors = {name: relative(each, wanted[name]) for name, each in found.items() if each is not None}
    assert len(errors) == 5
    assert {name: error for name, error in errors.items() if not error <= 1e-5} == {}


def test_a_sound_is_made_of_the_whole_folder(folder: Path) -> None:
    """With diffusers' two folders of the text tower; its scheduler says what kind of model it is."""
    tower = small_t5gemma(folder / "text_encoder")
    (folder / "tokenizer").mkdir()
    for file in tower.glob("*token*"):
        file.rename(folder / "tokenizer" / file.name)
    model = medium(checkpoint=folder)
    assert locate_tower(open_checkpoint(folder), {}) == folder
    assert model.spec.default_preset == "card" and model.spec.presets["card"]["sampler"] == "pingpong"
    model.check_files()
    model.load("cpu", "float32")
    sound = model.generate(["word1 word2"], [0.5], [1], {**model.spec.presets["card"], "steps": 2}).audio[0]
    assert sound.shape == (2, 4000) and np.isfinite(sound).all() and sound.std() > 1e-3


@pytest.mark.parametrize(
    ("scheduler", "objective"),
    [
        (small.SCHEDULER, "rf_denoiser"),
        ({**small.SCHEDULER, "stochastic_sampling": False}, "rectified_flow"),
        ({"_class_name": "PingPongScheduler"}, "rf_denoiser"),
        ({"_class_name": "StableAudio3EulerScheduler"}, "rectified_flow"),
    ],
)
def test_the_scheduler_says_what_was_trained(tmp_path: Path, scheduler: dict[str, Any], objective: str) -> None:
    folder = small.write(tmp_path / "pipeline", scheduler)
    assert open_checkpoint(folder).config["model"]["diffusion"]["diffusion_objective"] == objective
    notes = " ".join(medium_base(checkpoint=folder).spec.notes)
    assert ("as diffusers' converter does of distilled ones too" in notes) == (objective == "rectified_flow")


def test_all_that_is_wrong_with_a_folder_is_told_at_once(folder: Path) -> None:
    config = json.loads((folder / "transformer" / "config.json").read_text())
    (folder / "transformer" / "config.json").write_text(json.dumps({**config, "patch_size": 2, "new_trick": True}))
    (folder / "vae").rename(folder / "elsewhere")
    (folder / "scheduler" / "scheduler_config.json").write_text('{"_class_name": "DDIMScheduler"}')
    (folder / "duration_embedder" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(UserError) as refused:
        open_checkpoint(folder)
    told = str(refused.value)
    for part in ("new_trick", "patch_size is 2", "vae/ is a part", "DDIMScheduler", "duration_embedder: holds no"):
        assert part in told, told


@pytest.mark.parametrize(
    ("part", "change", "named"),
    [
        ("transformer", {"_class_name": "StableAudioDiTModel"}, "StableAudioDiTModel"),
        ("vae", {"_class_name": "AutoencoderOobleck"}, "AutoencoderOobleck"),
        ("vae", {"encoder_channels": 128, "encoder_c_mults": [6], "encoder_transformer_depths": [6]}, "SAME-S"),
        ("vae", {"encoder_sinusoidal_blocks": [2]}, "encoder_sinusoidal_blocks"),
        ("vae", {"encoder_strides": None}, "do not describe"),
        ("duration_embedder", {"max_freq": 1.0}, "max_freq is 1.0"),
    ],
)
def test_what_has_no_counterpart_is_refused(folder: Path, part: str, change: dict[str, Any], named: str) -> None:
    file = folder / part / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(UserError, match=named):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    ("part", "without", "with_", "named"),
    [
        ("transformer", "memory_tokens", None, "missing model.model.transformer.memory_tokens"),
        ("transformer", None, "adapter.weight", "of no part of StableAudio3DiTModel: adapter.weight"),
        ("vae", "bottleneck.scale", None, "missing pretransform.model.bottleneck.scaling_factor"),
        ("vae", None, "encoder.blocks.1.new_tokens", "of no part of AutoencoderSAME: encoder.blocks.1.new_tokens"),
        ("duration_embedder", None, "other.weight", "other.weight"),
    ],
)
def test_a_tensor_too_many_or_too_few_is_named(
    folder: Path, part: str, without: str | None, with_: str | None, named: str
) -> None:
    file = folder / part / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    if without:
        del tensors[without]
    if with_:
        tensors[with_] = torch.zeros(3)
    save_file(tensors, file)
    with pytest.raises(UserError, match=named):
        require_fit(open_checkpoint(folder))


def test_half_precision_and_shards_are_read(folder: Path) -> None:
    """diffusers writes `.fp16.safetensors` for a variant, and pieces with an index for a large part."""
    part = folder / "transformer"
    file = part / "diffusion_pytorch_model.safetensors"
    tensors = {name: tensor.half() for name, tensor in load_file(file).items()}
    file.unlink()
    save_file(tensors, part / "diffusion_pytorch_model.fp16.safetensors")
    model = build(open_checkpoint(folder), "cpu", "float32")
    assert all(tensor.dtype == torch.float32 for tensor in model.backbone.state_dict().values())
    (part / "diffusion_pytorch_model.fp16.safetensors").unlink()
    names = sorted(tensors)
    pieces = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for piece, chosen in pieces.items():
        save_file({name: tensors[name] for name in chosen}, part / piece)
    index = part / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: piece for piece, chosen in pieces.items() for name in chosen}}))
    build(open_checkpoint(folder), "cpu", "float32")
