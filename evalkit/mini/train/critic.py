"""The adversary of the codec's recipe, and how its losses are weighed against the others.

A small multi-scale STFT discriminator: at each resolution a few convolutions over the complex spectrum, the same
shapes at a quarter or less of the published width. Hinge losses, feature matching and the balancer are those of the
paper. Source: Défossez et al., "High fidelity neural audio compression", 2022, sections 3.3 and 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZES = (1024, 512, 256)
FILTERS = 8
STEADY = 0.99


class Scale(nn.Module):
    """The discriminator at one resolution: an STFT of `size`, five convolutions, one of them per dilation in time."""

    window: Tensor

    def __init__(self, size: int, filters: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("window", torch.hann_window(size), persistent=False)
        shapes = [(2, 1, 2), (filters, 1, 2), (filters, 2, 2), (filters, 4, 2)]
        self.convs = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(
                nn.Conv2d(width, filters, (3, 7), (1, stride), (dilation, 3), (dilation, 1))
            )
            for width, dilation, stride in shapes
        )
        self.last = nn.utils.parametrizations.weight_norm(nn.Conv2d(filters, 1, (3, 3), 1, (1, 1)))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits and the features of every layer, of sound (batch, 1, samples)."""
        spectrum = torch.stft(
            audio[:, 0], self.size, self.size // 4, window=self.window, normalized=True, return_complex=True
        )
        x = torch.stack([spectrum.real, spectrum.imag], dim=1).transpose(2, 3)
        features = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
            features.append(x)
        return self.last(x), features


class Critic(nn.Module):
    """One :class:`Scale` per resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Scale(size, FILTERS) for size in SIZES)

    def forward(self, audio: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        return [scale(audio) for scale in self.scales]


def critic_loss(critic: Critic, real: Tensor, made: Tensor) -> Tensor:
    """Hinge: real sound above 1, made sound below -1; mean over resolutions."""
    losses = [
        F.relu(1 - said).mean() + F.relu(1 + heard).mean()
        for (said, _), (heard, _) in zip(critic(real), critic(made.detach()), strict=True)
    ]
    return torch.stack(losses).mean()


def maker_losses(critic: Critic, real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """What the codec pays: the hinge, and the distance of the features, each as a share of the real ones' size."""
    with torch.no_grad():
        wanted = critic(real)
    hinge, distances = [], []
    for (said, found), (_, real_features) in zip(critic(made), wanted, strict=True):
        hinge.append(F.relu(1 - said).mean())
        distances += [
            F.l1_loss(one, other) / other.abs().mean() for one, other in zip(found, real_features, strict=True)
        ]
    return torch.stack(hinge).mean(), torch.stack(distances).mean()


class Balancer:
    """Makes each loss's share of the gradient at the output what its weight says, whatever its scale."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = dict(weights)
        self._norms: dict[str, float] = {}

    def backward(self, losses: Mapping[str, Tensor], output: Tensor) -> None:
        """Backpropagate the weighed losses through `output` (batch, 1, samples); their graph is kept."""
        total = torch.zeros_like(output)
        whole = sum(self._weights[name] for name in losses)
        for name, loss in losses.items():
            (gradient,) = torch.autograd.grad(loss, output, retain_graph=True)
            norm = float(gradient.norm())
            self._norms[name] = STEADY * self._norms.get(name, norm) + (1 - STEADY) * norm
            total += self._weights[name] / whole * gradient / max(self._norms[name], 1e-12)
        output.backward(total, retain_graph=True)
