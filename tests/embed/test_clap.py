"""CLAP from a folder: what a user's sound, text and files may do to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ClapFeatureExtractor, ClapModel, RobertaTokenizer

from evalkit.audio.clip import Clip, samples_digest
from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.embed.base import TextEmbedder
from evalkit.embed.clap import ClapEmbedder, TextTower, crop_seed, load, prepare
from evalkit.mini.train.clap_format import front_end, mini_config, train_tokenizer, write_folder
from evalkit.nets.clap import Clap, fusion_input

CAPTIONS = ["a dog barking", "A dog barks twice, then rain falls on the left.", "rain falling", "sea waves, very loud"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clap-mini's format with weights as drawn."""
    path = tmp_path_factory.mktemp("clap")
    size = train_tokenizer(CAPTIONS * 5, path)
    net = Clap(mini_config(size))
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        if parameter.dim() > 1:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    write_folder(net, path)
    return path


@pytest.fixture(scope="module")
def clap(folder: Path) -> ClapEmbedder:
    return load("clap-test", folder, "cpu")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A folder that a test may damage."""
    return Path(shutil.copytree(folder, tmp_path / "clap"))


def clip(seconds: float, rate: int = 16000, channels: int = 1, seed: int = 0) -> Clip:
    samples = 0.2 * np.random.default_rng(seed).standard_normal((channels, round(seconds * rate)))
    return Clip(samples.astype(np.float32), rate, f"digest {seed}")


def edit_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def edit_json(folder: Path, name: str, change: Callable[[dict[str, object]], None]) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


def test_features_are_unit_rows(clap: ClapEmbedder) -> None:
    """One (1, d) row per clip and (n, d) for texts, float32, on the unit sphere: cosine is a plain product."""
    assert isinstance(clap, TextEmbedder)
    rows = [*clap.embed([clip(1), clip(7, channels=2)]), clap.embed_text(CAPTIONS)]
    assert [row.shape for row in rows] == [(1, 128), (1, 128), (4, 128)]
    for row in rows:
        assert row.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(row, axis=1), 1, atol=1e-5)
    assert clap.embed([]) == []
    assert clap.embed_text([]).shape == (0, 128)


def test_features_do_not_depend_on_the_batch(clap: ClapEmbedder) -> None:
    """A clip's score is the same alone and among 18 others, long and short mixed (<= 1e-5)."""
    clips = [clip(0.4 + 0.5 * index, seed=index) for index in range(18)]
    together = clap.embed(clips)
    torch.manual_seed(1)
    alone = [clap.embed([one])[0] for one in clips]
    assert max(float(np.abs(a - b).max()) for a, b in zip(together, alone, strict=True)) <= 1e-5
    texts = [f"{index} dogs barking, then rain" for index in range(70)]
    singly = np.concatenate([clap.embed_text([text]) for text in texts])
    assert float(np.abs(clap.embed_text(texts) - singly).max()) <= 1e-5


def test_a_long_clips_crops_follow_its_samples(clap: ClapEmbedder) -> None:
    """The same sound as WAV and as FLAC has the same crops, and so the same score; another sound has others."""
    long = clip(12)
    (first,), (again,) = clap.embed([long]), clap.embed([replace(long, digest="another container")])
    np.testing.assert_array_equal(first, again)
    other = replace(long, samples=long.samples * np.float32(0.5))
    seeds = [crop_seed(samples_digest(each)) for each in (long, other)]
    mels = [fusion_input(prepare(long, 16000), front_end(), seed)[0] for seed in seeds]
    assert torch.equal(mels[0][0], mels[1][0])
    assert not torch.equal(mels[0], mels[1])


def test_level_and_copies_of_a_channel_make_no_difference(clap: ClapEmbedder) -> None:
    """The peak is set to -1 dBFS, and a mono sound stored as stereo is the same sound."""
    sound = clip(2)
    quiet = replace(sound, samples=sound.samples * np.float32(0.25))
    stereo = replace(sound, samples=np.repeat(sound.samples, 2, axis=0))
    rows = clap.embed([sound, quiet, stereo])
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-3)
    np.testing.assert_allclose(rows[2], rows[0], atol=1e-5)
    assert float(prepare(quiet, 16000).abs().max()) == pytest.approx(10 ** (-1 / 20), abs=1e-4)


def test_any_rate_is_taken(clap: ClapEmbedder) -> None:
    """A 44.1 kHz file is resampled, not played at the wrong speed."""
    assert prepare(clip(1, rate=44100), 16000).shape == (16000,)
    assert clap.embed([clip(1, rate=44100, channels=2)])[0].shape == (1, 128)


def test_silence_has_finite_features(clap: ClapEmbedder) -> None:
    """A silent file must not turn the whole suite's mean into NaN."""
    (row,) = clap.embed([Clip(np.zeros((2, 16000), np.float32), 16000, "silence")])
    assert np.isfinite(row).all()


