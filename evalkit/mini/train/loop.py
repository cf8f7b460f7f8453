"""What the training recipes share: a resumable loop, its log and curve, EMA, a schedule, and shipping.

    loop = Loop(options, modules={"net": net, "ema": ema.module}, optimizers={"net": optimizer})
    for step in loop:                       # from the checkpoint, where `out` has one
        rng = loop.rng(step)                # the step's own randomness: a resumed run draws the same
        set_rate(optimizer, 1e-3 * cosine(loop.progress))
        ...
        descend(optimizer, loss)
        loop.log(step, {"loss": loss.item()})
    ship(out, ema.module, config)

A checkpoint is one safetensors file whose header carries the loop's state as JSON, so weights, optimizer
and step always belong together; it is replaced atomically, and nothing is ever unpickled.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import safetensors.torch
import torch
from numpy.random import Generator as Rng
from safetensors import safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from evalkit.checkpoints.tensors import load_into, read_tensors
from evalkit.core.errors import UserError
from evalkit.core.files import write_bytes
from evalkit.core.jsonio import append_line, read_lines, write_json

CHECKPOINT, LOG, CURVE = "checkpoint.safetensors", "log.jsonl", "loss.png"
_SAVE_SECONDS = 60.0
Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Options:
    """The command line that every recipe has; `minutes` (None: no limit) ends a run early, and its schedule too.

    `vae` is the folder of a trained autoencoder, for recipes that build on one.
    """

    data: Path
    out: Path
    seed: int
    steps: int
    device: str
    minutes: float | None
    vae: Path | None = None


def read_options(
    description: str, steps: int, arguments: Sequence[str] | None = None, *, needs_vae: bool = False
) -> Options:
    """Parse `--data DIR --out DIR [--seed N --steps N --device NAME --minutes M]`, and `--vae DIR` if needed."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings with its clips.csv")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoint, log, curve and weights go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, help="stop after this long; the learning rate falls by the clock")
    if needs_vae:
        parser.add_argument("--vae", type=Path, required=True, help="output folder of the autoencoder's recipe")
    found = parser.parse_args(arguments)
    vae = found.vae if needs_vae else None
    return Options(found.data, found.out, found.seed, found.steps, found.device, found.minutes, vae)


class Loop:
    """Steps `0 .. steps - 1`, resumed from `out/checkpoint.safetensors`, logged to `out/log.jsonl`.

    Everything that must survive a kill is named in `modules` (EMA copies too) and `optimizers`. With `minutes`,
    the loop ends when it has run that long in all; `progress` is then by the clock where that is ahead of the
    steps, so a run is the same for the same seed only without `minutes`.
    """

    def __init__(
        self,
        options: Options,
        *,
        modules: Mapping[str, nn.Module],
        optimizers: Mapping[str, Optimizer],
        every: int = 50,
    ) -> None:
        """Restores the checkpoint where there is one. Raises UserError where it was made with another seed."""
        self.out, self.seed, self.steps, self.minutes = options.out, options.seed, options.steps, options.minutes
        self.every = every
        self._modules, self._optimizers = dict(modules), dict(optimizers)
        self.step, self._before = 0, 0.0
        self._started = self._saved = time.monotonic()
        self._window: dict[str, list[float]] = {}
        self.out.mkdir(parents=True, exist_ok=True)
        self.restore()

    @property
    def seconds(self) -> float:
        """Wall time spent, earlier sessions included."""
        return self._before + time.monotonic() - self._started

    @property
    def progress(self) -> float:
        """How much of the run is over, in [0, 1]."""
        by_clock = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(max(self.step / max(self.steps, 1), by_clock), 1.0)

    def rng(self, step: int) -> Rng:
        """The randomness of one step, from (seed, step) alone; torch is seeded with it too (dropout, noise)."""
        torch.manual_seed((self.seed << 32) + step)
        return np.random.default_rng([self.seed, step])

    def __iter__(self) -> Iterator[int]:
        while self.step < self.steps and self.progress < 1:
            yield self.step
            self.step += 1
            if time.monotonic() - self._saved > _SAVE_SECONDS:
                self.save()
        self.save()
        draw_curves(self.out / LOG, self.out / CURVE)

    def save(self) -> None:
        """Write the checkpoint atomically."""
        tensors: dict[str, Tensor] = {}
        for name, module in self._modules.items():
            tensors |= {f"module/{name}/{key}": value for key, value in module.state_dict().items()}
        for name, optimizer in self._optimizers.items():
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{name}/{index}/{key}": torch.as_tensor(value) for key, value in state.items()}
        state = {"step": self.step, "seed": self.seed, "seconds": self.seconds}
        # Copies: safetensors refuses tensors that share memory, as tied weights do.
        plain = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
        write_bytes(self.out / CHECKPOINT, safetensors.torch.save(plain, {"loop": json.dumps(state)}))
        self._saved = time.monotonic()

    def restore(self) -> None:
        """Take up the checkpoint in `out`; nothing happens where there is none."""
        path = self.out / CHECKPOINT
        if not path.exists():
            return
        tensors = read_tensors(path)
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["loop"])
        if state["seed"] != self.seed:
            raise UserError(f"{path}: was made with --seed {state['seed']}", "take that seed or another --out")
        for name, module in self._modules.items():
            load_into(module, _below(tensors, f"module/{name}/"), path)
        for name, optimizer in self._optimizers.items():
            _restore_optimizer(optimizer, _below(tensors, f"optimizer/{name}/"))
        self.step, self._before = int(state["step"]), float(state["seconds"])
        kept = [row for row in read_lines(self.out / LOG) if row is not None and row["step"] <= self.step]
        write_bytes(self.out / LOG, "".join(json.dumps(row) + "\n" for row in kept).encode())

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Take a step's scalars; every `every` steps their means are printed with an ETA and written to the log."""
        for name, value in scalars.items():
            self._window.setdefault(name, []).append(float(value))
        if (step + 1) % self.every == 0:
            means = {name: float(np.mean(values)) for name, values in self._window.items()}
            self._window.clear()
            self.note(step, means)

    def note(self, step: int, scalars: Mapping[str, float]) -> None:
        """Print and log these scalars now (figures on held-out data). NaN ends the run: it does not heal."""
        bad = [name for name, value in scalars.items() if not math.isfinite(value)]
        if bad:
            raise UserError(f"step {step}: {', '.join(bad)} is not finite", "train with a lower rate or another seed")
        append_line(self.out / LOG, {"step": step + 1, "seconds": round(self.seconds, 1), **scalars})
        shown = "  ".join(f"{name} {value:.4g}" for name, value in scalars.items())
        print(f"step {step + 1}/{self.steps}  {shown}  {self._eta(step)}", flush=True)

    def _eta(self, step: int) -> str:
        done = max(self.progress, (step + 1) / self.steps, 1e-6)
        left = self.seconds * (1 - done) / done
        return f"{self.seconds / 60:.1f} min, {max(left, 0.0) / 60:.1f} left"


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


