"""stable-audio-tools 0.0.19 beside a present torch on the CPU, for the oracle of Stable Audio.

Its own requirements have no wheels for a present Python, and its modules import more than its networks use.
Importing this module puts empty modules where only their import is wanted, and lets through the files of
descript-audio-codec and k-diffusion that hold the networks and the samplers. None of what is replaced computes
anything here, but for two one-line functions of k-diffusion on shapes.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path

import plain_libraries  # noqa: F401 - makes torchaudio importable, and has to come first
import torch
from torch import nn


def _module(name: str, **contents: object) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
    return module


def _package(name: str) -> types.ModuleType:
    """A package whose modules are found as usual but whose own __init__ is not run."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    return _module(name, __path__=[str(Path(spec.origin).parent)])


def _make_importable() -> None:
    _module("audiotools", AudioSignal=object)
    _module("audiotools.ml", BaseModel=nn.Module)
    codec = _package("dac")
    codec.model, codec.nn = _package("dac.model"), _package("dac.nn")
    diffusion = _package("k_diffusion")
    diffusion.utils = _module(
        "k_diffusion.utils",
        append_dims=lambda x, dims: x[(...,) + (None,) * (dims - x.ndim)],
        append_zero=lambda x: torch.cat([x, x.new_zeros([1])]),
    )
    for name in ("sampling", "external"):
        setattr(diffusion, name, importlib.import_module(f"k_diffusion.{name}"))


_make_importable()
