"""Recipe of stable-audio-1-mini's diffusion network: Stable Audio 1.0's U-Net small, on the latents of its own DAC.

    python -m evalkit.mini.train.unet --data DATA/esc10 --out OUT --vae DAC_OUT --minutes 34

How it is trained is in diffusion_training.py. As in 1.0, seconds are whole ones with a learnt row each, time reaches
the residual blocks by FiLM, prompt and seconds by cross-attention, and the null of guidance is learnt. The widest
level is the outermost one, where x is gated: it holds every latent with both signs.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from evalkit.mini.train import dac, diffusion
from evalkit.mini.train.diffusion import TEXT_WIDTH, Recipe
from evalkit.mini.train.loop import read_options
from evalkit.nets.stable_audio.dit import DiT
from evalkit.nets.stable_audio.unet1d import Attention, TransformerBlock, UNet, Up
from evalkit.nets.stable_audio.unet_parts import ResidualBlock

RATE = 5e-4

HEARD = 3.0
"""Logit of every word over padding at the start."""

STRAIGHT = 4.0
"""Where SiLU is a straight line."""

BRANCH = 0.1
"""What the last layer of a residual branch is multiplied by at the start."""


def begin(backbone: DiT | UNet) -> None:
    """Start where a short training learns: every level as loud as its input, and every word heard.

    stable-audio-tools starts all weights at half of torch's usual size, which leaves a hundredth of the sound at the
    bottleneck and of the text anywhere; so started, the network had not learnt to listen after 1,600 steps.
    """
    assert isinstance(backbone, UNet)
    with torch.no_grad():
        for part in backbone.modules():
            if isinstance(part, nn.Conv1d | nn.ConvTranspose1d | nn.Linear):
                _keep_level(part)
        for part in backbone.modules():
            if isinstance(part, ResidualBlock):
                part.block2.project.weight.mul_(BRANCH)
            elif isinstance(part, TransformerBlock):
                part.attention.attention.to_out.weight.mul_(BRANCH)
                _last(part.feed_forward).weight.mul_(BRANCH)
                hear_words(part.cross_attention)
        for part in (*backbone.to_mapping, *backbone.to_time):
            if isinstance(part, nn.Linear):
                part.weight.mul_(2)  # a GELU halves
        _gate(backbone)


def _last(layers: nn.Sequential) -> nn.Linear:
    found = layers[-1]
    assert isinstance(found, nn.Linear)
    return found


def _keep_level(layer: nn.Conv1d | nn.ConvTranspose1d | nn.Linear) -> None:
    """Noise that gives out the level that comes in."""
    reads = layer.weight[0].numel()
    if isinstance(layer, nn.ConvTranspose1d):
        reads = layer.in_channels * layer.kernel_size[0] // layer.stride[0]
    layer.weight.copy_(torch.randn_like(layer.weight) / math.sqrt(reads))
    if layer.bias is not None:
        layer.bias.zero_()


def _gate(unet: UNet) -> None:
    """Write the outermost level as gates: a velocity is x times what the levels inside say, channel by channel.

    silu(g + x) - silu(g - x) is x times a slope that g decides, so x goes in with both signs, the innermost levels'
    output is added to both, and their difference is read. The second SiLU is passed where it is straight.
    """
    into, out, count = unet.to_in.block, unet.to_out.block, unet.config.in_channels
    up, unit = unet.upsamples[-1], torch.eye(count)
    assert isinstance(up, Up) and isinstance(into.to_out, nn.Conv1d) and isinstance(out.to_out, nn.Conv1d)
    if into.to_out.out_channels != 2 * count:
        raise ValueError(f"the outermost level has {into.to_out.out_channels} channels for {count} latents")
    into.to_out.weight.copy_(torch.cat([unit, -unit])[..., None])
    up.upsample.weight[count:] = up.upsample.weight[:count]
    assert out.block2.project.bias is not None
    for layer, read in ((out.block1.project, torch.cat([unit, -unit], dim=1)), (out.block2.project, 0.5 * unit)):
        layer.weight.mul_(BRANCH)
        layer.weight[..., 1] += read
    _last(out.to_scale_shift.to_scale_shift).bias[count:] = STRAIGHT
    out.block2.project.bias.copy_(-STRAIGHT * out.block2.project.weight.sum(dim=(1, 2)))
    out.to_out.weight.mul_(BRANCH)


def hear_words(attention: Attention) -> None:
    """Give keys and queries a constant part each, so that every word gets HEARD over padding.

    Masked tokens have keys and values of zero and keep their share of the softmax, nine tenths of it under a short
    caption; a prompt is then a whisper that thousands of steps have to bring up.
    """
    asked, told = attention.norm.bias, attention.norm_context.bias
    for bias in (asked, told):
        bias.copy_(0.5 * torch.randn_like(bias))
    width = attention.to_q.out_features
    key = (attention.to_kv.weight[:width] @ told).unflatten(0, (attention.heads, -1))
    query = HEARD * math.sqrt(key.shape[1]) * key / key.square().sum(dim=1, keepdim=True)
    missing = query.flatten() - attention.to_q.weight @ asked
    attention.to_q.weight.add_(torch.outer(missing, asked) / asked.square().sum())


RECIPE = Recipe(
    "stable-audio-1-mini",
    dac.START,
    {
        "type": "adp_cfg_1d",
        "cross_attention_cond_ids": ["prompt", "seconds_start", "seconds_total"],
        "config": {
            "in_channels": dac.CONFIG.latent,
            "channels": 32,
            "multipliers": [12, 4, 4, 4],
            "factors": [1, 2, 4],
            "num_blocks": [1, 1, 1],
            "attentions": [0, 1, 1, 1],
            "attention_heads": 4,
            "attention_multiplier": 4,
            "resnet_groups": 16,
            "kernel_multiplier_downsample": 2,
            "use_skip_scale": True,
            "use_context_time": True,
            "context_embedding_features": TEXT_WIDTH,
            "context_embedding_max_length": 79,
        },
    },
    seconds="int",
    begin=begin,
    first=128,
    renewal=2,
    half=True,
    rate=RATE,
)


def main() -> None:
    options = read_options(__doc__ or "", steps=20000, needs_vae=True)
    torch.manual_seed(options.seed)
    diffusion.train(options, RECIPE)


if __name__ == "__main__":
    main()
