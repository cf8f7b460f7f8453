"""The shipped probability files are read as data. A pickle that wants to run code is refused, by what it asks for."""

from __future__ import annotations

import builtins
import os
import pickle
import struct
import subprocess
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.checkpoints.probabilities import CLASSES, read_probabilities
from evalkit.core.errors import UserError
from evalkit.stats.kl import kl_divergence

SEED = 20240613


def rows(count: int) -> np.ndarray:
    logits = np.random.default_rng(SEED).normal(size=(count, CLASSES)) * 3
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def written(path: Path, table: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(table, protocol=protocol))
    return path


def tensors(values: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(row.copy()) for row in values]


def test_what_torch_writes_is_read_to_the_bit(tmp_path: Path) -> None:
    """A stand-in of today's torch has the form of the shipped files: ids as numbers or as text."""
    values = rows(40)
    ids = [*range(30), *(f"-{i}xAbC_" for i in range(10))]
    found = read_probabilities(written(tmp_path / "p.pkl", dict(zip(ids, tensors(values), strict=True))))
    assert list(found) == [str(each) for each in ids]
    assert all(row.dtype == np.float32 for row in found.values())
    np.testing.assert_array_equal(np.stack(list(found.values())), values)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_the_protocols_that_hold_the_same_are_read_alike(protocol: int, tmp_path: Path) -> None:
    values = rows(20)
    table = {f"id {place}": row for place, row in enumerate(tensors(values))}
    found = read_probabilities(written(tmp_path / "p.pkl", table, protocol))
    assert list(found) == list(table)
    np.testing.assert_array_equal(np.stack(list(found.values())), values)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_save_writes_is_read_too(zipped: bool, tmp_path: Path) -> None:
    values = rows(3)
    table = dict(zip((1, "b", "c"), tensors(values), strict=True))
    torch.save(table, tmp_path / "p.pt", _use_new_zipfile_serialization=zipped)
    found = read_probabilities(tmp_path / "p.pt")
    assert list(found) == ["1", "b", "c"]
    np.testing.assert_array_equal(np.stack(list(found.values())), values)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"a": torch.zeros(527)}, "'a' is not made of probabilities"),
        ({"a": torch.zeros(3)}, "'a' is not a tensor"),
        ({"a": "b"}, "'a' is not a tensor"),
        ([1, 2], "holds no table"),
        ({2.5: torch.zeros(527)}, "an id is float"),
    ],
)
def test_another_table_of_torch_is_refused(table: object, words: str, tmp_path: Path) -> None:
    torch.save(table, tmp_path / "p.pt")
    with pytest.raises(UserError, match=words):
        read_probabilities(tmp_path / "p.pt")


def test_a_torch_file_that_asks_for_code_is_refused(tmp_path: Path) -> None:
    Path(MARK).unlink(missing_ok=True)
    torch.save({"1": Calls(os.system, f"touch {MARK}")}, tmp_path / "p.pt")
    with pytest.raises(UserError, match=r"asks for \w+\.system"):
        read_probabilities(tmp_path / "p.pt")
    assert not Path(MARK).exists()


def test_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"torch\.save\("):
        read_probabilities(written(tmp_path / "p.pkl", {"1": np.zeros(527, np.float32)}))


def test_the_real_files(stable_audio_metrics: Path) -> None:
    """The issue's figures, on the files themselves. Re-paired at random: the references in the file's order against
    numpy.random.default_rng(0).permutation(n) of them."""
    expected = {
        "song_describer": (1106, 706, -0.000513, 0.744),
        "song_describer-nosinging": (586, 446, -0.000512, 0.779),
    }
    for name, (count, distinct, floor, chance) in expected.items():
        path = stable_audio_metrics / "passt_kld" / f"{name}__collectmean__reference_probabilities.pkl"
        if not path.is_file():
            pytest.skip(f"{path} is not here")
        values = np.stack(list(read_probabilities(path).values()))
        assert values.shape == (count, CLASSES)
        assert len(np.unique(values, axis=0)) == distinct
        assert kl_divergence(values, values).mean() == pytest.approx(floor, abs=5e-7)
        shuffled = values[np.random.default_rng(0).permutation(count)]
        assert kl_divergence(values, shuffled).mean() == pytest.approx(chance, abs=5e-4)


def test_the_real_ids_are_those_of_the_prompt_files(stable_audio_metrics: Path) -> None:
    import csv

    for name in ("song_describer", "song_describer-nosinging"):
        path = stable_audio_metrics / "passt_kld" / f"{name}__collectmean__reference_probabilities.pkl"
        if not path.is_file():
            pytest.skip(f"{path} is not here")
        with (stable_audio_metrics / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            ids = [row["caption_id"] for row in csv.DictReader(file)]
        assert set(read_probabilities(path)) == set(ids)


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


MARK = "/tmp/evalkit-was-here"


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, (f"touch {MARK}",), "system"),
        (builtins.eval, ("1/0",), "eval"),
        (builtins.exec, (f"open({MARK!r}, 'w')",), "exec"),
        (subprocess.Popen, (["touch", MARK],), "Popen"),
        (builtins.__import__, ("os",), "__import__"),
        (torch.load, (MARK,), "load"),
    ],
)
def test_a_pickle_that_asks_for_code_is_refused_by_name(
    function: Callable[..., object], arguments: tuple[object, ...], named: str, protocol: int, tmp_path: Path
) -> None:
    Path(MARK).unlink(missing_ok=True)
    path = written(tmp_path / "evil.pkl", {"1": Calls(function, *arguments)}, protocol)
    with pytest.raises(UserError) as caught:
        read_probabilities(path)
    assert str(path) in str(caught.value)
    # (the module has its Python 2 name in old protocols)
    assert "it asks for '" in str(caught.value)
    assert f".{named}'" in str(caught.value)
    assert not Path(MARK).exists()


