"""What the DiT computes once for all steps, beside computing it at every step."""

from __future__ import annotations

import copy
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from evalkit.nets.stable_audio.conditioning import Condition
from evalkit.nets.stable_audio.dit import DiT
from evalkit.nets.stable_audio.rotary import rotary_table, rotate

sys.path.insert(0, str(Path(__file__).parent))
import networks

sys.path.pop(0)


def _seeded(**changes: object) -> DiT:
    dit = DiT(replace(networks.DIT, **changes))
    for index, parameter in enumerate(dit.parameters()):
        drawn = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index))
        parameter.data = drawn * 0.1
    return dit.eval()


def _relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize(
    "changes", [{}, {"qk_norm": "ln"}, {"project_cond_tokens": True}, {"global_cond_type": "adaLN"}], ids=str
)
def test_a_null_that_hears_nothing_is_a_null_of_zeros(changes: dict[str, object]) -> None:
    """Guidance leaves the null half's cross-attention out, because on zero tokens it gives exactly zero, whatever the
    weights are. If it did not, every guided sound would be another one."""
    dit = _seeded(**changes)
    x, t, tokens, vector = networks.dit_inputs()
    told = Condition(tokens, None, None, vector)
    with torch.no_grad():
        both = dit.guided(told, x.shape[-1])(torch.cat([x, x]), torch.cat([t, t]))
        assert _relative(both[:2], dit.velocity(x, t, told)) < 1e-5
        assert _relative(both[2:], dit(x, t, torch.zeros_like(tokens), vector)) < 1e-5


def test_one_prompt_serves_every_step() -> None:
    dit = _seeded()
    x, t, tokens, vector = networks.dit_inputs()
    with torch.no_grad():
        step = dit.conditioned(Condition(tokens, None, None, vector), x.shape[-1])
        for time in (t, t / 2, t):
            assert torch.equal(step(x, time), dit(x, time, tokens, vector))


def test_the_inputs_are_left_alone() -> None:
    """Some sums are made in place; the sampler still needs the x it gave."""
    dit = _seeded()
    inputs = networks.dit_inputs()
    kept = copy.deepcopy(inputs)
    with torch.no_grad():
        dit(*inputs)
    assert all(torch.equal(one, other) for one, other in zip(inputs, kept, strict=True))


def test_training_and_inference_compute_the_same() -> None:
    """The way in place beside the way that gradients need."""
    dit, inputs = _seeded(), networks.dit_inputs()
    with torch.no_grad():
        found = dit(*inputs)
    wanted = dit(*inputs)
    assert _relative(found, wanted.detach()) < 1e-5
    wanted.square().mean().backward()
    assert all(parameter.grad is not None for parameter in dit.parameters())


def test_turning_keeps_lengths_and_the_other_dimensions() -> None:
    x, table = torch.randn(2, 3, 10, 64), rotary_table(10, 32, torch.device("cpu"))
    with torch.no_grad():
        turned = rotate(x.clone(), table)
    assert torch.allclose(turned, rotate(x, table), atol=1e-6)
    assert torch.equal(turned[..., 32:], x[..., 32:])
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), atol=1e-5)
    assert torch.allclose(turned[:, :, 0], x[:, :, 0]), "position 0 is not turned"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_block_computes_the_same() -> None:
    """Sums in place must survive the compiler's rewriting of them."""
    dit = _seeded()
    x, t, tokens, vector = networks.dit_inputs()
    told = Condition(tokens, None, None, vector)

    def guided() -> Tensor:
        return dit.guided(told, x.shape[-1])(torch.cat([x, x]), torch.cat([t, t]))

    with torch.inference_mode():
        wanted = guided()
        for block in dit.blocks():
            block.compile(dynamic=False)
        assert _relative(guided(), wanted) < 1e-5
