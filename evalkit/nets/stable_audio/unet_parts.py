"""The convolutional parts of Stable Audio 1.0's U-Net (unet1d.py): padded convolutions and modulated residual blocks.

Module and tensor names are those of stable-audio-tools (models/adp.py at 50049e3, after audio-diffusion-pytorch
0.0.94).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Conv(nn.Conv1d):
    """A convolution to ceil(length / stride) frames; of an odd padding the larger half is on the left."""

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(width_in, width_out, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        (kernel,), (stride,) = self.kernel_size, self.stride
        right = (kernel - stride) // 2
        left, short = kernel - stride - right, -x.shape[-1] % stride
        if left == right and not short:
            return F.conv1d(x, self.weight, self.bias, stride, left)  # a padded copy is a tenth of a step's time
        return super().forward(F.pad(x, (left, right + short)))


class TransposedConv(nn.ConvTranspose1d):
    """A transposed convolution to length * stride frames; of an odd surplus the larger half is cut on the left."""

    def __init__(self, width_in: int, width_out: int, factor: int) -> None:
        super().__init__(width_in, width_out, 2 * factor, factor)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        (factor,) = self.stride
        right = factor // 2
        y = super().forward(x, output_size)
        return y[..., factor - right : y.shape[-1] - right]


class ConvBlock(nn.Module):
    """GroupNorm, then scale and shift where they are given, SiLU, and a convolution 3 wide."""

    def __init__(self, width_in: int, width_out: int, groups: int) -> None:
        super().__init__()
        self.groupnorm = nn.GroupNorm(groups, width_in)
        self.project = Conv(width_in, width_out, 3)

    def forward(self, x: Tensor, modulation: tuple[Tensor, Tensor] | None = None) -> Tensor:
        x = self.groupnorm(x)
        if modulation is not None:
            scale, shift = modulation
            x = x * (scale + 1) + shift
        y: Tensor = self.project(F.silu(x))
        return y


class ScaleShift(nn.Module):
    """FiLM (Perez et al. 2018): the mapping (batch, features) to a scale and a shift, each (batch, channels, 1)."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.to_scale_shift = nn.Sequential(nn.SiLU(), nn.Linear(features, 2 * channels))

    def forward(self, mapping: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.to_scale_shift(mapping)[..., None].chunk(2, dim=1)
        return scale, shift


class ResidualBlock(nn.Module):
    """Two convolutions, the second one modulated, beside the input."""

    def __init__(self, width_in: int, width_out: int, groups: int, features: int) -> None:
        super().__init__()
        self.block1 = ConvBlock(width_in, width_out, groups)
        self.to_scale_shift = ScaleShift(features, width_out)
        self.block2 = ConvBlock(width_out, width_out, groups)
        self.to_out = Conv(width_in, width_out, 1) if width_in != width_out else nn.Identity()

    def forward(self, x: Tensor, mapping: Tensor) -> Tensor:
        h = self.block2(self.block1(x), self.to_scale_shift(mapping))
        y: Tensor = h + self.to_out(x)
        return y
