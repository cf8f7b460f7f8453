"""What of a SAME autoencoder's config is read, and what is refused by name. Its numbers: tests/parity/test_same.py."""

from __future__ import annotations

from typing import Any

import pytest
import stable_audio_3_seeded as seeded

from evalkit.core.errors import BadCheckpoint
from evalkit.nets.stable_audio.autoencoders import read_autoencoder
from evalkit.nets.stable_audio.reader import Reader
from evalkit.nets.stable_audio.same import ResamplerConfig, SameConfig


def read(model: dict[str, Any]) -> SameConfig:
    found = read_autoencoder(model, Reader("model_config.json"))
    assert isinstance(found, SameConfig)
    return found


def test_the_published_ones_are_read_as_published() -> None:
    small, large = (read(seeded.full_same(size)["model"]) for size in seeded.SIZES)
    assert small.encoder == ResamplerConfig(shifted=True)
    assert small.decoder == ResamplerConfig(shifted=True, kernel=3)
    assert large.encoder == ResamplerConfig(width=1536, depth=12, window=(1, 1), chunk=128)
    assert large.decoder == ResamplerConfig(width=1536, depth=12, window=(1, 1), chunk=128, sines=8)
    assert (small.ratio, large.ratio, small.latent, small.io_channels) == (4096, 4096, 256, 2)
    assert (small.decoder_reach, large.decoder_reach) == (4, 12)


@pytest.mark.parametrize(
    ("part", "key", "value", "told"),
    [
        ("decoder", "conformer", True, "conformer is True"),
        ("decoder", "dyt", False, "dyt is False"),
        ("encoder", "surprise", 1, "surprise, which is not supported"),
        ("encoder", "strides", [8], r"strides of the encoder is \[8\]"),
        ("encoder", "latent_dim", 64, "latent_dim of the encoder is 64"),
        ("decoder", "out_channels", 256, "out_channels is 256"),
        ("decoder", "chunk_size", 40, "40 is no multiple of 16"),
        ("decoder", "chunk_size", 48, "3 is no multiple of 2"),
        ("decoder", "dim_heads", 100, "768 is no multiple of 100"),
        ("decoder", "sliding_window", [1], "entries of sliding_window is 1"),
        ("decoder", "transformer_depths", [3, 3], "supported here: one level"),
        ("decoder", "transformer_depths", [0], "transformer_depths is 0"),
    ],
)
def test_what_is_not_here_is_refused_by_name(part: str, key: str, value: object, told: str) -> None:
    """A network that is nearly the one asked for gives numbers that nobody can place."""
    model = seeded.full_same("s")["model"]
    model[part]["config"][key] = value
    with pytest.raises(BadCheckpoint, match=told):
        read(model)


def test_another_bottleneck_or_front_is_refused() -> None:
    model = seeded.full_same("l")["model"]
    model["bottleneck"]["config"]["noise_augment_dim"] = 8
    with pytest.raises(BadCheckpoint, match="noise_augment_dim is 8"):
        read(model)
    model = seeded.full_same("l")["model"]
    model["pretransform"]["type"] = "wavelet"
    with pytest.raises(BadCheckpoint, match="pretransform of the autoencoder is 'wavelet'"):
        read(model)
    model = seeded.full_same("l")["model"]
    model["downsampling_ratio"] = 2048
    with pytest.raises(BadCheckpoint, match="downsampling_ratio is 2048"):
        read(model)
