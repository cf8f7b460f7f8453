"""Reading Keras weights files: the published layout in its variants, and files that were made to do harm."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from evalkit.checkpoints import keras
from evalkit.checkpoints.keras import is_keras_file, read_layers
from evalkit.core.errors import BadCheckpoint, MissingWeights

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)


def fill(file: h5py.Group, names: tuple[str, ...] = ("dense_9", "dense_10")) -> None:
    """Two layers with weights and one without, listed in an order that is not the alphabet's."""
    file.attrs["layer_names"] = [b"input_1", *(name.encode() for name in names)]
    file.create_group("input_1").attrs["weight_names"] = np.zeros(0)
    for index, name in enumerate(names):
        group = file.create_group(name)
        group.attrs["weight_names"] = [f"{name}/kernel:0".encode()]
        group.create_dataset(f"{name}/kernel:0", data=KERNEL + index)


def built(path: Path, build: Callable[[h5py.File], None]) -> Path:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        build(file)
    path.write_bytes(gzip.compress(memory.getvalue()) if path.suffix == ".gz" else memory.getvalue())
    return path


def kernel_of(build: Callable[[h5py.Group], None]) -> Callable[[h5py.File], None]:
    """The layout with one layer `a` whose array `a/kernel:0` is what `build` puts there."""

    def make(file: h5py.File) -> None:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"a/kernel:0"]
        build(group.create_group("a"))

    return make


@pytest.mark.parametrize("name", ["weights.h5", "weights-v0_4_0.h5.gz"])
def test_layers_come_in_the_listed_order_without_the_empty_ones(tmp_path: Path, name: str) -> None:
    """`dense_10` sorts before `dense_9`: the order of the groups would swap layers of equal shape in silence."""
    (first, (kernel,)), (second, (other,)) = read_layers(built(tmp_path / name, fill))
    assert (first, second) == ("dense_9", "dense_10")
    np.testing.assert_array_equal(kernel, KERNEL)
    np.testing.assert_array_equal(other, KERNEL + 1)


def test_names_as_text_chunked_names_and_whole_models(tmp_path: Path) -> None:
    """What other versions of Keras and h5py write: str for bytes, lists split in parts, a whole saved model."""

    def build(file: h5py.File) -> None:
        root = file.create_group("model_weights")
        fill(root)
        del root.attrs["layer_names"]
        root.attrs["layer_names0"] = [b"input_1", b"dense_9"]
        root.attrs["layer_names1"] = [b"dense_10"]
        root["dense_9"].attrs["weight_names"] = ["dense_9/kernel:0"]

    found = read_layers(built(tmp_path / "model.h5", build))
    assert [name for name, _ in found] == ["dense_9", "dense_10"]


@pytest.mark.parametrize("stored", [np.float16, np.float64])
def test_other_precisions_are_read_as_float32(tmp_path: Path, stored: type) -> None:
    build = kernel_of(lambda group: group.create_dataset("kernel:0", data=KERNEL.astype(stored)))
    assert read_layers(built(tmp_path / "w.h5", build))[0][1][0].dtype == np.float32


def _external_link(group: h5py.Group) -> None:
    group["kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")


def _soft_link(group: h5py.Group) -> None:
    group.create_dataset("other", data=KERNEL)
    group["kernel:0"] = h5py.SoftLink("/a/a/other")


def _external_storage(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", (6,), "f4", external=[("/etc/passwd", 0, 24)])


def _virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((6,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (6,))
    group.create_virtual_dataset("kernel:0", layout)


def _objects(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", data=["os.system"], dtype=h5py.string_dtype())


def _integers(group: h5py.Group) -> None:
    group.create_dataset("kernel:0", data=np.arange(3))


def _endless(group: h5py.Group) -> None:
    """A terabyte of zeros that takes no room in the file."""
    group.create_dataset("kernel:0", (1 << 38,), "f4", chunks=(1 << 20,), compression="gzip")


def _group_for_an_array(group: h5py.Group) -> None:
    group.create_group("kernel:0")


def _nothing(group: h5py.Group) -> None:
    pass


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (_external_link, "link to elsewhere"),
        (_soft_link, "link to elsewhere"),
        (_external_storage, "stored outside the file"),
        (_virtual, "stored outside the file"),
        (_objects, "expected floats"),
        (_integers, "expected floats"),
        (_endless, "more than evalkit reads"),
        (_group_for_an_array, "is not a dataset"),
        (_nothing, "which is not there"),
    ],
)
def test_what_an_array_must_not_be(tmp_path: Path, build: Callable[[h5py.Group], None], told: str) -> None:
    """A downloaded file cannot make evalkit open another one or fill the memory; the error names it."""
    with pytest.raises(BadCheckpoint, match=told) as caught:
        read_layers(built(tmp_path / "w.h5", kernel_of(build)))
    assert "w.h5" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (None, "no attribute layer_names"),
        ([1.0, 2.0], "expected names"),
        ([b"absent"], "which is not there"),
        ([b"../a"], "which is not there"),
        ([b"a\x00b"], "w.h5"),
        ([b"a"] * 2000, "lists 2000 names"),
        ([b""], "expected names"),
    ],
)
def test_lists_of_layers_that_are_none(tmp_path: Path, names: list | None, told: str) -> None:
    def build(file: h5py.File) -> None:
        file.create_group("a").attrs["weight_names"] = np.zeros(0)
        if names is not None:
            file.attrs["layer_names"] = np.array(names) if names != [b"a\x00b"] else ["a\n\r"]

    with pytest.raises(BadCheckpoint, match=told) as caught:
        read_layers(built(tmp_path / "w.h5", build))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["w.h5", "w.h5.gz"])
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
def test_a_cut_file_is_named(tmp_path: Path, name: str, keep: float) -> None:
    """An interrupted download, at any byte."""
    path = built(tmp_path / name, fill)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(BadCheckpoint, match=r"w\.h5"):
        read_layers(path)


