"""AudioSet's PCA for VGGish, which torchvggish applies by default: `vggish_pca_params-970ea276.pth`.

The published file holds NumPy arrays in place of tensors. None is built while it is read: what a pickled array is made
of are its type, its shape and its bytes, which are taken as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from evalkit.checkpoints.torch_file import TORCH_SUFFIXES, read_content
from evalkit.core.errors import BadCheckpoint, UserError

_MATRIX, _MEANS = "pca_eigen_vectors", "pca_means"
_REACH, _LEVELS = 2.0, 255.0
_FLOATS = ("f4", "f8")
_MOST_NUMBERS = 1 << 22

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pca:
    """`matrix` (d, d) and `means` (d,), float32."""

    matrix: Floats
    means: Floats

    def quantised(self, rows: Floats) -> Floats:
        """(n, d) to whole numbers from 0 to 255, as float32: whitened, cut at -2 and 2, rounded, as torchvggish's
        Postprocessor does (`vggish.py` at f3f9096). Raises UserError for rows of another width."""
        if rows.shape[1] != self.means.size:
            raise UserError(f"VGGish's rows have {rows.shape[1]} values, and its PCA is of {self.means.size}")
        cut = ((rows - self.means) @ self.matrix.T).clip(-_REACH, _REACH)
        return np.asarray(np.round((cut + _REACH) * np.float32(_LEVELS / (2 * _REACH))), dtype=np.float32)


class _Dtype:
    """Stands for `numpy.dtype`: its name, and "<" or ">"."""

    def __init__(self, name: object = "", *_more: object) -> None:
        self.name, self.order = str(name), "<"

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = str(state[1])


class _Array:
    """Stands for `numpy.ndarray`."""

    state: tuple[object, ...] = ()

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.state = state


def _empty(*_arguments: object) -> _Array:
    return _Array()


_LET_IN: Sequence[tuple[Callable[..., object], str]] = [
    (_Dtype, "numpy.dtype"),
    (_Array, "numpy.ndarray"),
    *((_empty, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
]


def read_pca(path: Path) -> Pca:
    """Raises MissingWeights, or BadCheckpoint, naming the file, for one that asks for
    code, or holds anything else than the two arrays."""
    if path.suffix not in TORCH_SUFFIXES:
        raise BadCheckpoint(f"{path}: is no torch file", "the PCA is read from vggish_pca_params-970ea276.pth")
    content = read_content(path, _LET_IN)
    if not isinstance(content, Mapping):
        raise BadCheckpoint(f"{path}: holds no dictionary", f"the PCA has {_MATRIX} and {_MEANS}")
    matrix, means = (_floats(path, name, content.get(name)) for name in (_MATRIX, _MEANS))
    if matrix.shape != (means.size, means.size):
        raise BadCheckpoint(f"{path}: {_MATRIX} is {matrix.shape} and {_MEANS} {means.shape}", "download it again")
    return Pca(matrix, means.reshape(-1))


def _floats(path: Path, name: str, value: object) -> Floats:
    found = value.float().numpy() if isinstance(value, Tensor) else _of_numpy(value)
    if found is None or not np.isfinite(found).all():
        raise BadCheckpoint(f"{path}: {name} is no array of finite numbers", "download it again")
    return found


def _of_numpy(value: object) -> Floats | None:
    """The array that a pickled one stands for; None where it is none of floats, or its bytes are not its shape's."""
    if not isinstance(value, _Array) or len(value.state) != 5:
        return None
    _, shape, dtype, by_column, data = value.state
    if isinstance(data, str):  # as Python 2 wrote bytes
        data = data.encode("latin-1", "replace")
    if not isinstance(dtype, _Dtype) or dtype.name not in _FLOATS or not isinstance(data, bytes):
        return None
    if not isinstance(shape, tuple) or not all(isinstance(side, int) and 0 < side < _MOST_NUMBERS for side in shape):
        return None
    numbers = np.frombuffer(data, dtype=np.dtype((">" if dtype.order == ">" else "<") + dtype.name))
    if numbers.size != int(np.prod(shape, dtype=np.int64)):
        return None
    return np.ascontiguousarray(numbers.reshape(shape, order="F" if by_column else "C"), dtype=np.float32)