@pytest.mark.parametrize("samples", [np.zeros((1, 0), np.float32), np.full((1, 800), np.nan, np.float32)])
def test_empty_and_nan_clips_are_refused(clap: ClapEmbedder, samples: np.ndarray) -> None:
    """They are failed items; a feature of them would be an invented number."""
    with pytest.raises(UserError, match="empty or holds NaN"):
        clap.embed([Clip(samples, 16000, "bad")])


def test_texts_of_any_kind_are_read(clap: ClapEmbedder) -> None:
    """Empty, very long and non-Latin prompts are cut or padded to 77 tokens and told apart."""
    rows = clap.embed_text(["", "dog " * 500, "犬が吠える", "Ein Hund bellt", "\x00"])
    assert np.isfinite(rows).all()
    assert len({row.tobytes() for row in rows}) == 5


def test_text_tower_is_the_models_own(folder: Path) -> None:
    """A generator is conditioned on the same hidden states that the whole model has, padded to 77."""
    hidden, mask = TextTower(folder).penultimate(CAPTIONS)
    assert hidden.shape == (4, 77, 128)
    assert hidden.dtype == torch.float32
    assert mask.shape == (4, 77)
    whole = ClapModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    tokens = RobertaTokenizer.from_pretrained(str(folder))(
        CAPTIONS, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    )
    assert torch.equal(tokens["attention_mask"], mask)
    with torch.no_grad():
        theirs = whole.text_model(**tokens, output_hidden_states=True).hidden_states[-2]
    torch.testing.assert_close(hidden, theirs, atol=1e-5, rtol=0)


def test_text_tower_needs_no_audio_tower(copy: Path) -> None:
    """A file that holds the text tower alone is enough to condition a generator."""
    expected, _ = TextTower(copy).penultimate(CAPTIONS)
    edit_tensors(copy, lambda t: [t.pop(name) for name in list(t) if not name.startswith("text_model.")] and None)
    tower = TextTower(copy)
    assert tower.width == 128
    assert torch.equal(tower.penultimate(CAPTIONS)[0], expected)
    assert tower.penultimate([])[0].shape == (0, 77, 128)


def test_transformers_gives_the_same_features(folder: Path, clap: ClapEmbedder) -> None:
    """The folder is a plain hub folder: transformers' own model reads the same towers out of it."""
    whole = ClapModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    sound = clip(3)
    mel, longer = fusion_input(prepare(sound, 16000), front_end(), 0)
    with torch.no_grad():
        out = whole.get_audio_features(input_features=mel[None], is_longer=torch.tensor([[longer]])).pooler_output
    np.testing.assert_allclose(clap.embed([sound])[0], out.numpy(), atol=1e-5)


def test_loading_is_quiet_and_stays_on_this_machine(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing on stderr in the middle of a run's progress."""
    load("clap-test", folder, "cpu")
    TextTower(folder)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    """The error says which file is not there, and what belongs in the folder."""
    (copy / name).unlink()
    with pytest.raises(MissingWeights, match=name) as error:
        load("clap-test", copy, "cpu")
    assert "config.json" in error.value.hint


def test_a_lost_vocabulary_is_not_made_up(copy: Path) -> None:
    """transformers invents five tokens where the tokenizer's files are gone; every prompt would score alike."""
    for name in ("tokenizer.json", "vocab.json", "merges.txt"):
        (copy / name).unlink()
    with pytest.raises(MissingWeights, match=r"vocab\.json"):
        load("clap-test", copy, "cpu")
    RobertaTokenizer().save_pretrained(str(copy))
    with pytest.raises(BadCheckpoint, match="the tokenizer has 5 tokens"):
        load("clap-test", copy, "cpu")


def test_a_broken_tokenizer_is_named(copy: Path) -> None:
    """Half a file gives one line, not a traceback from Rust."""
    (copy / "tokenizer.json").write_text((copy / "tokenizer.json").read_text()[:500])
    with pytest.raises(BadCheckpoint, match=r"tokenizer\.json: cannot be read"):
        TextTower(copy)


def test_a_vocabulary_in_disorder_is_refused(copy: Path) -> None:
    """The right size but other tokens: the known sentence does not come back."""
    content = json.loads((copy / "tokenizer.json").read_text())
    vocabulary = content["model"]["vocab"]
    content["model"]["vocab"] = {f"x{token}" if index > 4 else token: index for token, index in vocabulary.items()}
    content["model"]["merges"] = []
    (copy / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(BadCheckpoint, match="the tokenizer"):
        TextTower(copy)


def test_tensors_that_do_not_fit_are_named(copy: Path) -> None:
    """A missing or left-over tensor is an error with its name, never a silently random layer."""
    name = "audio_projection.linear2.weight"
    edit_tensors(copy, lambda t: t.update({"strange.weight": t.pop(name)}))
    with pytest.raises(BadCheckpoint) as error:
        load("clap-test", copy, "cpu")
    assert name in error.value.message
    assert "strange.weight" in error.value.message


def test_constants_in_the_file_are_passed_over(copy: Path, clap: ClapEmbedder) -> None:
    """Published files carry position_ids, of their own length; they follow from the config."""
    edit_tensors(copy, lambda t: t.update({"text_model.embeddings.position_ids": torch.arange(514)[None]}))
    other = load("clap-test", copy, "cpu")
    np.testing.assert_array_equal(other.embed_text(CAPTIONS), clap.embed_text(CAPTIONS))


def test_a_cut_weights_file_is_refused(copy: Path) -> None:
    """A download that stopped half-way is said to be one."""
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(BadCheckpoint, match=r"model\.safetensors"):
        load("clap-test", copy, "cpu")


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("config.json", "model_type", "bert", "model_type"),
        ("preprocessor_config.json", "feature_size", 80, "mel bands"),
        ("preprocessor_config.json", "nb_max_samples", 160000, "frames"),
        ("preprocessor_config.json", "truncation", "rand_trunc", "truncation is 'rand_trunc', but the audio tower"),
        ("preprocessor_config.json", "truncation", "rand", "truncation"),
    ],
)
def test_a_config_that_does_not_fit_is_named(copy: Path, name: str, key: str, value: object, says: str) -> None:
    """The line names the file and the setting."""
    edit_json(copy, name, lambda content: content.update({key: value}))
    with pytest.raises(BadCheckpoint, match=says) as error:
        load("clap-test", copy, "cpu")
    assert name in error.value.message


