"""The adversary of the codec's recipe, and the balancer."""

from __future__ import annotations

import pytest
import torch

from evalkit.mini.train.critic import Balancer, Critic, critic_loss, maker_losses


def test_a_loss_has_its_share_of_the_gradient_whatever_its_scale() -> None:
    """Without it, a loss a thousand times as large would be the only one."""
    output = torch.zeros(1, 1, 8, requires_grad=True)
    sound = output * 1.0
    terms = {"one": 1000 * sound[..., :4].sum(), "other": sound[..., 4:].sum()}
    Balancer({"one": 1.0, "other": 3.0}).backward(terms, sound)
    assert output.grad is not None
    shares = [float(half.norm()) for half in output.grad.split(4, dim=2)]
    assert shares == pytest.approx([0.25, 0.75])


def test_the_critic_learns_to_tell_noise_from_tones() -> None:
    torch.manual_seed(0)
    critic = Critic()
    time = torch.arange(8000) / 16000
    real = torch.sin(2 * torch.pi * torch.tensor([[[300.0]], [[500.0]]]) * time)
    made = 0.5 * torch.randn_like(real)
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    before = critic_loss(critic, real, made).item()
    for _ in range(20):
        loss = critic_loss(critic, real, made)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7 * before


def test_a_perfect_copy_pays_nothing_for_its_features() -> None:
    torch.manual_seed(0)
    sound = torch.randn(2, 1, 4000)
    _, features = maker_losses(Critic(), sound, sound.clone())
    assert features.item() == 0
