"""Stable Audio 3 from small folders in its published layout; its numbers: tests/parity/test_stable_audio_3.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import stable_audio_3_seeded as seeded_3
import torch
from evalkit_checkpoints import small_stable_audio_3, small_t5gemma
from safetensors.torch import load_file, save_file

from evalkit.checkpoints.find import locate_tower, open_checkpoint
from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.generators.stable_audio import generator
from evalkit.generators.stable_audio.generator import StableAudioGenerator, medium_base, small_sfx, small_sfx_base
from evalkit.generators.stable_audio.text_towers import T5GemmaTower
from evalkit.generators.stable_audio.variants import VARIANTS

RATE = 44100


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StableAudioGenerator]:
    folder = tmp_path_factory.mktemp("stable_audio_3")
    found = {
        "small": small_sfx(checkpoint=small_stable_audio_3(folder / "small")),
        "medium": medium_base(checkpoint=small_stable_audio_3(folder / "medium", "medium", "rectified_flow")),
    }
    for model in found.values():
        model.check_files()
        model.load("cpu", "float32")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("size", "latents", "longest"), [("small", 1292, 120.0), ("medium", 4096, 380.0)])
def test_all_lengths_of_a_published_window(tmp_path: Path, size: str, latents: int, longest: float) -> None:
    """Half a second to the longest, which leaves no headroom and is decoded in pieces, in one batch and each alone."""
    model = small_sfx(checkpoint=small_stable_audio_3(tmp_path / size, size, latents=latents))
    model.load("cpu", "float32")
    seconds, prompts = [0.5, 5.0, 47.0, longest], ["word1", "", "word2 word3", "word4"]
    together = model.generate(prompts, seconds, [1, 2, 3, 4], few_steps(model)).audio
    assert [sound.shape for sound in together] == [(2, round(each * RATE)) for each in seconds]
    for row, sound in enumerate(together):
        alone = model.generate([prompts[row]], [seconds[row]], [row + 1], few_steps(model)).audio[0]
        assert np.abs(alone - sound).max() <= 1e-5
        assert np.isfinite(sound).all() and sound.std() > 1e-3


def few_steps(model: StableAudioGenerator) -> dict[str, object]:
    return {**model.spec.presets["card"], "steps": 2}


@pytest.mark.parametrize("name", ["small", "medium"])
def test_sounds_are_as_long_as_asked_and_not_their_neighbours(
    models: dict[str, StableAudioGenerator], name: str
) -> None:
    """From half a second to the longest, in one batch or alone, the empty prompt too."""
    model = models[name]
    longest = model.spec.max_seconds
    prompts, seconds, seeds = ["word1 word2", "", "word7"], [0.5, 5.0, longest], [1, 2, 3]
    together = model.generate(prompts, seconds, seeds, few_steps(model)).audio
    assert [sound.shape for sound in together] == [(2, round(each * RATE)) for each in seconds]
    for row in (0, 1):
        alone = model.generate([prompts[row]], [seconds[row]], [seeds[row]], few_steps(model)).audio[0]
        assert np.abs(alone - together[row]).max() <= 1e-5
        assert np.isfinite(alone).all() and alone.std() > 1e-3


def test_what_is_asked_changes_the_sound(models: dict[str, StableAudioGenerator]) -> None:
    """Words, seconds, the version of the times, guidance, a negative prompt and a sound to start from are all heard."""
    model = models["medium"]
    plain = few_steps(model)

    def sound(prompt: str = "word1", **changes: object) -> np.ndarray:
        return model.generate([prompt], [1.0], [1], {**plain, **changes}).audio[0]

    first = sound()
    assert np.array_equal(first, sound())
    for other in (sound("word2"), sound(apg=0.0), sound(schedule="0.0.19"), sound(negative_prompt="word9")):
        assert np.abs(other - first).max() > 1e-4


def test_a_sound_to_start_from_is_heard(models: dict[str, StableAudioGenerator], tmp_path: Path) -> None:
    import soundfile

    model = models["small"]
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, (RATE, 2)), RATE)
    options = {**few_steps(model), "init_audio": str(tmp_path / "a.wav"), "init_noise_level": 0.5}
    started = model.generate(["word1", "word1"], [1.0, 2.0], [1, 1], options).audio
    plain = model.generate(["word1"], [1.0], [1], few_steps(model)).audio[0]
    assert [each.shape[1] for each in started] == [RATE, 2 * RATE]
    assert np.abs(started[0] - plain).max() > 1e-3


def test_the_text_tower_reads_as_the_publishers_conditioner(tmp_path: Path) -> None:
    """The encoder alone, in float32, with its soft cap; words do not see padding, and a prompt no other."""
    from transformers import T5GemmaForConditionalGeneration

    folder = small_t5gemma(tmp_path)
    tower = T5GemmaTower(folder, "cpu", 8)
    text, mask = tower.read(["word3 word4", " ".join(["word5"] * 40), ""])
    assert text.shape == (3, 8, 768)
    assert mask.sum(dim=1).tolist() == [2, 8, 0]
    whole = T5GemmaForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").get_encoder()
    with torch.no_grad():
        wanted = whole(torch.tensor([[5, 6]])).last_hidden_state
    assert torch.allclose(text[0, :2], wanted[0], atol=1e-5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_stable_audio_3(tmp_path / "stable-audio-3")


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is refused by what headers and configs say: nine gigabytes are not read first."""

    def refuse(*args: object) -> None:
        raise AssertionError("a tensor is read")

    monkeypatch.setattr("evalkit.checkpoints.tensors.safe_open", refuse)


