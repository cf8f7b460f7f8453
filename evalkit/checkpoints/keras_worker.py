"""The process in which HDF5 is read: bytes of a file on standard input, its layers on standard output.

    python -I keras_worker.py LIMIT FOLDER... < weights.h5

Answers with one line of JSON, {"layers": [[name, [shape, …]], …]} followed by the values of all arrays
(little-endian float32, one after the other), or {"refused": reason, "hint": way out}. LIMIT is the most
bytes of values; it imports from the FOLDERs and from nowhere else. It opens no file: links, virtual arrays and
arrays stored elsewhere are refused unread.
"""

from __future__ import annotations

import io
import json
import math
import sys

if __name__ == "__main__":
    sys.path[:] = sys.argv[2:]

import h5py
import numpy as np
from numpy.typing import NDArray

MOST_LAYERS = 1024

Layers = list[tuple[str, list[NDArray[np.float32]]]]


class Refused(Exception):
    """What makes the file unfit, in one line, and the way out."""

    def __init__(self, reason: str, hint: str = "evalkit reads Keras weights files only") -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def read(data: bytes, limit: int) -> Layers:
    """(layer name, its arrays) in the order of `layer_names`, layers without arrays left out. Raises Refused."""
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return _layers(file, limit)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Refused(f"not a whole HDF5 file: {reason}", "copy or download it again") from None


def _layers(file: h5py.File, limit: int) -> Layers:
    root = file
    if not _has_names(file, "layer_names") and "model_weights" in file:
        root = _member(file, "model_weights", h5py.Group)
    found: Layers = []
    for layer in _names(root, "layer_names"):
        group = _member(root, layer, h5py.Group)
        arrays = []
        for weight in _names(group, "weight_names"):
            dataset = _member(group, weight, h5py.Dataset)
            limit -= _checked_size(dataset, limit)
            arrays.append(np.asarray(dataset[()], dtype="<f4"))
        if arrays:
            found.append((layer, arrays))
    return found


def _has_names(group: h5py.Group, attribute: str) -> bool:
    return attribute in group.attrs or f"{attribute}0" in group.attrs


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """The strings of an attribute, which Keras splits into `<attribute>0`, `1`, … where they are many."""
    if not _has_names(group, attribute):
        raise Refused(f"{group.name!r} has no attribute {attribute}")
    parts = [attribute]
    if attribute not in group.attrs:
        numbered = (f"{attribute}{number}" for number in range(MOST_LAYERS))
        parts = [part for part in numbered if part in group.attrs]
    values = [value for part in parts for value in np.asarray(group.attrs[part]).reshape(-1).tolist()]
    if len(values) > MOST_LAYERS:
        raise Refused(f"{attribute} of {group.name!r} lists {len(values)} names, at most {MOST_LAYERS} are read")
    return [_text(attribute, value) for value in values]


def _text(attribute: str, value: object) -> str:
    """A name as str: h5py gives bytes or str, depending on who wrote it."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str) or not value:
        raise Refused(f"{attribute} holds {value!r}, expected names")
    return value


def _member(group: h5py.Group, name: str, kind: type) -> h5py.Group | h5py.Dataset:
    """The group or dataset at `name` under `group`, by plain links within it only."""
    here: h5py.Group | h5py.Dataset = group
    for part in name.split("/"):
        plain = isinstance(here, h5py.Group) and part not in ("", ".", "..")
        link = here.get(part, getlink=True) if plain else None
        if link is None:
            raise Refused(f"lists {name!r} under {group.name!r}, which is not there")
        if type(link) is not h5py.HardLink:
            raise Refused(f"{name!r} is a link to elsewhere, which evalkit does not follow")
        here = here[part]
    if not isinstance(here, kind):
        raise Refused(f"{name!r} under {group.name!r} is not a {kind.__name__.lower()}")
    return here


def _checked_size(dataset: h5py.Dataset, limit: int) -> int:
    """Bytes that the array takes as float32; raises Refused where it is not to be read."""
    if dataset.is_virtual or dataset.external:
        raise Refused(f"{dataset.name!r} is stored outside the file, which evalkit does not follow")
    if dataset.dtype.kind != "f" or dataset.shape is None:
        raise Refused(f"{dataset.name!r} holds {dataset.dtype}, expected floats")
    size = 4 * math.prod(dataset.shape)
    if size > limit:
        raise Refused(f"{dataset.name!r} is {dataset.shape}: more than evalkit reads from one file")
    return size


def main() -> None:
    out = sys.stdout.buffer
    try:
        found = read(sys.stdin.buffer.read(), int(sys.argv[1]))
    except Refused as error:
        out.write(json.dumps({"refused": error.reason, "hint": error.hint}).encode() + b"\n")
        return
    shapes = [[name, [array.shape for array in arrays]] for name, arrays in found]
    out.write(json.dumps({"layers": shapes}).encode() + b"\n")
    for _, arrays in found:
        for array in arrays:
            out.write(array.tobytes())


if __name__ == "__main__":
    main()
