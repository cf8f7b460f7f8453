"""LAION's checkpoints as they are, seeded: with the optimizer's settings, among which a NumPy scalar is pickled."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch

from evalkit.originals.seeded.torch_files import Shapes, clap_content


class Numpy1Scalar:
    """Pickled under the name that NumPy 1 gives a scalar, as in LAION's files (their optimizer's settings)."""

    def __reduce__(self) -> tuple[object, ...]:
        return _Named("numpy.core.multiarray", "scalar"), (np.dtype("float64"), np.float64(1e-4).tobytes())


class _Named:
    """Stands for a function that a pickle is to name; `__reduce__` must give a callable, and nothing calls it."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self) -> None:
        raise NotImplementedError


class _Pickler(pickle._Pickler):
    """The Python pickler, taught to write a `_Named` as a global of another version of NumPy."""

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Named):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        else:
            super().save(obj, save_persistent_id)


class PickleModule:
    """For `torch.save(pickle_module=...)`."""

    __name__ = "pickle"
    Pickler = _Pickler


def write_clap(path: Path, shapes: Shapes) -> None:
    """With a scalar under the name that NumPy 1 gives it, as the published files have it."""
    content = {**clap_content(shapes), "optimizer": {"lr": Numpy1Scalar()}}
    torch.save(content, path, pickle_module=PickleModule)
