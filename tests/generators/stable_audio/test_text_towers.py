"""T5 from a hub folder or from diffusers' parts: padding zeroed, and no tokenizer made up where files are missing."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from evalkit_checkpoints import small_config, small_t5, write_folder
from safetensors.torch import load_file, save_file

from evalkit.core.errors import BadCheckpoint
from evalkit.generators.stable_audio.generator import open_1_0
from evalkit.generators.stable_audio.text_towers import T5Tower, load_tower, require_tower
from evalkit.nets.stable_audio.config import TextConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "checkpoints"))
from diffusers_small import GOLDEN, drawn

sys.path.pop(0)


def test_rows_at_padding_are_zero_and_long_prompts_are_cut(tmp_path: Path) -> None:
    """The published models were trained with zeros there, and give them weight: they are not masked."""
    text, mask = T5Tower(small_t5(tmp_path), "cpu", 16).read(["word3 word4", " ".join(["word5"] * 40)])
    assert text.shape == (2, 16, 128)
    assert mask.tolist() == [[1] * 3 + [0] * 13, [1] * 16]
    assert not text[0, 3:].any()
    assert text[0, :3].any() and text[1].any()


def test_a_prompt_says_the_same_beside_any_other(tmp_path: Path) -> None:
    tower = T5Tower(small_t5(tmp_path), "cpu", 16)
    together, _ = tower.read(["word3 word4", "word7 word8 word9"])
    alone, _ = tower.read(["word7 word8 word9"])
    assert torch.allclose(alone[0], together[1], atol=1e-6)


def test_a_folder_without_its_tokenizer_is_refused(tmp_path: Path) -> None:
    """Offline, transformers makes one up, and every prompt then reads the same."""
    folder = small_t5(tmp_path)
    for file in folder.glob("*token*"):
        file.unlink()
    with pytest.raises(BadCheckpoint, match=str(folder)):
        T5Tower(folder, "cpu", 16)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """Its ids would point beyond the encoder's words, which fails deep inside torch, or read as other words."""
    folder = small_t5(tmp_path)
    config = json.loads((folder / "tokenizer.json").read_text())
    config["model"]["vocab"] |= {f"more{index}": 300 + index for index in range(50)}
    (folder / "tokenizer.json").write_text(json.dumps(config))
    with pytest.raises(BadCheckpoint, match="of one model"):
        T5Tower(folder, "cpu", 16)


@pytest.mark.parametrize("how", ["truncated", "missing", "shape"])
def test_weights_that_are_not_whole_are_refused_in_one_line(tmp_path: Path, how: str) -> None:
    """transformers draws at random what a file lacks, and warns; the prompts would then be read as noise."""
    file = small_t5(tmp_path) / "model.safetensors"
    tensors = load_file(file)
    name = next(name for name in tensors if name.endswith("SelfAttention.q.weight"))
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        tensors[name] = torch.zeros(3, 3)
        save_file(tensors if how == "shape" else {key: t for key, t in tensors.items() if key != name}, file)
    with pytest.raises(BadCheckpoint, match=str(tmp_path)) as error:
        T5Tower(tmp_path, "cpu", 16)
    assert "\n" not in error.value.message


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    """A hub folder may name a module of its own for its tokenizer; transformers would offer to run it."""
    config = json.loads((small_t5(tmp_path) / "tokenizer_config.json").read_text())
    config |= {"auto_map": {"AutoTokenizer": ["evil.Words", None]}, "tokenizer_class": "Words"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'it-ran')!r}, 'w')\nclass Words: ...\n")
    with suppress(BadCheckpoint):
        T5Tower(tmp_path, "cpu", 16)
    assert not (tmp_path / "it-ran").exists()


def test_half_precision_on_the_disk_is_computed_in_full(tmp_path: Path) -> None:
    file = small_t5(tmp_path) / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file, {"format": "pt"})
    assert T5Tower(tmp_path, "cpu", 16).read(["word3"])[0].dtype == torch.float32


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BadCheckpoint, match=str(tmp_path)):
        load_tower(TextConfig("t5", "t5-base", 16), tmp_path, {}, "cpu")


