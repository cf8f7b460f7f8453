"""CLAP's rows of a sound window by window, as toolkits of FAD take them.

One network, and by toolkit another set of rows, which the protocol in the name says (`clap-music@fadtk`):

- fadtk (1.1.0, `model_loader.py`: CLAPLaionModel): windows of 10 s every second to the end, the
  tails filled with zeros, so that a clip of 10 s has ten rows, nine of them partly silent; a 16-bit file in between;
  rows kept as float16;
- stable-audio-tools (the wheel 0.0.20, `training/metrics/fad_metrics.py`): windows of 10 s without overlap, what is
  left over dropped; a shorter sound whole, and repeated as CLAP has it; the peak at -1 dBFS before the conversion.

Each row is a unit vector, before a float16 rounds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from evalkit.audio.clip import Clip
from evalkit.core.errors import UserError
from evalkit.embed import clap
from evalkit.embed.base import EmbedderSpec, Features
from evalkit.embed.by_protocol import further_settings, preparation_of
from evalkit.nets.clap import int16_round_trip


@dataclass(frozen=True)
class Windows:
    """`window` and `step` in seconds; the `tail` of a sound that fills no window is "padded" with zeros, one for every
    step, or "dropped", where the sound has a whole window. `as_file` rounds to 16 bits as a file has them, before the
    16-bit round trip of the network's own; `half` keeps rows as float16."""

    window: float = 10.0
    step: float = 10.0
    tail: Literal["padded", "dropped"] = "dropped"
    as_file: bool = False
    half: bool = False

    def of(self, samples: Tensor, rate: int) -> list[Tensor]:
        """The pieces of (samples,), each (window,), or the whole where it is shorter and tails are dropped."""
        size, step = round(self.window * rate), round(self.step * rate)
        if self.tail == "padded":
            pieces = [samples[start : start + size] for start in range(0, len(samples), step)]
            return [torch.nn.functional.pad(piece, (0, size - len(piece))) for piece in pieces]
        whole = range(0, len(samples) - size + 1, step)
        return [samples[start : start + size] for start in whole] or [samples]


class ClapWindowsEmbedder:
    """An Embedder: float32 (windows, d) per clip."""

    spec: EmbedderSpec

    def __init__(self, name: str, inner: clap.ClapEmbedder) -> None:
        self._windows = Windows(**further_settings(name))  # type: ignore[arg-type]
        self._prepared, self._inner = preparation_of(name, inner.way.preparation), inner
        settings = {**inner.spec.settings, **self._prepared.settings, **asdict(self._windows)}
        self.spec = EmbedderSpec(name, "clap_windows", inner.spec.dimensions, inner.spec.weights, settings)

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """Raises UserError for a clip that is empty, silent or holds NaN."""
        return [self._rows(clip) for clip in clips]

    def pieces(self, clip: Clip) -> list[Tensor]:
        """What the network is given, each (samples,) at its rate. Raises as `embed` does."""
        samples = torch.from_numpy(self._prepared(clip))
        if self._prepared.peak and not samples.any():
            raise UserError("a clip is silent and has no peak", "such a file is a failed item; leave it out")
        if self._windows.as_file:
            samples = (samples * 32768).round().clamp(-32768, 32767) / 32768
        return self._windows.of(int16_round_trip(samples), self._inner.front.rate)

    def _rows(self, clip: Clip) -> Features:
        rows = np.concatenate(self._inner.embed_prepared([(piece, 0) for piece in self.pieces(clip)]))
        return rows.astype(np.float16).astype(np.float32) if self._windows.half else rows


def load(name: str, path: Path, device: str, overrides: Mapping[str, Path] | None = None) -> ClapWindowsEmbedder:
    """From whatever `evalkit.embed.clap.load` reads. Raises as that does."""
    return ClapWindowsEmbedder(name, clap.load(name.partition("@")[0], path, device, overrides))
