"""The training loop: a killed run resumes to the same weights, and what ships can be read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from evalkit.checkpoints.tensors import read_tensors
from evalkit.core.errors import UserError
from evalkit.core.jsonio import read_lines
from evalkit.mini.train.loop import (
    CHECKPOINT,
    CURVE,
    LOG,
    Ema,
    Loop,
    Options,
    cosine,
    descend,
    draw_curves,
    set_rate,
    ship,
)


def options(out: Path, steps: int, seed: int = 0, minutes: float | None = None) -> Options:
    return Options(data=out, out=out, seed=seed, steps=steps, device="cpu", minutes=minutes)


def run(out: Path, steps: int, stop: int | None = None, seed: int = 0) -> tuple[nn.Module, nn.Module]:
    """Train a small network on noise; `stop` leaves it after that many steps, with a save but no end."""
    torch.manual_seed(3)
    net = nn.Linear(4, 1)
    ema = Ema(net, 0.9)
    optimizer = torch.optim.AdamW(net.parameters())
    modules = {"net": net, "ema": ema.module}
    loop = Loop(options(out, steps, seed), modules=modules, optimizers={"net": optimizer}, every=2)
    for step in loop:
        if step == stop:
            loop.save()
            break
        x = torch.from_numpy(loop.rng(step).standard_normal((8, 4))).float() + torch.randn(8, 4)
        set_rate(optimizer, 0.1 * cosine(step / 10))
        loss = (net(x) - x.sum(dim=1, keepdim=True)).square().mean()
        descend(optimizer, loss)
        ema.update(net, step)
        loop.log(step, {"loss": loss.item()})
    return net, ema.module


def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    """Optimizer state, averages and randomness all come back; the log has each step once."""
    whole, whole_average = run(tmp_path / "whole", 10)
    run(tmp_path / "parts", 10, stop=5)
    parts, average = run(tmp_path / "parts", 10)
    assert torch.equal(whole.weight, parts.weight)
    assert torch.equal(whole_average.weight, average.weight)
    assert [row["step"] for row in read_lines(tmp_path / "parts" / LOG)] == [2, 4, 6, 8, 10]
    assert (tmp_path / "parts" / CURVE).stat().st_size > 1000


def test_rows_logged_after_the_checkpoint_are_dropped_on_resume(tmp_path: Path) -> None:
    run(tmp_path, 10, stop=4)
    with (tmp_path / LOG).open("a") as file:
        file.write(json.dumps({"step": 6, "seconds": 1, "loss": 9}) + "\n")
    run(tmp_path, 10)
    assert [row["step"] for row in read_lines(tmp_path / LOG)] == [2, 4, 6, 8, 10]


def test_another_seed_does_not_take_up_the_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, 4)
    with pytest.raises(UserError, match="--seed 0"):
        run(tmp_path, 8, seed=1)


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    before, _ = run(tmp_path, 4)
    after, _ = run(tmp_path, 4)
    assert torch.equal(before.weight, after.weight)


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    loop = Loop(options(tmp_path, 4), modules={}, optimizers={})
    with pytest.raises(UserError, match="loss is not finite"):
        loop.note(0, {"loss": float("nan")})


def test_minutes_end_a_run(tmp_path: Path) -> None:
    net = nn.Linear(1, 1)
    loop = Loop(options(tmp_path, 10**6, minutes=1e-9), modules={"net": net}, optimizers={})
    assert list(loop) == []
    assert (tmp_path / CHECKPOINT).exists()


def test_a_step_is_as_long_as_its_gradient_up_to_a_limit() -> None:
    """A recipe that blows up by one bad batch is lost; one whose every step is cut short never arrives."""
    for most, moved in ((1.0, 1.0), (100.0, 50.0)):
        net = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(net.weight)
        norm = descend(torch.optim.SGD(net.parameters(), lr=1.0), 50 * net.weight.sum(), most)
        assert norm == pytest.approx(50)
        assert net.weight.item() == pytest.approx(-moved)


def test_the_schedule_rises_then_falls() -> None:
    assert cosine(0) < 0.01 < cosine(0.015) < cosine(0.03) == pytest.approx(1)
    assert cosine(1) == pytest.approx(0)


def test_what_ships_is_half_precision_with_its_config(tmp_path: Path) -> None:
    ship(tmp_path, nn.Linear(2, 2), {"width": 2})
    assert read_tensors(tmp_path / "model.safetensors")["weight"].dtype == torch.float16
    assert json.loads((tmp_path / "config.json").read_text()) == {"width": 2}


def test_no_curve_without_a_log(tmp_path: Path) -> None:
    draw_curves(tmp_path / LOG, tmp_path / CURVE)
    assert not (tmp_path / CURVE).exists()