def test_identity_follows_weights_and_tokenizer(copy: Path, clap: ClapEmbedder) -> None:
    """Cached features are not reused for other weights, another window or another tokenizer."""
    keys = {clap.spec.key, load("clap-test", copy, "cpu").spec.key}
    assert len(keys) == 1
    edit_json(copy, "preprocessor_config.json", lambda content: content.update({"nb_max_samples": 64000}))
    keys.add(load("clap-test", copy, "cpu").spec.key)
    edit_tensors(copy, lambda t: t.update({"logit_scale_a": t["logit_scale_a"] + 1}))
    keys.add(load("clap-test", copy, "cpu").spec.key)
    (copy / "vocab.json").write_text((copy / "vocab.json").read_text() + "\n")
    keys.add(load("clap-test", copy, "cpu").spec.key)
    assert len(keys) == 4


@pytest.fixture(scope="module")
def unfused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like laion/clap-htsat-unfused: no fusion, one crop, Slaney's mel."""
    path = tmp_path_factory.mktemp("unfused")
    config = mini_config(train_tokenizer(CAPTIONS * 5, path))
    config.audio_config.enable_fusion = False
    config.audio_config.fusion_type = None
    net = Clap(config)
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        if parameter.dim() > 1:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    write_folder(net, path)
    edit_json(path, "preprocessor_config.json", lambda content: content.update({"truncation": "rand_trunc"}))
    return path


def test_a_folder_without_fusion_is_read_as_transformers_reads_it(unfused: Path) -> None:
    """Tower and extractor of transformers, on clips that need no crop, give the same features."""
    clap = load("clap-test", unfused, "cpu")
    whole = ClapModel.from_pretrained(str(unfused), dtype=torch.float32).eval()
    extractor = ClapFeatureExtractor.from_pretrained(str(unfused))
    for seconds in (1.0, 3.3, 5.0):
        sound = clip(seconds)
        mel = extractor(prepare(sound, 16000).numpy(), sampling_rate=16000, return_tensors="pt")["input_features"]
        with torch.no_grad():
            out = whole.get_audio_features(input_features=mel.float()).pooler_output
        np.testing.assert_allclose(clap.embed([sound])[0], out.numpy(), atol=1e-5)
    assert clap.spec.settings["truncation"] == "rand_trunc"
    assert clap.spec.key != replace(clap.spec, settings={**clap.spec.settings, "truncation": "fusion"}).key


def test_long_clips_without_fusion_are_the_same_in_every_batch(unfused: Path) -> None:
    """The crop follows the clip's digest, and no neighbour changes it."""
    clap = load("clap-test", unfused, "cpu")
    clips = [clip(9, seed=seed) for seed in range(3)] + [clip(2, seed=9)]
    for together, one in zip(clap.embed(clips), clips, strict=True):
        np.testing.assert_allclose(clap.embed([one])[0], together, atol=1e-5)


def test_an_older_folder_with_a_pickled_file_is_read_safely(copy: Path, clap: ClapEmbedder) -> None:
    """Hub folders of before safetensors hold pytorch_model.bin; safetensors comes first where both are there."""
    tensors = load_file(copy / "model.safetensors")
    torch.save(tensors, copy / "pytorch_model.bin")
    tower = TextTower(copy).weights
    (copy / "model.safetensors").unlink()
    np.testing.assert_array_equal(load("x", copy, "cpu").embed_text(CAPTIONS), clap.embed_text(CAPTIONS))
    assert TextTower(copy).weights == tower
    assert load("x", copy, "cpu").spec.weights == clap.spec.weights
