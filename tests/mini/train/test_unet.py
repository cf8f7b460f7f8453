"""How the U-Net of stable-audio-1-mini starts: with less, an hour of training teaches it nothing of the prompt."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from evalkit.mini.train.unet import HEARD, RECIPE, begin
from evalkit.nets.stable_audio.config import parse
from evalkit.nets.stable_audio.unet1d import TransformerBlock, UNet, UNetConfig


@pytest.fixture(scope="module")
def config() -> UNetConfig:
    found = parse(RECIPE.model_config(1.0), RECIPE.name).backbone
    assert isinstance(found, UNetConfig)
    return found


@pytest.fixture(scope="module")
def unet(config: UNetConfig) -> UNet:
    torch.manual_seed(0)
    found = UNet(config)
    begin(found)
    return found.eval()


def _told(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ten words and two numbers among padding, as a short caption is."""
    mask = torch.zeros(batch, 79)
    mask[:, :10] = mask[:, 77:] = 1
    return torch.randn(batch, 79, 128), mask


def test_words_are_heard_over_padding(unet: UNet) -> None:
    (block,) = [part for part in unet.bottleneck.modules() if isinstance(part, TransformerBlock)]
    attention = block.cross_attention
    tokens, mask = _told(2)
    with torch.no_grad():
        keys, _ = attention.hear(tokens, mask)
        queries = attention._split(attention.to_q(attention.norm(torch.randn(2, 20, attention.to_q.in_features))))
        logits = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    assert logits[..., :10].mean() == pytest.approx(HEARD, abs=0.5)
    assert logits.softmax(-1)[..., mask[0].bool()].sum(-1).mean() > 0.7


def test_every_level_is_as_loud_as_its_input(unet: UNet) -> None:
    """At half of the usual size, a hundredth of the sound arrived at the bottleneck."""
    levels: list[float] = []
    hooks = [
        part.register_forward_pre_hook(lambda _, given: levels.append(float(given[0].std())))
        for part in (*unet.downsamples, unet.bottleneck, *unet.upsamples)
    ]
    with torch.no_grad():
        unet(torch.randn(4, unet.config.in_channels, 80), torch.rand(4), *_told(4))
    for hook in hooks:
        hook.remove()
    assert 0.4 < min(levels) <= max(levels) < 2.5


def test_the_start_is_x_times_a_gate_for_every_channel(unet: UNet) -> None:
    x = torch.randn(4, unet.config.in_channels, 80)
    with torch.no_grad():
        tokens, mask = _told(4)
        v = unet(x, torch.rand(4), tokens, mask)
        flipped = unet(-x, torch.rand(4), tokens, mask)
    assert torch.corrcoef(torch.stack([v.flatten(), x.flatten()]))[0, 1] > 0.5
    assert torch.corrcoef(torch.stack([v.flatten(), flipped.flatten()]))[0, 1] < -0.2


def test_a_width_that_has_no_room_for_both_signs_is_refused(config: UNetConfig) -> None:
    with pytest.raises(ValueError, match="channels for 192 latents"):
        begin(UNet(replace(config, multipliers=(8, 4, 4, 4))))