def test_damaged_bytes_are_read_or_refused_but_never_a_traceback(tmp_path: Path) -> None:
    """HDF5's own library dies of a segmentation fault on about one such file in fifty."""
    data = built(tmp_path / "w.h5", fill).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(30):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 20):
            damaged[at] = rng.integers(0, 256)
        (tmp_path / "d.h5").write_bytes(damaged)
        try:
            read_layers(tmp_path / "d.h5")
        except BadCheckpoint as error:
            assert "d.h5" in error.message


@pytest.mark.parametrize("way", ["working folder", "sys.path", "PYTHONPATH", "beside"])
def test_reading_runs_no_code_that_lies_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """`h5py.py` and others where evalkit was started, beside the file, or by way of a relative entry of the path."""
    path = built(tmp_path / "w.h5", fill)
    trap = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
    for name in ("h5py", "numpy", "json", "sitecustomize", "usercustomize", "io", "typing"):
        (tmp_path / f"{name}.py").write_text(trap)
    monkeypatch.chdir(tmp_path)
    if way == "sys.path":
        monkeypatch.setattr(sys, "path", ["", ".", str(tmp_path), *sys.path])
    if way == "PYTHONPATH":
        monkeypatch.setenv("PYTHONPATH", f".:{tmp_path}")
    if way == "beside":
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(read_layers(path)) == 2
    assert not list(tmp_path.rglob("*.ran"))


def test_packages_that_only_this_process_sees_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An h5py by way of PYTHONPATH or of the user's own site-packages, as on clusters: the process is isolated from
    both, and is told the folders."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "h5py.py").write_text("raise ImportError('this h5py was found')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "modules"), *sys.path])
    with pytest.raises(BadCheckpoint, match="this h5py was found"):
        read_layers(built(tmp_path / "w.h5", fill))


def test_a_crash_of_the_library_is_an_error_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras, "WORKER", ("-c", "import os; os.abort()"))
    with pytest.raises(BadCheckpoint, match=r"w\.h5: damaged: the HDF5 library failed on it \(signal 6\)"):
        read_layers(built(tmp_path / "w.h5", fill))


def test_a_file_that_is_never_done_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras, "WORKER", ("-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(keras, "MOST_SECONDS", 0.2)
    with pytest.raises(BadCheckpoint, match=r"w\.h5: not read within"):
        read_layers(built(tmp_path / "w.h5", fill))


@pytest.mark.parametrize("name", ["w.h5", "w.h5.gz"])
def test_not_hdf5(tmp_path: Path, name: str) -> None:
    """A page of HTML saved under the file's name is the usual case."""
    data = b"<!doctype html>" * 100
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(BadCheckpoint, match=r"w\.h5.*not a whole HDF5 file"):
        read_layers(tmp_path / name)


def test_a_plain_file_called_gz(tmp_path: Path) -> None:
    built(tmp_path / "w.h5", fill).rename(tmp_path / "w.h5.gz")
    with pytest.raises(BadCheckpoint, match=r"w\.h5\.gz: cannot be read to its end"):
        read_layers(tmp_path / "w.h5.gz")


def test_a_gzip_bomb_is_left_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras, "MOST_BYTES", 1 << 20)
    (tmp_path / "w.h5.gz").write_bytes(gzip.compress(bytes(1 << 24)))
    with pytest.raises(BadCheckpoint, match=r"w\.h5\.gz: more than 1048576 bytes"):
        read_layers(tmp_path / "w.h5.gz")


def test_an_absent_file_is_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"absent\.h5"):
        read_layers(tmp_path / "absent.h5")


def test_a_file_that_keras_wrote(repository: Path) -> None:
    """Saved by tf-keras itself (tests/parity/oracle_openl3.py), 1/32 of OpenL3's width; arrays as Keras has them."""
    golden = repository / "tests" / "parity" / "golden"
    found = read_layers(golden / "openl3_small_by_keras.h5")
    with np.load(golden / "openl3_small_by_keras.npz") as stored:
        wanted = [stored[f"arr_{index}"] for index in range(len(stored))]
    arrays = [array for _, layer in found for array in layer]
    assert [name for name, _ in found][-1] == "audio_embedding_layer"
    assert len(found) == 16
    # get_weights lists trainable arrays of a layer before the others, as the file does.
    for array, want in zip(arrays, wanted, strict=True):
        np.testing.assert_array_equal(array, want)


@pytest.mark.parametrize(
    ("name", "expected"), [("a.h5", True), ("a.H5", True), ("a-v0_4_0.h5.gz", True), ("a.gz", False), ("a.pt", False)]
)
def test_which_names_are_such_files(name: str, expected: bool) -> None:
    assert is_keras_file(Path(name)) is expected
