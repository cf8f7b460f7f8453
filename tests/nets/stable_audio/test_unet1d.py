from __future__ import annotations

import pytest
import torch

from evalkit.nets.stable_audio.conditioning import Condition
from evalkit.nets.stable_audio.unet1d import UNet, UNetConfig
from evalkit.nets.stable_audio.unet_parts import Conv, TransposedConv

SMALL = UNetConfig(
    in_channels=6,
    channels=16,
    multipliers=(2, 2, 4),
    factors=(2, 4),
    num_blocks=(1, 2),
    attentions=(0, 1, 1),
    attention_heads=2,
    resnet_groups=8,
    context_embedding_features=24,
    context_embedding_max_length=5,
)


@pytest.fixture
def unet() -> UNet:
    torch.manual_seed(0)
    return UNet(SMALL).eval()


def _told(batch: int = 2) -> Condition:
    mask = torch.ones(batch, 5)
    mask[:, 3:] = 0
    return Condition(torch.randn(batch, 5, 24), mask)


def _at(unet: UNet, x: torch.Tensor, condition: Condition) -> torch.Tensor:
    with torch.no_grad():
        return unet.velocity(x, torch.full((len(x),), 0.4), condition)


@pytest.mark.parametrize(("kernel", "stride", "length"), [(3, 1, 7), (5, 2, 8), (9, 4, 12), (6, 3, 10)])
def test_a_convolution_makes_as_many_frames_as_strides_begin(kernel: int, stride: int, length: int) -> None:
    assert Conv(1, 1, kernel, stride)(torch.randn(1, 1, length)).shape[-1] == -(-length // stride)


def test_an_odd_padding_has_its_larger_half_on_the_left() -> None:
    """On the right, every level would be one frame out of step with the published model."""
    conv = Conv(1, 1, 5, 2)
    conv.weight.data = torch.tensor([[[0.0, 1.0, 0.0, 0.0, 0.0]]])
    assert conv.bias is not None
    conv.bias.data.zero_()
    assert conv(torch.arange(6.0)[None, None]).flatten().tolist() == [0.0, 1.0, 3.0]


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_transposed_convolution_makes_exactly_so_many_times_more(factor: int) -> None:
    assert TransposedConv(1, 1, factor)(torch.randn(1, 1, 7)).shape[-1] == 7 * factor


def test_time_and_words_matter_and_an_item_does_not_depend_on_its_batch(unet: UNet) -> None:
    x, told = torch.randn(2, 6, 16), _told()
    base = _at(unet, x, told)
    assert base.shape == x.shape
    assert not torch.allclose(base, _at(unet, x, _told()))
    with torch.no_grad():
        assert not torch.allclose(base, unet.velocity(x, torch.full((2,), 0.5), told))
    alone = Condition(told.tokens[1:], told.mask[1:])  # type: ignore[index]
    assert torch.allclose(_at(unet, x[1:], alone)[0], base[1], atol=1e-5)


def test_what_padding_says_does_not_matter_but_that_it_is_there_does(unet: UNet) -> None:
    """Masked tokens have keys and values of zero: they take their share of the softmax."""
    x, told = torch.randn(2, 6, 16), _told()
    assert told.tokens is not None
    other = told.tokens.clone()
    other[:, 3:] = 7 * torch.randn(2, 2, 24)
    base = _at(unet, x, told)
    assert torch.allclose(base, _at(unet, x, Condition(other, told.mask)), atol=1e-6)
    without = Condition(told.tokens[:, :3], torch.ones(2, 3))
    assert not torch.allclose(base, _at(unet, x, without), atol=1e-4)


def test_the_null_is_learnt_and_keeps_the_prompts_mask(unet: UNet) -> None:
    told = _told()
    null = unet.null(told)
    assert null.tokens is not None
    assert torch.equal(null.tokens[0], unet.fixed_embedding.embedding.weight)
    assert null.mask is told.mask


def test_a_negative_prompts_padding_becomes_the_learnt_null(unet: UNet) -> None:
    told, against = _told(), _told()
    null = unet.null(told, against)
    assert null.tokens is not None
    assert against.tokens is not None
    assert torch.equal(null.tokens[:, :3], against.tokens[:, :3])
    assert torch.equal(null.tokens[1, 3:], unet.fixed_embedding.embedding.weight[3:])


def test_every_parameter_learns(unet: UNet) -> None:
    """The learnt null too, from the items whose condition is dropped: a mini is trained on this."""
    unet.train()
    unet.initialize()
    told = _told()
    null = unet.null(told)
    assert told.tokens is not None
    assert null.tokens is not None
    tokens = torch.where(torch.tensor([True, False])[:, None, None], told.tokens, null.tokens)
    unet(torch.randn(2, 6, 16), torch.tensor([0.2, 0.7]), tokens, told.mask).square().mean().backward()
    silent = [name for name, parameter in unet.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert silent == []
