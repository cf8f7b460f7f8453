"""TangoFlux' worker: with a stand-in for the authors' package, what it does around it; in an environment of its own,
the package's sounds.

EVALKIT_TEST_BASELINES is an EVALKIT_HOME in which `evalkit baselines install tangoflux` was done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from evalkit_baselines import same, small_tangoflux
from evalkit_checkpoints import small_t5
from safetensors.torch import load_file, save_file

from evalkit.core.errors import UserError
from evalkit.core.resources import resource
from evalkit.fetch.environment import is_ready
from evalkit.generators.base import GENERATORS
from evalkit.generators.worker.generator import Isolated
from evalkit.generators.worker.manifest import read_worker

OPTIONS = {"steps": 2, "cfg": 4.5}
TEXTS = ["word3 word4", "word5 word6 word7"]
BEFORE = "ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning"
"""diffusers calls it so; in the worker's environment, with its older torch, it is not."""


class TangoFlux(torch.nn.Module):
    """Stands for the package's class: its constructor, its names, and latents of noise and of what it is told."""

    def __init__(self, config: dict[str, Any]) -> None:
        from diffusers import FluxTransformer2DModel

        package = sys.modules["tangoflux.model"]
        super().__init__()
        self.text_encoder = package.T5EncoderModel.from_pretrained(config["text_encoder_name"])
        self.tokenizer = package.T5TokenizerFast.from_pretrained(config["text_encoder_name"])
        width = config["joint_attention_dim"]
        names = ("num_layers", "num_single_layers", "num_attention_heads", "joint_attention_dim")
        self.transformer = FluxTransformer2DModel(
            **{name: config[name] for name in names}, in_channels=64, pooled_projection_dim=width
        )
        self.fc = torch.nn.Sequential(torch.nn.Linear(width, width))
        positions = torch.nn.Module()
        positions.weights = torch.nn.Parameter(torch.zeros(128))
        length = torch.nn.Module()
        length.time_positional_embedding = torch.nn.Sequential(positions, torch.nn.Linear(257, width))
        self.duration_emebdder = length

    def inference_flow(self, prompt: str, duration: torch.Tensor, **options: Any) -> torch.Tensor:
        assert options == {"num_inference_steps": 2, "guidance_scale": 4.5, "disable_progress": True}
        read = self.text_encoder(self.tokenizer(prompt, return_tensors="pt").input_ids).last_hidden_state.mean()
        for hook in self.transformer._forward_pre_hooks.values():
            hook(self.transformer, ())
        return torch.randn(1, 645, 64) + read + duration / 100


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("tangoflux")
    return {"tangoflux": small_tangoflux(place / "model"), "flan-t5-large": small_t5(place / "t5", width=24)}


