"""VGGish, by what toolkits do to its sounds, as `panns` has it, and by what they take of it: the last ReLU, the PCA,
pieces of a second."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np

from evalkit.checkpoints.vggish_pca import Pca
from evalkit.embed.base import Features
from evalkit.embed.load import load_embedder
from evalkit.embed.vggish import Rows, VGGishEmbedder
from evalkit.protocols.base import Setting
from evalkit.run.hearing.base import Hearing, Network
from evalkit.run.hearing.panns import CHOICES, SHORTEST
from evalkit.run.hearing.prepared import Prepared

_FIELDS = frozenset(each.name for each in fields(Rows))


@dataclass(frozen=True)
class Layer:
    """`rows` of the network, with the PCA that they may need."""

    rows: Rows
    pca: Pca | None = None

    @property
    def facts(self) -> Mapping[str, object]:
        return asdict(self.rows)

    @property
    def part(self) -> Hashable:
        return self.rows.chunk

    @property
    def after(self) -> Hashable:
        return self.rows.relu, self.rows.pca

    def finished(self, layer: Features) -> Features:
        return self.rows.finished(layer, self.pca)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.rows == other.rows

    def __hash__(self) -> int:
        return hash(self.rows)


def load(network: Network) -> Hearing:
    """With PCA only where its file is here. Raises as `load_embedder` does."""
    judge = load_embedder(network.weights, overrides={} if network.path is None else {network.weights: network.path})
    assert isinstance(judge, VGGishEmbedder)
    rate, with_pca = judge.preparation.rate, (False,) if network.pca is None else (False, True)

    def layer(settings: Mapping[str, Setting]) -> Layer:
        return Layer(Rows(**{key: each for key, each in settings.items() if key in _FIELDS}), network.pca)  # type: ignore[arg-type]

    return Prepared(
        judge.spec.name,
        rate,
        CHOICES,
        lambda pieces, clip: np.concatenate(judge.embed_prepared(pieces)),
        takes=[Layer(Rows(*each), network.pca) for each in itertools.product((False, True), with_pca, (0.0, 1.0))],
        pieces=lambda heard, chunk: Rows(chunk=float(str(chunk))).pieces(heard, rate),
        reads=layer,
        fills=SHORTEST,
        loudnesses=network.loudness,
    )
