"""Where a run's work is done, by what was asked for: in this process, or by workers."""

from __future__ import annotations

from collections.abc import Callable

from evalkit.core.threads import environment
from evalkit.execute.base import Executor
from evalkit.execute.inline import Inline
from evalkit.execute.pool import Processes
from evalkit.execute.workers import Workers
from evalkit.run.config import RunConfig


def executor_of(config: RunConfig, tell: Callable[[str], object] = lambda text: None) -> Executor:
    """The executor of a run; no process is started before there is work. `tell` hears of machines that are left out."""
    if not is_shared(config):
        return Inline(config.device)
    if config.ray is not None:
        from evalkit.execute.ray import Actors

        around = environment(config.threads)
        return Workers(Actors(config.ray, config.device, config.resources, config.workers, around, tell))
    return Workers(Processes(devices_of(config) or [], environment(config.threads)))


def aside(config: RunConfig) -> Workers:
    """One worker on this machine's processors, for what is loaded to be looked at before the work: so a process that
    leaves its work to others never holds a network."""
    return Workers(Processes(["cpu"], environment(config.threads)))


def is_shared(config: RunConfig) -> bool:
    """Is a run's work done by workers? One that ends early looks at what was made before each batch, in order."""
    return config.until is None and (config.ray is not None or devices_of(config) is not None)


def devices_of(config: RunConfig) -> list[str] | None:
    """The device of each worker; None where the work is done in this process: as long as nobody asks for workers, and
    there are not several devices."""
    devices = list(config.devices)
    if not devices and config.device == "cuda":
        import torch

        visible = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        devices = visible if len(visible) > 1 else []
    if not devices and config.workers is None:
        return None
    devices = devices or [config.device]
    return [devices[place % len(devices)] for place in range(config.workers or len(devices))]
