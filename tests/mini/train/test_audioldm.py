"""The recipes of audioldm-mini: a few steps each on made-up recordings, and the folder that the adapter loads."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from evalkit.embed.clap import load as load_clap
from evalkit.fetch.weights import locate
from evalkit.generators.base import GENERATORS
from evalkit.mini.recordings.mel_windows import BANDS, FLOOR, HOP, RATE, draw_sounds, log_mel
from evalkit.mini.recordings.scenes import CLASSES, Recording
from evalkit.mini.starts.vocoder import fit_levels, start_vocoder
from evalkit.mini.train import audioldm, audioldm_condition, audioldm_format, mel_vae, vocoder
from evalkit.mini.train.loop import Options


def _recordings(*_: object) -> list[Recording]:
    """A tone of its own for each class."""
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    tones = [0.5 * np.sin(2 * np.pi * 150 * (index + 1) * time) for index in range(len(CLASSES))]
    sounds = [(tone + 0.02 * rng.standard_normal(RATE)).astype(np.float32) for tone in tones]
    return [Recording(name, name, 1, RATE, sound, ((0, RATE),)) for name, sound in zip(CLASSES, sounds, strict=True)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipes with so little to prepare that they run in seconds."""
    for recipe in (mel_vae, vocoder, audioldm):
        monkeypatch.setattr(recipe, "load_recordings", _recordings)
    monkeypatch.setattr(mel_vae, "SHAPES", ((2, 64),))
    monkeypatch.setattr(vocoder, "WINDOWS", 2)
    monkeypatch.setattr(vocoder, "FRAMES", 64)
    monkeypatch.setattr(vocoder, "FITTED", 4)
    monkeypatch.setattr(audioldm, "SECONDS", (1.0, 1.5))
    monkeypatch.setattr(audioldm, "WINDOWS", 6)
    monkeypatch.setattr(audioldm, "BATCH_SECONDS", 4.0)
    monkeypatch.setattr(audioldm_condition, "PAIRS", 40)


def _train(recipe: ModuleType, out: Path, vae: Path | None = None, steps: int = 2) -> None:
    recipe.train(Options(out, out, 0, steps, "cpu", None, vae))


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_the_recipes_end_in_a_folder_that_the_adapter_of_the_full_models_runs(tmp_path: Path) -> None:
    """Every part, "no prompt" among them: the pipeline pads it to more tokens than clap-mini knows places for."""
    _train(mel_vae, tmp_path / "vae")
    _train(vocoder, tmp_path / "vocoder", tmp_path / "vae")
    _train(audioldm, tmp_path / "unet", tmp_path / "vae")
    folder = tmp_path / "folder"
    audioldm_format.write_folder(tmp_path / "vocoder", tmp_path / "unet", folder)
    assert str(tmp_path) not in "".join(path.read_text() for path in folder.rglob("*.json"))
    generator = GENERATORS.load("audioldm-s")({"audioldm-s": folder})
    generator.load("cpu", "float32")
    made = generator.generate(["rain"], [1.1], [3], {"steps": 2, "cfg": 2.0})
    assert made.audio[0].shape == (1, round(1.1 * RATE))
    assert np.isfinite(made.audio[0]).all() and made.audio[0].any()


def test_a_recipe_says_the_config_that_is_shipped() -> None:
    """Otherwise the weights in the package are no longer those of the recipe beside them."""
    folder = locate("audioldm-mini", {})
    networks = {
        "unet": audioldm.new_unet(128),
        "vae": mel_vae.new_vae(),
        "vocoder": vocoder.new_vocoder(),
        "scheduler": audioldm.new_schedule(),
    }
    for part, network in networks.items():
        (file,) = list((folder / part).glob("*config.json"))
        shipped = json.loads(file.read_text())
        told = network.config.to_dict() if part == "vocoder" else dict(network.config)
        own = json.loads(json.dumps(told))
        assert own.keys() & shipped.keys(), part
        changed = {key for key in own.keys() & shipped.keys() if own[key] != shipped[key]}
        stamps = {key for key in changed if key[0] == "_" or key.endswith("_version")}  # the libraries' own
        assert changed - stamps <= {"scaling_factor", "dtype", "torch_dtype", "architectures"}, (part, changed)


