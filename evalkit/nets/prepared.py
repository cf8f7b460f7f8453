"""Networks of 3 x 3 convolutions that judge more quickly on a CPU than they were trained: normalisations folded into
the convolutions before them, and these computed by Winograd's products (`evalkit.nets.winograd`).

The quick form is made of the weights as they are, and stands beside them. Its numbers are those of the plain one to
rounding; folding is done in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

FAST_WIDTH = 32
"""Channels; narrower networks (openl3-mini has 8) are as fast or faster with torch's own convolution."""

ARITHMETIC = "normalisations folded, Winograd's products: 1"
"""What the quick form computes by. It is part of an embedder's settings, and raised with whatever moves a last bit, so
that no number is made of features that were computed in two ways."""

Form = Callable[[Tensor], Tensor]


class Prepared(nn.Module):
    """A network with a quick form of its convolutions, which a subclass makes in `faster`."""

    def __init__(self) -> None:
        super().__init__()
        self._fast: Form | None = None

    config: Any
    """Of a network whose first convolution has `width` channels."""

    @property
    def arithmetic(self) -> dict[str, str]:
        """What an embedder's settings say of the quick form, whatever the device, as all devices of a run have one
        embedder; nothing of a network that has none."""
        return {"arithmetic": ARITHMETIC} if self._has_quick_form else {}

    @property
    def _has_quick_form(self) -> bool:
        return bool(self.config.width >= FAST_WIDTH)

    def prepare_for_inference(self) -> None:
        """Fast convolutions for float32 on a CPU without gradients, from the weights as they are now.

        Costs 75 to 80 MB for the published sizes; the numbers move by rounding. Other inputs go the plain way, as do
        all from networks narrower than `FAST_WIDTH`. Call again after the weights change; `train()` undoes it.
        """
        self._fast = self.faster() if self._has_quick_form else None

    def faster(self) -> Form:
        """The quick form of the convolutions."""
        raise NotImplementedError

    def fast_for(self, given: Tensor) -> Form | None:
        """The quick form where it can compute with `given`."""
        plain_numbers = given.device.type == "cpu" and given.dtype == torch.float32
        return self._fast if plain_numbers and not torch.is_grad_enabled() else None

    def train(self, mode: bool = True) -> Self:
        """Training changes the weights, so it drops what `prepare_for_inference` made of them."""
        if mode:
            self._fast = None
        return super().train(mode)


def folded(convolution: nn.Module, norm: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """Weight and bias, float64, of a convolution and of the BatchNorm after it, where there is one."""
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight.detach().double()
    bias = weight.new_zeros(len(weight)) if convolution.bias is None else convolution.bias.detach().double()
    if norm is None:
        return weight, bias
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None and norm.running_mean is not None
    factor = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    return weight * factor[:, None, None, None], (bias - norm.running_mean) * factor + norm.bias.detach()