def test_a_tower_of_another_width_is_told_before_it_is_loaded(tmp_path: Path) -> None:
    """A smaller T5 under the name of the one that the model was trained with failed in every prompt."""
    folder = write_folder(tmp_path / "run", small_config("small-t5"))
    narrow = open_1_0({"small-t5": small_t5(tmp_path / "t5", width=64)}, checkpoint=folder)
    with pytest.raises(BadCheckpoint, match="gives 64 channels, and the model that it is for takes 128"):
        narrow.check_files()
    open_1_0({"small-t5": small_t5(tmp_path / "right")}, checkpoint=folder).check_files()


@pytest.mark.parametrize("kept", ["shared.weight", "encoder.embed_tokens.weight"])
def test_words_that_stand_under_either_of_their_names_are_whole(tmp_path: Path, kept: str) -> None:
    """Of the two that a T5 ties, files hold one."""
    file = small_t5(tmp_path) / "model.safetensors"
    tensors = load_file(file)
    words = tensors.pop("shared.weight")
    save_file({**tensors, kept: words}, file, {"format": "pt"})
    require_tower(TextConfig("t5", "words", 16, width=128), tmp_path)
    text, _ = T5Tower(tmp_path, "cpu", 16).read(["word3", "word4"])
    other, _ = T5Tower(tmp_path, "cpu", 16).read(["word3", "word4"])
    assert torch.equal(text, other), "what is drawn at random is another each time"
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(BadCheckpoint, match="missing"):
        require_tower(TextConfig("t5", "words", 16, width=128), tmp_path)


def test_a_checkpoint_with_t5_makes_sound_that_follows_the_prompt(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run", small_config("small-t5"))
    generator = open_1_0({"small-t5": small_t5(tmp_path / "t5")}, checkpoint=folder)
    assert generator.spec.needs == ("small-t5",)
    generator.load("cpu", "float32")
    options = {**generator.spec.presets["fast"], "steps": 2}
    one, other = generator.generate(["word3", "word9 word8"], [1.0, 0.5], [5, 5], options).audio
    assert (one.shape, other.shape) == ((2, 8000), (2, 4000))
    assert abs(one[:, :4000] - other).max() > 1e-4


def test_a_pipelines_folder_runs_with_its_own_tower(tmp_path: Path) -> None:
    """diffusers' layout is whole: nothing else is needed, and nothing of it is left out of the identity."""
    told = json.loads((GOLDEN / "diffusers.json").read_text())
    for part in ("transformer", "vae", "projection_model"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text(json.dumps(told[part]["config"]))
        save_file(drawn(told[part]["tensors"]), tmp_path / part / "diffusion_pytorch_model.safetensors")
    small_t5(tmp_path, width=64, parts=True)
    generator = open_1_0(checkpoint=tmp_path)
    assert generator.spec.weights is not None
    generator.load("cpu", "float32")
    options = {**generator.spec.presets["fast"], "steps": 2}
    (sound,) = generator.generate(["word3"], [0.3], [5], options).audio
    assert sound.shape == (2, 2400)
    (tmp_path / "tokenizer" / "tokenizer_config.json").touch()
    (tmp_path / "text_encoder" / "more.json").write_text("{}")
    assert open_1_0(checkpoint=tmp_path).spec.weights != generator.spec.weights


@pytest.mark.parametrize("model", ["stable-audio-mini", "stable-audio-3-mini"])
def test_a_look_at_the_files_imports_no_transformers(model: str) -> None:
    """It takes two seconds, in which no worker of a run has begun, of a process that may load no network at all."""
    code = (
        "import sys; from evalkit.generators.load import load_generator;"
        f"load_generator({model!r}, {{}}, None, False).check_files();"
        "assert 'transformers' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("model", ["stable-audio-mini", "stable-audio-3-mini"])
def test_a_look_at_the_files_asks_torch_for_no_compiler(model: str) -> None:
    """Of shapes without numbers torch works out some by importing what compiles networks, which takes a second."""
    code = (
        "import sys; from evalkit.generators.load import load_generator;"
        f"load_generator({model!r}, {{}}, None, False).check_files();"
        "assert not {'sympy', 'torch._dynamo'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_options_are_read_without_torch() -> None:
    """While a run is planned none of its workers has begun."""
    code = (
        "import sys; from evalkit.generators.stable_audio.sampling_options import read_options;"
        "read_options({'steps': 20, 'cfg': 6.0, 'sampler': 'dpmpp-3m-sde'});"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
