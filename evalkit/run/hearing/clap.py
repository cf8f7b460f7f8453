"""LAION's CLAP for its score, as stable-audio-metrics, av-benchmark and audiocraft feed it, and between these.

A sound longer than the network's window has crops, which LAION draws anew in every run: a number of such sounds is not
repeatable, and is found as nearly as one draw is another's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from evalkit.audio.clip import Clip, Samples, samples_digest
from evalkit.embed.base import Features
from evalkit.embed.clap import ClapEmbedder, crop_seed
from evalkit.embed.load import load_embedder
from evalkit.run.hearing.base import Hearing, Network
from evalkit.run.hearing.prepared import AS_STABLE_AUDIO_METRICS, Prepared, Values

_CHOICES: Values = {
    **AS_STABLE_AUDIO_METRICS,
    "sixteen_bits": (True, False),
}


def load(network: Network) -> Hearing:
    """Raises as `load_embedder` does."""
    own = {} if network.path is None else {network.weights: network.path}
    judge = load_embedder(network.weights, overrides={**network.beside, **own})
    assert isinstance(judge, ClapEmbedder)

    def embed(pieces: Sequence[Samples], clip: Clip) -> Features:
        seed = crop_seed(samples_digest(clip))
        return np.concatenate(judge.embed_prepared([(torch.from_numpy(each), seed) for each in pieces]))

    return Prepared(
        judge.spec.name,
        judge.front.rate,
        _CHOICES,
        embed,
        loudnesses=network.loudness,
        text=judge.embed_text,
    )
