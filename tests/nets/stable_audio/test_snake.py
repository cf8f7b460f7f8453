from __future__ import annotations

import pytest
import torch

from evalkit.nets.stable_audio.snake import plain, snake


@pytest.mark.parametrize("shape", [(1, 3, 7), (2, 16, 5000), (1, 600, 3001)])
def test_the_fast_way_computes_the_expression(shape: tuple[int, int, int]) -> None:
    """Stretches of every number and a ragged last one; one that was left out would be a hole in the sound."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, generator=generator)
    frequency, scale = torch.rand(2, shape[1], 1, generator=generator) * 3
    with torch.no_grad():
        assert torch.allclose(snake(x, frequency, scale), plain(x, frequency, scale), atol=1e-6)


def test_the_input_is_left_alone_and_gradients_go_through() -> None:
    """The residual path needs its input again, and the recipes train through this."""
    x = torch.randn(1, 4, 50)
    kept, frequency = x.clone(), torch.ones(4, 1, requires_grad=True)
    with torch.no_grad():
        snake(x, frequency, torch.ones(4, 1))
    assert torch.equal(x, kept)
    snake(x, frequency, torch.ones(4, 1)).sum().backward()
    assert frequency.grad is not None
    assert frequency.grad.abs().min() > 0
