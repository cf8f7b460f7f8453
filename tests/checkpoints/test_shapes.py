"""What a network's shapes are is what torch says of them, without what torch would load to say it."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import Tensor, nn

from evalkit.checkpoints.shapes import shapes_alone


class Drawn(nn.Module):
    """First weights by each of the ways in which the networks here come to theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 6)
        self.layer = nn.Conv1d(3, 4, 2)
        self.scaled = nn.Parameter(0.02 * torch.randn(2, 3))
        self.divided = nn.Parameter(torch.randn(6 * 7) / 7**0.5)
        self.norm = nn.Parameter(self.layer.weight.flatten(1).norm(dim=1)[:, None, None])
        self.kept = nn.Parameter(self.layer.weight.norm(dim=1, keepdim=True))
        self.whole = nn.Parameter(self.layer.weight.norm())
        self.product = nn.Parameter(torch.randn(4, 1) * torch.randn(1, 5))
        self.typed = nn.Parameter(torch.randn(3, dtype=torch.float64))


def told(module: nn.Module) -> dict[str, tuple[torch.Size, torch.dtype, str]]:
    tensors: dict[str, Tensor] = module.state_dict()
    return {name: (each.shape, each.dtype, each.device.type) for name, each in tensors.items()}


def test_shapes_are_torchs_own() -> None:
    """A wrong one would refuse a good file, or let a bad one through to the loading of gigabytes."""
    with torch.device("meta"):
        plain = told(Drawn())
    with shapes_alone():
        assert told(Drawn()) == plain
    assert {device for _, _, device in plain.values()} == {"meta"}
    assert torch.randn(2).device.type == "cpu", "what is made after it has numbers"


def test_first_weights_load_no_compiler() -> None:
    """It takes a second, in which no worker of a run has begun."""
    code = (
        "import sys, torch; from torch import nn; from evalkit.checkpoints.shapes import shapes_alone\n"
        "with shapes_alone():\n"
        "    nn.Embedding(5, 6); 0.02 * torch.randn(2, 3); torch.randn(6) / 7**0.5; torch.empty(4, 3).norm(dim=1)\n"
        "assert not {'sympy', 'torch._dynamo'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
