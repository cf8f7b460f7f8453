"""Reading checkpoints: a bad one is refused with the names of what is wrong, before the network is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from evalkit.checkpoints.tensors import digest_of, load_into, read_tensors
from evalkit.core.errors import BadCheckpoint, MissingWeights


def saved(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, folder / "model.safetensors")
    return folder / "model.safetensors"


def test_a_file_comes_back_as_stored(tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": torch.arange(3).half()})
    assert read_tensors(path)["a"].dtype == torch.float16


def test_equal_weights_have_equal_digests_and_a_changed_bit_another() -> None:
    """A gate that takes `.h5.gz` for other weights than `.h5` holds nothing against its baseline."""
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(net.state_dict())
    assert digest_of(net) == digest_of(other)
    assert digest_of(net, ("bias",)) != digest_of(net)
    with torch.no_grad():
        other.bias[0] = torch.nextafter(other.bias[0], torch.tensor(9.0))
    assert digest_of(net) != digest_of(other)
    assert digest_of(net, ("bias",)) == digest_of(other, ("bias",))
    assert digest_of(nn.Linear(3, 2).half()) != digest_of(net)


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_a_cut_file_is_named(tmp_path: Path, keep: int) -> None:
    """An interrupted copy: one line that names the file."""
    path = saved(tmp_path, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadCheckpoint, match=r"model\.safetensors"):
        read_tensors(path)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(BadCheckpoint):
        read_tensors(path)


def test_an_absent_file_is_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"absent\.safetensors"):
        read_tensors(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_less_precision_is_loaded_as_the_network_has_it(tmp_path: Path, dtype: torch.dtype) -> None:
    net = nn.Linear(2, 2)
    load_into(net, {"weight": torch.ones(2, 2).to(dtype), "bias": torch.zeros(2).to(dtype)}, tmp_path)
    assert net.weight.dtype == torch.float32
    assert net.weight.sum() == 4


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({"weight": torch.ones(2, 2)}, "missing bias"),
        ({"weight": torch.ones(2, 2), "bias": torch.ones(2), "extra": torch.ones(1)}, "unexpected extra"),
        ({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, r"weight is \(2, 3\), expected \(2, 2\)"),
        ({"weight": torch.full((2, 2), torch.nan), "bias": torch.ones(2)}, "weight holds NaN"),
        (
            {"weight": torch.full((2, 2), torch.nan).to(torch.float8_e5m2), "bias": torch.ones(2)},
            "weight holds NaN",
        ),
        ({"weight": torch.ones(2, 2, dtype=torch.int8), "bias": torch.ones(2)}, "weight holds no fractions"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(
    tmp_path: Path, tensors: dict[str, torch.Tensor], named: str
) -> None:
    net = nn.Linear(2, 2)
    before = net.weight.detach().clone()
    with pytest.raises(BadCheckpoint, match=named):
        load_into(net, tensors, tmp_path / "file")
    assert torch.equal(net.weight, before)


def test_constants_may_be_in_the_file_or_not(tmp_path: Path) -> None:
    net = nn.BatchNorm1d(2)
    tensors = {name: tensor for name, tensor in net.state_dict().items() if "num" not in name}
    tensors["weight"] = torch.full((2,), 3.0)
    load_into(net, tensors, tmp_path, ignore=["num_batches_tracked"])
    assert torch.equal(net.weight, tensors["weight"])
    load_into(net, {**tensors, "position_ids": torch.ones(1)}, tmp_path, ignore=["num_batches_tracked", "position_ids"])
