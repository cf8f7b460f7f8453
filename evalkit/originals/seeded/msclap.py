"""Microsoft's CLAP_weights_2023.pth in the published format, with weights drawn from a seed.

Names and shapes are written out here, apart from both networks, as in `torch_files`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from evalkit.nets.clap import mel_filters
from evalkit.nets.msclap import FRONT
from evalkit.originals.seeded.torch_files import Shapes, drawn, htsat_shapes


@dataclass(frozen=True)
class Sizes:
    """HTSAT's first width and its blocks, GPT-2's width and layers, and the width of the common space."""

    audio: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    text: int = 768
    layers: int = 12
    common: int = 1024


PUBLISHED = Sizes()
SMALL = Sizes(32, (2, 1, 1, 1), 64, 2, 48)


def msclap_shapes(sizes: Sizes = PUBLISHED) -> Shapes:
    """The state dict of msclap's CLAP, without the front end's constants."""
    htsat = htsat_shapes(sizes.audio, sizes.depths, fusion=False)
    shapes: Shapes = {name.replace("audio_branch.", "audio_encoder.base.htsat."): each for name, each in htsat.items()}
    own, width = "caption_encoder.base.", sizes.text
    shapes |= {"logit_scale": (), own + "wte.weight": (50257, width), own + "wpe.weight": (1024, width)}
    for layer in range(sizes.layers):
        here = f"{own}h.{layer}."
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{here}{norm}.weight": (width,), f"{here}{norm}.bias": (width,)}
        for part, inner, outer in (
            ("attn.c_attn", 1, 3),
            ("attn.c_proj", 1, 1),
            ("mlp.c_fc", 1, 4),
            ("mlp.c_proj", 4, 1),
        ):
            shapes |= {f"{here}{part}.weight": (inner * width, outer * width), f"{here}{part}.bias": (outer * width,)}
    shapes |= {own + "ln_f.weight": (width,), own + "ln_f.bias": (width,)}
    for part, inner in (("audio_encoder", 8 * sizes.audio), ("caption_encoder", width)):
        here = f"{part}.projection."
        shapes |= {
            here + "linear1.weight": (sizes.common, inner),
            here + "linear2.weight": (sizes.common, sizes.common),
        }
        shapes |= {here + "layer_norm.weight": (sizes.common,), here + "layer_norm.bias": (sizes.common,)}
    return shapes


def write_msclap(path: Path, sizes: Sizes = PUBLISHED) -> None:
    """Under `model`, with the mel bank and the masks that GPT-2 kept beside its weights when the file was made."""
    state = drawn(msclap_shapes(sizes))
    state["audio_encoder.base.htsat.logmel_extractor.melW"] = mel_filters(FRONT)
    for layer in range(sizes.layers):
        state[f"caption_encoder.base.h.{layer}.attn.masked_bias"] = torch.tensor(-10000.0)
    with path.open("wb") as file:
        torch.save({"model": state}, file)
