"""One copy of the weights for several workers: the same bits, nobody's writing reaches another, and no page twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from evalkit.embed.load import load_embedder
from evalkit.execute.sharing import common_memory, share


class Owner:
    """What holds a network, as embedders and generators do."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Conv2d(8, 32, 5), nn.Flatten(), nn.LazyLinear(16)).eval()
        self.net(torch.zeros(1, 8, 9, 9))
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def heard(self) -> bytes:
        sound = torch.randn(3, 8, 9, 9, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            return bytes(self.net(sound).numpy().tobytes())


@pytest.fixture
def common() -> Iterator[int]:
    handle = common_memory()
    if handle is None:
        pytest.skip("this system has no memory without a name")
    yield handle
    os.close(handle)


def test_two_networks_read_one_copy_and_answer_as_before(common: int) -> None:
    one, two = Owner(), Owner()
    before, layouts = one.heard(), [each.stride() for each in one.net.parameters()]
    shared = share(common, "net", one)
    size = os.fstat(common).st_size
    assert (
        share(common, "net", two) == shared == sum(each.nbytes for each in one.net.parameters() if each.nbytes > 4095)
    )
    assert os.fstat(common).st_size == size, "there is one copy"
    assert one.heard() == two.heard() == before
    assert [each.stride() for each in one.net.parameters()] == layouts
    assert all(each.data_ptr() % 64 == 0 for owner in (one, two) for each in owner.net.parameters())
    os.pwrite(common, bytes(4 << 10), size - (8 << 10))
    assert one.heard() == two.heard() != before, "both read these very pages"


def test_what_one_writes_is_its_own(common: int) -> None:
    one, two = Owner(), Owner()
    before = two.heard()
    share(common, "net", one), share(common, "net", two)
    with torch.no_grad():
        next(one.net.parameters()).zero_()
    assert two.heard() == before != one.heard()


@pytest.mark.parametrize("other", [Owner(1), None])
def test_other_weights_under_the_same_name_stay_their_own(common: int, other: Owner | None) -> None:
    """A file that changed between two workers' loading must not give one of them the other's network."""
    if other is None:
        other = Owner()
        other.net.append(nn.Linear(16, 4096))
    before = other.heard()
    assert share(common, "net", Owner()) > 0
    share(common, "net", other)
    assert other.heard() == before


def test_without_memory_each_has_its_own(common: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    one = Owner()
    before = one.heard()
    assert share(common, "net", one) == 0 and one.heard() == before
    assert share(-1, "net", one) == 0


@pytest.mark.parametrize("name", ["openl3-mini", "passt-mini"])
def test_judges_share_nearly_all_that_they_hold(common: int, name: str, tmp_path: Path) -> None:
    first, second = (load_embedder(name, "cpu", {}) for _ in range(2))
    shared = share(common, name, first)
    assert shared == share(common, name, second)
    held = sum(each.nbytes for net in vars(first).values() if isinstance(net, nn.Module) for each in net.parameters())
    assert held and shared > 0.9 * held


def test_what_was_its_own_goes_back_to_the_system(common: int) -> None:
    """Also of tensors that are small enough for the allocator to keep."""

    def own() -> float:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))

    owner = Owner()
    owner.net = nn.Sequential(*(nn.Linear(512, 512, bias=False) for _ in range(64)))
    before = own()
    shared = share(common, "net", owner) / 2**20
    assert shared == 64 and before - own() > 0.8 * shared
