"""OpenL3 weights drawn from a seed and written as Keras writes them. numpy and h5py only: an oracle's environment reads
this file too.

The published files cannot be shipped, so both sides of a comparison remake these from the seed. The layout is that of
`Model.save_weights` (HDF5): a group per layer in the root attribute `layer_names`, the arrays of a layer under its own
name once more, groups without arrays for layers without weights.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SEED = 20240321
WIDTHS = (1, 64, 64, 128, 128, 256, 256, 512, 512)

NORM = ("gamma:0", "beta:0", "moving_mean:0", "moving_variance:0")
CONVOLUTION = ("kernel:0", "bias:0")


def norm(rng: np.random.Generator, width: int, first: bool) -> list[Array]:
    """gamma, beta, moving mean and variance; the first layer's are those of decibels in [-80, 0]."""
    centre, spread = (-45.0, 300.0) if first else (0.0, 1.0)
    drawn = (
        rng.uniform(0.8, 1.2, width),
        rng.normal(0, 0.1, width),
        centre + rng.normal(0, 0.1, width),
        spread * rng.uniform(0.5, 1.5, width),
    )
    return [array.astype(np.float32) for array in drawn]


def convolution(rng: np.random.Generator, given: int, made: int) -> list[Array]:
    """A 3 x 3 kernel (height, width, in, out) that keeps the scale of its input, and a bias."""
    kernel = rng.normal(0, np.sqrt(2 / (9 * given)), (3, 3, given, made))
    return [kernel.astype(np.float32), rng.normal(0, 0.1, made).astype(np.float32)]


def layers(seed: int = SEED, widths: tuple[int, ...] = WIDTHS) -> Iterator[tuple[str, list[Array]]]:
    """("norm" or "convolution", arrays) of the sixteen layers in their order."""
    rng = np.random.default_rng(seed)
    for index in range(8):
        yield "norm", norm(rng, widths[index], first=index == 0)
        yield "convolution", convolution(rng, widths[index], widths[index + 1])


def named(drawn: Iterator[tuple[str, list[Array]]], start: int) -> Iterator[tuple[str, list[tuple[str, Array]]]]:
    """(layer name, (weight name, array) pairs), auto-increment numbers beginning at `start` (0: no number)."""
    for index, (kind, arrays) in enumerate(drawn):
        number = start + index // 2
        suffix = f"_{number}" if number else ""
        if kind == "norm":
            yield f"batch_normalization{suffix}", list(zip(NORM, arrays, strict=True))
        else:
            name = "audio_embedding_layer" if index == 15 else f"conv2d{suffix}"
            yield name, list(zip(CONVOLUTION, arrays, strict=True))
            yield f"activation{suffix}", []


def content(seed: int = SEED, start: int = 0, widths: tuple[int, ...] = WIDTHS) -> bytes:
    """The bytes of an .h5 file with the weights of `seed`."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        names = [b"input_1", b"melspectrogram"]
        for layer in ("input_1", "melspectrogram"):
            file.create_group(layer).attrs["weight_names"] = np.zeros(0)
        for layer, weights in named(layers(seed, widths), start):
            names.append(layer.encode())
            group = file.create_group(layer)
            full = [f"{layer}/{weight}" for weight, _ in weights]
            group.attrs["weight_names"] = [name.encode() for name in full] if full else np.zeros(0)
            for name, (_, array) in zip(full, weights, strict=True):
                group.create_dataset(name, data=array)
        file.attrs["layer_names"] = names
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.13.1"
    return memory.getvalue()


def save(path: Path, seed: int = SEED, start: int = 0, widths: tuple[int, ...] = WIDTHS) -> Path:
    """Write the weights of `seed` to an .h5 or .h5.gz file and return its path."""
    data = content(seed, start, widths)
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path