def here(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Isolated:
    """The worker in this process, with the stand-in where it imports the package."""
    from transformers import PreTrainedTokenizerFast

    package, model = types.ModuleType("tangoflux"), types.ModuleType("tangoflux.model")
    model.TangoFlux, model.T5TokenizerFast = TangoFlux, PreTrainedTokenizerFast  # type: ignore[attr-defined]
    package.model = model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tangoflux", package)
    monkeypatch.setitem(sys.modules, "tangoflux.model", model)
    return Isolated(read_worker(resource("baselines") / "tangoflux"), "tangoflux", folders, here=True)


@pytest.mark.filterwarnings(BEFORE)
def test_every_item_is_alone_and_as_long_as_was_asked(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = here(folders, monkeypatch)
    worker.load("cpu", "float32")
    before = torch.random.get_rng_state()
    seconds = [0.5, 3.7, 29.95]
    made = worker.generate([*TEXTS, TEXTS[0]], seconds, [1, 2, 3], OPTIONS)
    assert made.sample_rate == 44100 and set(made.timings) == {"text", "sample", "decode"}
    assert [clip.shape for clip in made.audio] == [(2, round(each * 44100)) for each in seconds]
    assert all(np.isfinite(clip).all() and clip.any() for clip in made.audio)
    alone, other = (worker.generate(TEXTS[1:], [3.7], [seed], OPTIONS).audio[0] for seed in (2, 3))
    assert np.array_equal(made.audio[1], alone) and not np.array_equal(alone, other)
    assert torch.equal(before, torch.random.get_rng_state()), "nobody else's numbers are taken"
    with pytest.raises(RuntimeError, match="34 tokens"):
        worker.generate(["word1 " * 33], [1.0], [1], OPTIONS)


@pytest.mark.filterwarnings(BEFORE)
def test_all_options_out_of_range_are_told_at_once(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    worker = here(folders, monkeypatch)
    worker.load("cpu", "float32")
    with pytest.raises(UserError) as error:
        worker.generate(TEXTS[:1], [1.0], [1], {"steps": 0, "cfg": 1, "shift": 3})
    assert all(each in str(error.value) for each in ("steps", "cfg", "shift"))


@pytest.mark.filterwarnings(BEFORE)
@pytest.mark.parametrize("file", ["tangoflux.safetensors", "vae.safetensors"])
def test_a_broken_file_is_one_clear_line(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {"tangoflux": small_tangoflux(tmp_path / "model"), "flan-t5-large": small_t5(tmp_path / "t5", width=24)}
    path = tmp_path / "model" / file
    for how in ("lacking", "truncated", "absent"):
        if how == "lacking":
            save_file({key: value for key, value in load_file(path).items() if "decoder.conv1.bias" not in key
                       and "fc.0.bias" not in key}, path)  # fmt: skip
        elif how == "truncated":
            path.write_bytes(path.read_bytes()[:-100])
        else:
            path.unlink()
        with pytest.raises(UserError, match="tangoflux: ") as error:
            here(folders, monkeypatch).load("cpu", "float32")
        assert "\n" not in error.value.message and (how == "truncated" or file in error.value.message)


ORIGINAL = """
import json, sys
import huggingface_hub
told = json.loads(sys.argv[1])
huggingface_hub.snapshot_download = lambda repo_id: told["model"]
import numpy, torch, types, importlib.machinery
if importlib.util.find_spec("datasets") is None:
    absent = types.ModuleType("datasets")
    absent.__spec__, absent.load_dataset, absent.Audio = importlib.machinery.ModuleSpec("datasets", None), None, None
    sys.modules["datasets"] = absent
import diffusers
small = diffusers.AutoencoderOobleck
diffusers.AutoencoderOobleck = lambda: small(**told["vae"])
from tangoflux import TangoFluxInference
model = TangoFluxInference("anything", device="cpu")
model.model.eval()
torch.backends.mkldnn.enabled = False  # half a minute instead of minutes for a small autoencoder, in torch 2.4
torch.manual_seed(told["seed"])
sound = model.generate(told["prompt"], steps=told["steps"], duration=told["seconds"], guidance_scale=told["cfg"])
numpy.save(told["out"], sound.numpy())
"""


@pytest.fixture
def package(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Isolated:
    """The worker as it ships; skips where its environment is not installed."""
    home = os.environ.get("EVALKIT_TEST_BASELINES")
    if home is None:
        pytest.skip("EVALKIT_TEST_BASELINES names no EVALKIT_HOME with installed baselines")
    monkeypatch.setenv("EVALKIT_HOME", home)
    generator: Isolated = GENERATORS.load("tangoflux")(folders)
    assert generator.environment is not None
    if not is_ready(generator.environment):
        pytest.skip(f"evalkit baselines install tangoflux was not done in {home}")
    return generator


@pytest.mark.slow
def test_the_package_itself_makes_the_same_sounds(package: Isolated, folders: dict[str, Path], tmp_path: Path) -> None:
    """Its own `TangoFluxInference`, with nothing changed but where files are found, and how wide the decoder is."""
    assert package.environment is not None
    package.load("cpu", "float32")
    try:
        made = package.generate(TEXTS, [2.0, 7.0], [1, 2], {"steps": 4, "cfg": 4.5})
        alone = package.generate(TEXTS[1:], [7.0], [2], {"steps": 4, "cfg": 4.5}).audio[0]
        long = package.generate(TEXTS[:1], [29.95], [3], {"steps": 1, "cfg": 4.5}).audio[0]
    finally:
        package.close()
    assert [clip.shape for clip in made.audio] == [(2, 88200), (2, 308700)] and long.shape == (2, 1_320_795)
    assert np.array_equal(made.audio[1], alone) and made.sample_rate == 44100
    model = tmp_path / "model"
    model.mkdir()
    for file in folders["tangoflux"].iterdir():
        (model / file.name).symlink_to(file)
    told = json.loads((model / "config.json").read_text()) | {"text_encoder_name": str(folders["flan-t5-large"])}
    (model / "config.json").unlink()
    (model / "config.json").write_text(json.dumps(told))
    vae = {"encoder_hidden_size": 128, "channel_multiples": [1] * 5, "decoder_channels": 4}
    asked = {"model": str(model), "vae": vae, "seed": 2, "prompt": TEXTS[1], "steps": 4, "seconds": 7, "cfg": 4.5}
    words = [str(package.environment.interpreter), "-c", ORIGINAL, json.dumps(asked | {"out": str(tmp_path / "x.npy")})]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert same(alone, np.load(tmp_path / "x.npy"), 1e-6)
