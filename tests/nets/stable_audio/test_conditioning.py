from __future__ import annotations

import torch

from evalkit.nets.stable_audio.conditioning import (
    Condition,
    IntConditioner,
    IntConfig,
    NumberConditioner,
    NumberConfig,
    Routes,
    assemble,
    number_part,
)


def test_numbers_are_clamped_to_their_range() -> None:
    """A minute asked of a model that knows half of one is told as half of one, not as a time never seen."""
    embed = NumberConditioner(NumberConfig(0, 30, 16))
    # Each by itself: of several rows a processor rounds the last ones otherwise.
    none, some, most, more, less = (embed(torch.tensor([each])) for each in (0.0, 12.5, 30.0, 60.0, -3.0))
    assert none.shape == (1, 16) and embed(torch.tensor([0.0, 12.5, 30.0, 60.0, -3.0])).shape == (5, 16)
    assert torch.equal(most, more)
    assert torch.equal(none, less)
    assert not torch.allclose(none, some) and not torch.allclose(some, most)


def test_a_fraction_of_a_second_counts_as_the_second_it_falls_in() -> None:
    embed = IntConditioner(IntConfig(30, 16))
    rows = embed.int_embedder.weight
    assert torch.equal(embed(torch.tensor([0.0, 2.1, 3.0, 45.0])), rows[[0, 3, 3, 30]])


def test_parts_are_joined_in_the_order_of_their_routes() -> None:
    """Another order would tell the model a start for a length."""
    text, words = torch.randn(2, 3, 4), torch.tensor([[1.0, 1, 0], [1, 0, 0]])
    start, total = torch.randn(2, 4), torch.randn(2, 4)
    parts = {"prompt": (text, words), "start": number_part(start), "total": number_part(total)}
    told = assemble(parts, Routes(("total", "prompt", "start"), ("start",), ("start", "total")))
    assert told.tokens is not None
    assert torch.equal(told.tokens, torch.cat([total[:, None], text, start[:, None]], dim=1))
    assert told.mask is not None
    assert told.mask.tolist() == [[1, 1, 1, 0, 1], [1, 1, 0, 0, 1]]
    assert told.prepended is not None
    assert torch.equal(told.prepended, start[:, None])
    assert told.vector is not None
    assert torch.equal(told.vector, torch.cat([start, total], dim=1))


def test_what_has_no_route_is_not_told() -> None:
    told = assemble({"prompt": (torch.randn(1, 2, 4), torch.ones(1, 2))}, Routes(cross=("prompt",)))
    assert told.prepended is None
    assert told.vector is None
    assert told.joined(told).prepended is None


def test_joining_keeps_the_order_of_items() -> None:
    first, second = Condition(torch.zeros(2, 1, 3)), Condition(torch.ones(1, 1, 3))
    joined = first.joined(second).tokens
    assert joined is not None
    assert joined[:, 0, 0].tolist() == [0, 0, 1]
