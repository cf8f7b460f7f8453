"""Cnn14, as audioldm_eval and av-benchmark feed it, and between the two."""

from __future__ import annotations

from typing import get_args

import numpy as np

from evalkit.audio.preparation import Converter
from evalkit.embed.load import load_embedder
from evalkit.embed.panns import PannsEmbedder
from evalkit.run.hearing.base import Hearing, Network
from evalkit.run.hearing.prepared import Prepared, Values

SHORTEST = 32000
"""Samples up to which audioldm_eval fills a sound with zeros."""

CHOICES: Values = {
    "channels": ("first", "mean"),
    "without_mean": (True, False),
    "converter": get_args(Converter),
    "peak": ("", "before"),
    "longest": (0.0, 8.0, 10.0),
    "shortest": (SHORTEST, 0),
}


def load(network: Network) -> Hearing:
    """Raises as `load_embedder` does."""
    judge = load_embedder(network.weights, overrides={} if network.path is None else {network.weights: network.path})
    assert isinstance(judge, PannsEmbedder)
    return Prepared(
        judge.spec.name,
        judge.preparation.rate,
        CHOICES,
        lambda pieces, clip: np.concatenate(judge.embed_prepared(pieces)),
        fills=SHORTEST,
        loudnesses=network.loudness,
    )