def change(folder: Path, **entries: object) -> None:
    file = folder / "model_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def test_a_folder_without_its_text_tower_is_told_before_it_is_loaded(folder: Path) -> None:
    (folder / "t5gemma-b-b-ul2").rename(folder / "elsewhere")
    with pytest.raises(MissingWeights, match="asks for the text tower 't5gemma-b-b-ul2'"):
        small_sfx(checkpoint=folder).check_files()


def spoil(file: Path) -> None:
    file.write_text("{")


def empty(file: Path) -> None:
    file.write_text("{}")


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("tokenizer.json", Path.unlink, "holds no tokenizer"),
        ("model.safetensors", Path.unlink, "holds no weights"),
        ("config.json", spoil, r"config\.json: cannot be read as JSON"),
        ("config.json", empty, "model_type is None; supported here: 't5gemma'"),
        ("tokenizer.json", empty, "its tokenizer cannot be read"),
    ],
)
def test_a_text_tower_that_lacks_a_part_is_told_before_it_is_loaded(
    folder: Path, nothing_is_read: None, name: str, damage: Callable[[Path], None], told: str
) -> None:
    """The network, which is loaded first, has nine gigabytes."""
    damage(folder / "t5gemma-b-b-ul2" / name)
    with pytest.raises(BadCheckpoint, match=told):
        small_sfx(checkpoint=folder).check_files()


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("hidden_size", 1_000_000, "does not fit the configured network"),
        ("vocab_size", 10**9, "does not fit the configured network"),
        ("num_hidden_layers", 10**7, r"config\.json: num_hidden_layers is 10000000; supported here"),
        ("num_hidden_layers", 3, "no network has the sizes that its config states"),
        ("num_attention_heads", "many", "no network has the sizes that its config states"),
    ],
)
def test_a_text_tower_of_sizes_that_its_files_do_not_have_is_told_before_it_is_loaded(
    folder: Path, nothing_is_read: None, part: str, value: object, told: str
) -> None:
    """Ten million layers took the machine's memory; all others were told once the network had been read."""
    file = folder / "t5gemma-b-b-ul2" / "config.json"
    stated = json.loads(file.read_text())
    stated["encoder"][part] = value
    file.write_text(json.dumps(stated))
    with pytest.raises(BadCheckpoint, match=told) as error:
        small_sfx(checkpoint=folder).check_files()
    assert str(folder / "t5gemma-b-b-ul2") in error.value.message and "\n" not in error.value.message


