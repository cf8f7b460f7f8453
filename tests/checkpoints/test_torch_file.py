"""Torch's own checkpoints from outside: read without ever running what is in them."""

from __future__ import annotations

import builtins
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from evalkit.checkpoints.torch_file import read_entry, read_torch
from evalkit.core.errors import BadCheckpoint, MissingWeights

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.count": torch.tensor(3)}

SHARED = torch.zeros(1 << 20)


class Calls:
    """Pickled as a call of `function` with `arguments`, which a plain load would make."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.function, self.arguments


@pytest.mark.parametrize(
    "content",
    [
        TENSORS,
        OrderedDict(TENSORS),
        {"state_dict": TENSORS, "epoch": 15, "name": "x", "optimizer": {"lr": 1e-4}},
        {"model": TENSORS},
        {name: torch.nn.Parameter(tensor, requires_grad=False) for name, tensor in TENSORS.items()},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_published_layouts_are_read(tmp_path: Path, content: dict[str, object], zipped: bool) -> None:
    """A plain state dict (PaSST) and one under `state_dict` (LAION), in torch's newer and its older container."""
    torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    found = read_torch(tmp_path / "x.pt")
    assert set(found) == set(TENSORS)
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_a_numpy_scalar_among_the_settings_is_passed_over(tmp_path: Path, dtype: str) -> None:
    """LAION's files hold one; without it being let in, none of them could be read."""
    torch.save({"state_dict": TENSORS, "optimizer": {"lr": np.dtype(dtype).type(1)}}, tmp_path / "x.pt")
    assert set(read_torch(tmp_path / "x.pt")) == set(TENSORS)


def attacks(witness: Path) -> list[tuple[str, object]]:
    """What a hostile file may hold, and the name that the refusal must give."""
    command = f"touch {witness}"
    return [
        ("system", Calls(os.system, command)),
        ("eval", Calls(builtins.eval, f"open({str(witness)!r}, 'w')")),
        ("exec", Calls(builtins.exec, f"open({str(witness)!r}, 'w')")),
        ("open", Calls(open, str(witness), "w")),
        ("getattr", Calls(getattr, str, "join")),
        ("Popen", Calls(__import__("subprocess").Popen, ["touch", str(witness)])),
        ("loads", Calls(pickle.loads, pickle.dumps(Calls(os.system, command)))),
        ("load", Calls(torch.load, str(witness))),
        ("fromfile", Calls(np.fromfile, str(witness))),
        ("attrgetter", Calls(__import__("operator").attrgetter, "system")),
    ]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("which", range(10))
def test_a_pickle_that_wants_to_run_something_is_refused_by_name(
    tmp_path: Path, which: int, nested: bool, zipped: bool
) -> None:
    """Nothing of it runs, wherever it hides, and the one line says what it asked for."""
    witness = tmp_path / "it_ran"
    name, attack = attacks(witness)[which]
    content = {"state_dict": TENSORS, "optimizer": [{"lr": (attack,)}]} if nested else attack
    torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(BadCheckpoint, match="nothing of it was run") as error:
        read_torch(tmp_path / "x.pt")
    assert not witness.exists()
    assert name in error.value.message
    assert str(tmp_path / "x.pt") in error.value.message
    assert "\n" not in error.value.message
    assert "weights_only" not in str(error.value)


def test_a_call_hidden_in_a_scalar_does_not_run(tmp_path: Path) -> None:
    """The one thing let in beyond torch's own list must not become a way around it."""
    witness = tmp_path / "ran"

    class Scalar:
        def __reduce__(self) -> tuple[object, ...]:
            return np.float64(1).__reduce__()[0], (Calls(os.system, f"touch {witness}"),)

    torch.save({"state_dict": TENSORS, "lr": Scalar()}, tmp_path / "x.pt")
    with pytest.raises(BadCheckpoint, match="system"):
        read_torch(tmp_path / "x.pt")
    assert not witness.exists()