def test_a_second_has_a_hundred_frames_and_a_tone_its_band() -> None:
    """The vocoder makes 160 samples of a frame, and the pipeline counts on it."""
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(RATE) / RATE)
    mel = log_mel(torch.stack([tone, torch.zeros(RATE)]))
    assert mel.shape == (2, RATE // HOP, BANDS)
    assert (mel[0, 5:-5].argmax(1) == mel[0, 50].argmax()).all()
    assert torch.allclose(mel[1], torch.tensor(FLOOR).log())


@pytest.mark.usefixtures("small")
def test_an_autoencoder_starts_at_the_level_of_what_it_learns() -> None:
    """Raw logarithms lie around -5; from a start around 0 the first minutes go into getting there."""
    torch.manual_seed(0)
    mels = log_mel(draw_sounds(np.random.default_rng(0), _recordings(), 4, 64))
    vae = mel_vae.new_vae()
    mel_vae.start_at_level(vae, mels)
    with torch.no_grad():
        rebuilt = vae.decode(vae.encode(mels[:, None]).latent_dist.mean).sample
    assert abs(rebuilt.mean() - mels.mean()) < mels.std()


def test_a_vocoder_starts_as_one() -> None:
    """A small HiFi-GAN drawn at random learns next to nothing in the time that there is: its start has to sound like
    the spectrogram, band for band and frame for frame, and be silent where that is."""
    network = vocoder.new_vocoder()
    start_vocoder(network, 0)
    time = torch.arange(RATE) / RATE
    noise = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    sounds = torch.stack([noise * (time > 0.5), 0.3 * torch.sin(2 * torch.pi * 1000 * time)])
    mels = log_mel(sounds)
    with torch.no_grad():
        made = network(mels)
    assert made.shape == sounds.shape
    assert made[0, : RATE // 2 - 1000].abs().max() < 1e-3
    errors = (log_mel(made) - mels)[0, 60:-5]
    assert errors.abs().mean() < 0.8 and errors.mean().abs() < 0.4
    assert (log_mel(made)[1, 10:-10].argmax(1) - mels[1, 10:-10].argmax(1)).abs().max() <= 1
    fit_levels(network, mels[:1, 60:-5])
    with torch.no_grad():
        fitted = (log_mel(network(mels)) - mels)[0, 60:-5]
    assert fitted.mean(0).abs().mean() < 0.7 * errors.mean(0).abs().mean()


@pytest.mark.usefixtures("small")
def test_half_of_the_times_are_where_sound_takes_shape() -> None:
    levels = audioldm.new_schedule().alphas_cumprod
    times = torch.cat([audioldm.random_times(np.random.default_rng(seed), 16, levels) for seed in range(50)])
    noise = ((1 - levels[times]) / levels[times]).sqrt()
    low, high = audioldm.FORMING
    assert 0.65 < ((noise > low) & (noise < high)).float().mean() < 0.95
    assert times.min() < 20 and times.max() > 980


@pytest.mark.usefixtures("small")
def test_texts_are_brought_to_where_their_sounds_are() -> None:
    """clap-mini's captions lie far from their sounds: a network conditioned on sounds would not know them. The
    folded tower alone has to bring them there, as the pipeline knows nothing of it."""
    clap, texts = load_clap("clap-mini", locate("clap-mini", {}), "cpu"), audioldm_condition.Texts()
    before = torch.nn.functional.normalize(texts.embed(["rain", "a dog barking"]), dim=-1)
    assert np.abs(before.numpy() - clap.embed_text(["rain", "a dog barking"])).max() < 1e-5
    alignment = audioldm_condition.measure(clap, texts, _recordings(), np.random.default_rng(0))
    texts.fold(alignment)
    sounds, captions = audioldm_condition.draw_pairs(_recordings(), np.random.default_rng(1), 20)
    rows = alignment.of_sounds(audioldm_condition.embed_sounds(clap, sounds))
    torch.manual_seed(0)
    seen = alignment.seen(rows)
    told = torch.nn.functional.normalize(texts.embed(captions), dim=-1)
    assert torch.allclose(seen.norm(dim=1), torch.ones(20))
    assert (seen * told).sum(1).mean() > 0.1 + (seen * told.roll(1, 0)).sum(1).mean()


def test_the_alignment_finds_what_two_sides_share() -> None:
    """Two views of the same hidden numbers, in noise: as many correlations near one as there are numbers."""
    torch.manual_seed(0)
    hidden = torch.randn(2000, 3)
    first, second = (hidden @ torch.randn(3, 20) + 0.1 * torch.randn(2000, 20) for _ in range(2))
    alignment = audioldm_condition.align(first, second + 5)
    assert (alignment.correlations[:3] > 0.95).all() and (alignment.correlations[3:] < 0.3).all()
    texts = (second + 5 - alignment.text_mean) @ alignment.text
    agreement = torch.corrcoef(torch.stack([alignment.of_sounds(first)[:, 0], texts[:, 0]]))[0, 1]
    assert agreement > 0.95