EMBEDDING = "model.encoder.embed_tokens.weight"


@pytest.mark.parametrize(("damage", "told"), [("lacking", "missing"), ("whole", "holds no fractions")])
def test_a_text_tower_without_its_words_is_told_before_it_is_loaded(
    folder: Path, nothing_is_read: None, damage: str, told: str
) -> None:
    """transformers draws them at random, or makes zeros of whole numbers: each prompt was read as another one, and the
    run was a success."""
    file = folder / "t5gemma-b-b-ul2" / "model.safetensors"
    tensors = load_file(file)
    words = tensors.pop(EMBEDDING)
    if damage == "whole":
        tensors[EMBEDDING] = words.to(torch.int8)
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match=told) as error:
        small_sfx(checkpoint=folder).check_files()
    assert "encoder.embed_tokens.weight" in error.value.message


def test_a_text_tower_of_no_numbers_is_refused(folder: Path) -> None:
    """All prompts failed, one by one."""
    file = folder / "t5gemma-b-b-ul2" / "model.safetensors"
    tensors = load_file(file)
    tensors[EMBEDDING][7] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(BadCheckpoint, match=r"embed_tokens\.weight holds NaN"):
        T5GemmaTower(file.parent, "cpu", 8)


def test_weights_of_whole_numbers_are_told_before_they_are_read(folder: Path, nothing_is_read: None) -> None:
    """Cast to float they would be zeros, and every sound silent."""
    file = folder / "model.safetensors"
    save_file({name: tensor.to(torch.int32) for name, tensor in load_file(file).items()}, file)
    with pytest.raises(BadCheckpoint, match=r"holds no fractions"):
        small_sfx(checkpoint=folder).check_files()


def test_the_text_tower_lies_in_the_folder(folder: Path) -> None:
    assert locate_tower(open_checkpoint(folder), {}) == folder / "t5gemma-b-b-ul2"


@pytest.mark.parametrize(
    ("make", "entries"),
    [
        ("medium", {"sample_size": 5_292_032}),
        ("small_sfx", {"sample_size": 16_777_216}),
        ("small_sfx_base", {"sample_size": 5_324_800}),
    ],
)
def test_another_models_files_are_refused_before_they_are_read(
    folder: Path, make: str, entries: dict[str, object]
) -> None:
    """A small one for a medium one, a medium one for a small one, and a distilled one for its base."""
    change(folder, **entries)
    (folder / "model.safetensors").write_bytes(b"not read")
    build = getattr(generator, make)
    with pytest.raises(BadCheckpoint, match="is not stable-audio-3-") as error:
        build({build().spec.name: folder}).check_files()
    assert "\n" not in error.value.message


def test_published_files_may_state_another_window(folder: Path) -> None:
    """The published configs are gated; what matters is that the longest sound fits."""
    change(folder, sample_size=5_300_224)
    small_sfx({"stable-audio-3-small-sfx": folder}).load("cpu", "float32")


@pytest.mark.parametrize("cut", ["model.safetensors", "t5gemma-b-b-ul2/model.safetensors"])
def test_a_file_that_was_cut_short_is_named(folder: Path, cut: str, nothing_is_read: None) -> None:
    file = folder / cut
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BadCheckpoint, match=f"{cut}: not a whole safetensors file") as error:
        small_sfx(checkpoint=folder).check_files()
    assert "\n" not in error.value.message


