"""Reading a Keras weights file (.h5, .h5.gz): arrays in the order of the layers, and nothing else of HDF5.

The layout is that of tf.keras' `Model.save_weights` in HDF5: the root attribute `layer_names` lists the layers
as the network has them, each a group whose attribute `weight_names` lists its arrays. Names carry numbers that
depend on what else the writing process had built, so only the order counts (as for `load_weights` in Keras).
A whole saved model keeps the same under `model_weights`.

HDF5 can point at other files, at itself and at zeros without end, and its C library falls over on damaged
bytes. So the file's bytes are taken apart by a process of their own (keras_worker.py), which refuses what is
not plain arrays of floats, which gives up after a time, and whose crash is an error like any other.
"""

from __future__ import annotations

import gzip
import math
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evalkit.core import processes
from evalkit.core.errors import BadCheckpoint, MissingWeights
from evalkit.core.jsonio import parse_json
from evalkit.core.reading import open_regular
from evalkit.core.search_path import import_path

SUFFIXES = (".h5", ".hdf5", ".h5.gz", ".hdf5.gz")

MOST_BYTES = 1 << 28
"""The largest file, unpacked; OpenL3's are 19 MB."""

WORKER = (str(Path(__file__).with_name("keras_worker.py")),)
MOST_SECONDS = 120.0

Layers = list[tuple[str, list[NDArray[np.float32]]]]

_AGAIN = "copy or download it again"


def is_keras_file(path: Path) -> bool:
    """Whether the name ends as a Keras weights file does."""
    return path.name.lower().endswith(SUFFIXES)


def read_layers(path: Path) -> Layers:
    """(layer name, its arrays as float32) of each layer that has any, in the order of `layer_names`.

    Raises MissingWeights where there is no such file; BadCheckpoint, naming it, where it is not HDF5, is cut
    or damaged, has not the layout above, or holds what is refused.
    """
    if not path.is_file():
        raise MissingWeights(f"{path}: no such weights file")
    header, values = _in_a_process_of_its_own(path, _unpacked(path))
    found: Layers = []
    for name, shapes in header:
        arrays = []
        for shape in shapes:
            count = math.prod(shape)
            arrays.append(values[:count].reshape(shape))
            values = values[count:]
        found.append((name, arrays))
    return found


def _unpacked(path: Path) -> bytes:
    """The file's bytes, through gzip where its name says so, never more than the limit."""
    try:
        with open_regular(path) as plain:
            stream = gzip.GzipFile(fileobj=plain) if path.suffix.lower() == ".gz" else plain
            data = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadCheckpoint(f"{path}: cannot be read to its end: {error}", _AGAIN) from None
    if len(data) > MOST_BYTES:
        raise BadCheckpoint(f"{path}: more than {MOST_BYTES} bytes: not a weights file that evalkit knows")
    return data


def _in_a_process_of_its_own(path: Path, data: bytes) -> tuple[list[tuple[str, list[list[int]]]], NDArray[np.float32]]:
    """(layer name, shapes) of all layers, and the values of all arrays one after the other."""
    command = processes.isolated(sys.executable, *WORKER, str(MOST_BYTES), *import_path())
    environment = processes.chosen_environment(HDF5_PLUGIN_PRELOAD="::")  # no filters from shared libraries
    try:
        with tempfile.TemporaryDirectory(prefix="evalkit-") as folder:
            done = processes.run(command, Path(folder), environment, data, MOST_SECONDS)
    except TimeoutError:
        raise BadCheckpoint(f"{path}: not read within {MOST_SECONDS:.0f} s: damaged?", _AGAIN) from None
    head, _, body = done.stdout.partition(b"\n")
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = f"signal {-done.returncode}" if done.returncode < 0 else "".join(last)
        raise BadCheckpoint(f"{path}: damaged: the HDF5 library failed on it ({why})", _AGAIN)
    answer = parse_json(head, path)
    if "refused" in answer:
        raise BadCheckpoint(f"{path}: {answer['refused']}", answer["hint"])
    return answer["layers"], np.frombuffer(bytearray(body), dtype="<f4")