def test_code_inside_the_bytes_of_a_tensor_is_not_run(tmp_path: Path) -> None:
    """`_load_from_bytes` unpickles what it is given: here it is only ever compared with the one known form."""
    Path(MARK).unlink(missing_ok=True)
    inner = pickle.dumps(Calls(os.system, f"touch {MARK}"), protocol=2)
    path = written(tmp_path / "p.pkl", {"1": Calls(torch.storage._load_from_bytes, inner)})
    with pytest.raises(UserError, match="not a plain storage of 527"):
        read_probabilities(path)
    assert not Path(MARK).exists()


def test_code_put_into_a_real_tensors_bytes_is_not_run(tmp_path: Path) -> None:
    """A tail of 527 right values does not vouch for the head before it."""
    good = pickle.dumps({1: tensors(rows(1))[0]}, protocol=4)
    start = good.index(b"\x80\x02\x8a\nl\xfc\x9cF")
    evil = pickle.dumps(Calls(os.system, f"touch {MARK}"), protocol=2)
    (tmp_path / "p.pkl").write_bytes(good[:start] + evil + good[start + len(evil) :])
    with pytest.raises(UserError, match="not a plain storage of 527"):
        read_probabilities(tmp_path / "p.pkl")
    assert not Path(MARK).exists()


def spoilt(row: np.ndarray, value: float) -> np.ndarray:
    row = row.copy()
    row[3] = value
    return row


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "no table"),
        ([1, 2], "pickle instruction"),
        ({1: 2}, "entry of 1 is not a tensor"),
        ({1: {2: tensors(rows(1))[0]}}, "entry of 1 is not a tensor"),
        ({1: tensors(rows(2))[0], "1": tensors(rows(2))[1]}, "id '1' is there twice"),
        ({(1,): tensors(rows(1))[0]}, "an id is tuple"),
        ({b"1": tensors(rows(1))[0]}, "an id is bytes"),
        ({False: tensors(rows(1))[0]}, "an id is bool"),
        ({1: torch.zeros(526)}, "not a plain storage"),
        ({1: torch.zeros(527, dtype=torch.float64)}, "not a plain storage"),
        ({1: torch.from_numpy(rows(2).copy())}, "not a plain storage"),
        ({1: torch.zeros(527)}, "not made of probabilities"),
        ({1: tensors(spoilt(rows(1)[0], float("nan"))[None])[0]}, "not made of probabilities"),
        ({1: tensors(spoilt(rows(1)[0], float("inf"))[None])[0]}, "not made of probabilities"),
        ({1: tensors(spoilt(rows(1)[0], -0.1)[None])[0]}, "not made of probabilities"),
        ({1: torch.nn.Parameter(tensors(rows(1))[0])}, "_rebuild_parameter"),
        ({1: np.zeros(527, np.float32)}, "numpy"),
        (OrderedDict(), "no table"),
    ],
)
def test_whatever_is_not_such_a_table_is_refused(table: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        read_probabilities(written(tmp_path / "p.pkl", table))


def test_a_view_into_a_larger_storage_is_refused(tmp_path: Path) -> None:
    """Two tensors over one storage, or an offset, would need the reader to do what only torch should."""
    with pytest.raises(UserError, match=r"refused"):
        read_probabilities(written(tmp_path / "p.pkl", {1: torch.zeros(600)[3 : 3 + 527]}))


@pytest.mark.parametrize("cut", [0, 1, 2, 11, 60, 500, 2300, -1])
def test_a_cut_file_is_refused(cut: int, tmp_path: Path) -> None:
    whole = pickle.dumps({1: tensors(rows(1))[0]}, protocol=4)
    (tmp_path / "p.pkl").write_bytes(whole[:cut])
    with pytest.raises(UserError, match="refused"):
        read_probabilities(tmp_path / "p.pkl")


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({1: tensors(rows(1))[0]}, protocol=4)
    (tmp_path / "p.pkl").write_bytes(whole + pickle.dumps(Calls(os.system, "true")))
    with pytest.raises(UserError, match="something follows its end"):
        read_probabilities(tmp_path / "p.pkl")


def test_no_single_changed_byte_gets_anything_else_through(tmp_path: Path) -> None:
    """Either the file is refused in one line, or the same table comes out (a byte of a value or an id changed)."""
    whole = pickle.dumps({1: tensors(rows(1))[0]}, protocol=4)
    values = whole.index(struct.pack("<f", rows(1)[0, 0]))
    places = [*range(values), *range(values + 4 * CLASSES, len(whole))]
    draw = np.random.default_rng(SEED)
    path = tmp_path / "p.pkl"
    accepted = 0
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= int(draw.integers(1, 256))
        path.write_bytes(bytes(changed))
        try:
            (row,) = read_probabilities(path).values()
        except UserError:
            continue
        accepted += 1
        np.testing.assert_array_equal(row, rows(1)[0])
    assert accepted < 30, "only ids, the storage's key and the sizes of frames are free"


def test_random_bytes_end_in_one_line(tmp_path: Path) -> None:
    draw = np.random.default_rng(SEED)
    for length in (1, 10, 100, 1000) * 50:
        (tmp_path / "p.pkl").write_bytes(b"\x80\x04" + draw.bytes(length))
        with pytest.raises(UserError, match="refused"):
            read_probabilities(tmp_path / "p.pkl")


def test_an_absent_or_huge_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_probabilities(tmp_path / "gone.pkl")
    with (tmp_path / "huge.pkl").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(UserError, match="more than the 67,108,864 bytes"):
        read_probabilities(tmp_path / "huge.pkl")