def test_what_is_let_in_is_let_in_for_this_call_only(tmp_path: Path) -> None:
    """Reading weights must not loosen torch.load for the rest of the process."""
    before = set(torch.serialization.get_safe_globals())  # torch keeps a set: its order is nobody's
    torch.save(TENSORS, tmp_path / "x.pt")
    read_torch(tmp_path / "x.pt")
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.98])
def test_a_cut_file_is_refused(tmp_path: Path, share: float, zipped: bool) -> None:
    """A download that stopped half-way is said to be one, in one line."""
    path = tmp_path / "x.pt"
    torch.save({"w": torch.zeros(2000)}, path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadCheckpoint, match=r"x\.pt") as error:
        read_torch(path)
    assert "\n" not in error.value.message


@pytest.mark.parametrize("data", [b"", b"\x80\x04.", b"hello", b"PK\x03\x04", b"<html>404</html>", os.urandom(5000)])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, data: bytes) -> None:
    """An error page saved under the name of the weights is the most common one."""
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(BadCheckpoint, match=r"x\.pt"):
        read_torch(tmp_path / "x.pt")


def test_another_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BadCheckpoint, match="not a whole torch checkpoint"):
        read_torch(tmp_path / "x.pt")


@pytest.mark.parametrize(
    "content",
    [
        [torch.zeros(2)],
        {},
        torch.zeros(2),
        {"w": "text"},
        {3: torch.zeros(2)},
        {"w": torch.eye(3).to_sparse()},
        {"state_dict": {"w": 1}},
    ],
)
def test_anything_but_a_dictionary_of_plain_tensors_is_refused(tmp_path: Path, content: object) -> None:
    """It must not fail later and deeper, with a traceback from the network."""
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(BadCheckpoint, match=r"x\.pt"):
        read_torch(tmp_path / "x.pt")


def test_a_missing_file_is_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        read_torch(tmp_path / "no.pt")


def test_an_archive_that_unpacks_to_a_thousand_times_its_size_is_one_line(tmp_path: Path) -> None:
    """Torch stores what it writes as it is; a stranger may compress it."""
    torch.save({"a": torch.zeros(3)}, tmp_path / "x.pt")
    with (
        zipfile.ZipFile(tmp_path / "x.pt") as plain,
        zipfile.ZipFile(tmp_path / "y.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
    ):
        for name in plain.namelist():
            with packed.open(name, "w") as member:
                member.write(plain.read(name))
                for _ in range(450 if name.endswith("data.pkl") else 0):
                    member.write(bytes(1 << 20))
    assert (tmp_path / "y.pt").stat().st_size < 4 << 20
    with pytest.raises(BadCheckpoint, match="not a whole torch checkpoint"):
        read_torch(tmp_path / "y.pt")


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.zeros(1).expand(1 << 20, 1 << 20)},
        {f"t{number}": SHARED[number:] for number in range(160)},
    ],
)
def test_a_tensor_that_is_larger_than_the_file_is_refused(tmp_path: Path, content: dict[str, torch.Tensor]) -> None:
    """One number shown 10^12 times takes four bytes here, and four terabytes in whatever it is copied into."""
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(BadCheckpoint, match=r"more than the file holds|many times the file's"):
        read_torch(tmp_path / "x.pt")


def test_a_config_that_holds_itself_a_billion_times_is_refused(tmp_path: Path) -> None:
    """A pickle's list may stand in many places, as an alias of YAML may."""
    inner: list[object] = ["x"]
    for _ in range(40):
        inner = [inner, inner]
    torch.save({"a": torch.zeros(1), "model_config": {"deep": inner}}, tmp_path / "x.ckpt")
    with pytest.raises(BadCheckpoint, match="its config is nested deeper, or larger"):
        read_entry(tmp_path / "x.ckpt", "model_config")
    torch.save(
        {"a": torch.zeros(1), "model_config": {"rate": 8000, "of": [1.5, "x", None, {"y": True}]}}, tmp_path / "y.ckpt"
    )
    assert read_entry(tmp_path / "y.ckpt", "model_config") == {"rate": 8000, "of": [1.5, "x", None, {"y": True}]}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_is_read_or_refused_without_a_word_of_torch_s(
    protocol: int, zipped: bool, tmp_path: Path
) -> None:
    """torch warns of a newer protocol in words that name no file, and come between evalkit's own lines."""
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(3)}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            assert torch.equal(read_torch(path)["a"], torch.ones(3))
        except BadCheckpoint as error:
            assert str(path) in str(error) and protocol > 2
    assert not said