def test_every_shard_that_was_cut_is_named_before_one_is_read(folder: Path, nothing_is_read: None) -> None:
    """Also in a published folder that somebody has saved in pieces."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    file.unlink()
    names = sorted(tensors)
    for piece in range(3):
        save_file({name: tensors[name] for name in names[piece::3]}, folder / f"model-{piece}.safetensors")
    listed = {name: f"model-{place % 3}.safetensors" for place, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    small_sfx(checkpoint=folder).check_files()
    for piece in (0, 2):
        cut = folder / f"model-{piece}.safetensors"
        cut.write_bytes(cut.read_bytes()[:-100])
    with pytest.raises(UserError) as error:
        small_sfx(checkpoint=folder).check_files()
    told = str(error.value)
    assert "model-0.safetensors" in told and "model-2.safetensors" in told and "model-1" not in told


def test_another_models_config_is_told_before_a_tensor_is_read(folder: Path, nothing_is_read: None) -> None:
    """Medium's beside the weights of a small one: no tensor of theirs would fill it."""
    other = {**seeded_3.small("medium"), "sample_size": 4096 * 130}
    (folder / "model_config.json").write_text(json.dumps(other))
    with pytest.raises(BadCheckpoint, match="the config beside it must be the one") as error:
        small_sfx(checkpoint=folder).check_files()
    assert "does not fit the configured network" in error.value.message and "\n" not in error.value.message


def test_a_distilled_file_is_not_sampled_by_the_preset_of_its_base(folder: Path) -> None:
    """It has the tensors of its base, and by Euler with guidance it makes noise."""
    own = small_sfx_base(checkpoint=folder)
    assert own.spec.presets["card"]["sampler"] == "pingpong" and own.spec.presets["card"]["prompt_template"] == "sfx"
    assert "'rf_denoiser', that of stable-audio-3-small-sfx-base 'rectified_flow'" in " ".join(own.spec.notes)
    assert "prompt_template" not in generator.open_small(checkpoint=folder).spec.presets["card"]
    with pytest.raises(UserError) as error:
        small_sfx_base({"stable-audio-3-small-sfx-base": folder}).check_files()
    assert "objective 'rf_denoiser'" in str(error.value) and "'rectified_flow'" in str(error.value)


def test_halves_are_read_and_said_to_be_halves(folder: Path) -> None:
    """A variant as the hub's libraries name it, by itself in the folder, computed in what --dtype says."""
    file = folder / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(file).items()}, folder / "model.fp16.safetensors")
    assert "float16" not in " ".join(small_sfx(checkpoint=folder).spec.notes), "the plain file comes first"
    file.unlink()
    model = small_sfx(checkpoint=folder)
    assert "its weights are stored in float16" in " ".join(model.spec.notes)
    model.check_files()
    model.load("cpu", "float32")
    assert np.isfinite(model.generate(["word1"], [0.5], [1], few_steps(model)).audio[0]).all()


def test_all_that_is_wrong_is_told_at_once(folder: Path, nothing_is_read: None) -> None:
    (folder / "t5gemma-b-b-ul2").rename(folder / "elsewhere")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError) as error:
        small_sfx(checkpoint=folder).check_files()
    assert "asks for the text tower" in str(error.value) and "not a whole safetensors file" in str(error.value)


def test_a_checkpoint_without_its_autoencoder_is_named(folder: Path) -> None:
    file = folder / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(file).items() if not name.startswith("pretransform.")}
    save_file(kept, file)
    with pytest.raises(BadCheckpoint, match=r"holds no autoencoder: missing pretransform\.model\.\*, all"):
        small_sfx(checkpoint=folder).check_files()


def test_presets_are_those_of_its_kind(folder: Path) -> None:
    """Open Small's ping-pong goes through the times of another version: another sound for the same seed."""
    assert generator.open_small(checkpoint=folder).spec.presets["card"]["schedule"] == "0.0.20"
    base = small_sfx_base().spec.presets["card"]
    assert (base["sampler"], base["steps"], base["cfg"], base["apg"]) == ("euler", 50, 7.0, 1.0)
    published = {name: each for name, each in VARIANTS.items() if each.free and each.spec.size == "full"}
    assert {name: each.spec.max_seconds for name, each in published.items()} == {
        **{f"stable-audio-3-small-{kind}": 120.0 for kind in ("music", "sfx", "music-base", "sfx-base")},
        **{f"stable-audio-3-medium{kind}": 380.0 for kind in ("", "-base")},
    }