class Ema(Generic[Net]):
    """A moving average of a network's parameters (and a copy of its buffers), in `module`."""

    def __init__(self, source: Net, decay: float = 0.999) -> None:
        self.decay = decay
        self.module: Net = copy.deepcopy(source).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, source: nn.Module, step: int) -> None:
        """Move towards `source`; early on the average is short, so that the start is forgotten."""
        decay = min(self.decay, (step + 1) / (step + 10))
        for average, current in zip(self.module.parameters(), source.parameters(), strict=True):
            average.lerp_(current, 1 - decay)
        for copied, newest in zip(self.module.buffers(), source.buffers(), strict=True):
            copied.copy_(newest)


def cosine(progress: float, warmup: float = 0.03) -> float:
    """The learning rate as a share of its peak: a linear rise over `warmup`, then half a cosine down to 0."""
    if progress < warmup:
        return max(progress, 1e-3 * warmup) / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def set_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def descend(optimizer: Optimizer, loss: Tensor, most: float = 1.0) -> float:
    """One step down, the gradient's norm over all that `optimizer` moves held to `most`; the norm that it had."""
    optimizer.zero_grad()
    loss.backward()
    moved = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    norm = nn.utils.clip_grad_norm_(moved, most)
    optimizer.step()
    return float(norm)


def draw_curves(log: Path, picture: Path) -> None:
    """One panel per logged scalar over steps, as PNG; nothing is written where the log is empty."""
    rows = [row for row in read_lines(log) if row is not None]
    names = sorted({name for row in rows for name in row} - {"step", "seconds"})
    if not names:
        return
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(4 * min(len(names), 3), 2.6 * -(-len(names) // 3)), layout="tight")
    for index, name in enumerate(names):
        axis = figure.add_subplot(-(-len(names) // 3), min(len(names), 3), index + 1)
        points = [(row["step"], row[name]) for row in rows if name in row]
        axis.plot(*zip(*points, strict=True), linewidth=1)
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("step", fontsize=8)
    figure.savefig(picture, dpi=90)


def ship(out: Path, module: nn.Module, config: object, without: Collection[str] = ()) -> None:
    """Write `out/model.safetensors` (fp16) and `out/config.json`, the files that go into the package.

    `config` is a frozen dataclass or a mapping of plain JSON values; `without` names tensors that follow from it.
    """
    tensors = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().clone().contiguous()
        for name, value in module.state_dict().items()
        if name not in without
    }
    write_bytes(out / "model.safetensors", safetensors.torch.save(tensors, {"format": "pt"}))
    write_json(out / "config.json", config if isinstance(config, Mapping) else asdict(config))  # type: ignore[call-overload]
