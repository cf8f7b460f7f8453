"""stable-audio-tools' SAME on seeded weights: golden/same.npz, which test_same.py holds evalkit against.

    nox -s parity_stable_audio_3

Ten seconds on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import plain_stable_audio_3  # noqa: F401 - first, as it makes the others importable
import stable_audio_3_seeded as seeded
import torch
from same_cases import LENGTHS, SOUNDS, latents, sound, token_noise
from stable_audio_tools.models import transformer
from stable_audio_tools.models.autoencoders import create_autoencoder_from_config
from torch import Tensor, nn

HERE = Path(__file__).parent
transformer.flex_attention_available = False  # it would be compiled; the other path is meant to be the same


def original(size: str) -> nn.Module:
    """The package's own autoencoder; the seeded weights fill it strictly."""
    network = create_autoencoder_from_config(seeded.small_same(size)).eval().requires_grad_(False)
    constant = {key: value for key, value in network.state_dict().items() if key.endswith("inv_freq")}
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items() if key not in constant}
    network.load_state_dict({**seeded.drawn(shapes), **constant}, strict=True)
    return network


@contextmanager
def noise_of(size: str, length: int, *, tokens: bool) -> Iterator[None]:
    """Inside, torch.randn_like draws nothing, or what the tests state for the tokens of the decoder."""
    kept = torch.randn_like

    def drawn(like: Tensor) -> Tensor:
        if tokens and like.shape[-1] == seeded.SMALL[size]["width"]:
            return token_noise(size, length).reshape(like.shape) / 0.01
        return torch.zeros_like(like)

    torch.randn_like = drawn  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.randn_like = kept


def names(size: str) -> list[str]:
    """Every tensor at full size, as `name shape`."""
    with torch.device("meta"):
        network = create_autoencoder_from_config(seeded.full_same(size))
    return [f"{key} {tuple(value.shape)}" for key, value in network.state_dict().items()]


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    golden: dict[str, np.ndarray] = {}
    for size in seeded.SIZES:
        network = original(size)
        golden[f"names/{size}"] = np.array(names(size))
        for samples in SOUNDS:
            with noise_of(size, 0, tokens=False):
                golden[f"{size}/encoded/{samples}"] = network.encode_audio(sound(samples)).numpy()
        for length in LENGTHS:
            with noise_of(size, length, tokens=False):
                golden[f"{size}/decoded/{length}"] = network.decode_audio(latents(length)).numpy()
            with noise_of(size, length, tokens=True):
                golden[f"{size}/noisy/{length}"] = network.decode_audio(latents(length)).numpy()
    (HERE / "golden").mkdir(exist_ok=True)
    np.savez_compressed(HERE / "golden" / "same.npz", **golden)
    print({name: value.shape for name, value in golden.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
