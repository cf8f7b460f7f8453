"""OpenL3 on the windows of openl3's own regression test: its way to 48 kHz and evalkit's front end and network.

The sound is openl3's chirp, fetched by its blob id. The embedder itself is not asked, as it takes stable-audio-metrics'
way: peak to -1 dBFS, and a detour over 44.1 kHz.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evalkit.audio.clip import Clip
from evalkit.audio.decode import decode
from evalkit.audio.resample import resample_kaiser_best
from evalkit.core.errors import UserError
from evalkit.embed.log_mel import LogMel
from evalkit.embed.openl3 import frames, read_network
from evalkit.fetch.download import Quiet, fetch
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.sources import parse_source, place
from evalkit.verify.answer_files import Case, read_fields
from evalkit.verify.runners.base import Place, Skip


@dataclass(frozen=True)
class _Input:
    """How many numbers a window gets, 6144 or 512, of the same weights; `sound` is a pinned source."""

    embedding: int
    sound: Mapping[str, str]


class Windows:
    """A Runner."""

    def __init__(self, at: Place) -> None:
        """Raises MissingWeights or BadCheckpoint."""
        self._at = at
        self._net = read_network(at.name, at.weights)

    @torch.inference_mode()
    def answer(self, case: Case) -> NDArray[Any]:
        """(windows, embedding), a window every half second."""
        asked = read_fields(_Input, case.input, "a case's input")
        clip = _sound(asked.sound)
        config = replace(self._net.config, embedding=asked.embedding)
        net = type(self._net)(config)
        net.load_state_dict(self._net.state_dict())
        samples = resample_kaiser_best(clip.mono()[None], clip.rate, config.rate)[0]
        mel = LogMel(config)(np.stack(frames(samples, config.rate)))
        return np.asarray(net.eval().to(self._at.device)(torch.from_numpy(mel).to(self._at.device)).cpu().numpy())


def _sound(table: Mapping[str, str]) -> Clip:
    """The clip of a pinned source, fetched where it is not here yet. Raises Skip where it cannot be had."""
    source = parse_source(table, "a known answer's sound")
    path = evalkit_home() / "sources" / place(source)
    try:
        return decode(fetch(source, path, Quiet(), replace=True).path)
    except UserError as error:
        raise Skip(f"its sound cannot be had: {error}") from None
