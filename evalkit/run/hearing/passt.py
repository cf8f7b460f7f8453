"""PaSST, as stable-audio-metrics and av-benchmark feed it: by windows of 10 s every 5 s, whose logits are averaged, or
by the first window alone, filled with zeros or not."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.embed.load import load_embedder
from evalkit.embed.passt import windows
from evalkit.embed.passt_rows import PasstRowsEmbedder
from evalkit.run.hearing.base import Hearing, Network
from evalkit.run.hearing.prepared import AS_STABLE_AUDIO_METRICS, Prepared, Values

_FULL = 320000
"""Samples up to which av-benchmark fills a sound with zeros."""

_CHOICES: Values = {
    **AS_STABLE_AUDIO_METRICS,
    "shortest": (0, _FULL),
}
_ROWS = "passt@av-benchmark"
"""The embedder that gives features and logits of a window; how it is fed is ours to say."""


@dataclass(frozen=True)
class Windows:
    """Of all `windows` of a sound, or of the first one."""

    windows: bool

    @property
    def facts(self) -> Mapping[str, object]:
        return {"windows": self.windows}

    @property
    def part(self) -> Hashable:
        return self.windows

    @property
    def after(self) -> Hashable:
        return ""


def load(network: Network) -> Hearing:
    """Raises as `load_embedder` does."""
    judge = load_embedder(_ROWS, overrides={} if network.path is None else {network.weights: network.path})
    assert isinstance(judge, PasstRowsEmbedder)
    config = judge.config
    return Prepared(
        network.weights,
        config.rate,
        _CHOICES,
        lambda pieces, clip: np.concatenate(judge.embed_prepared(pieces)),
        takes=[Windows(True), Windows(False)],
        pieces=lambda heard, every: windows(heard, config) if every else [heard],
        reads=lambda settings: Windows(False),
        loudnesses=network.loudness,
    )
