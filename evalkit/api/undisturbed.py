"""What evalkit does inside of somebody's training must not show there, nor the training in evalkit's figures."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch


@contextmanager
def same_draws() -> Iterator[None]:
    """The block draws no random number as far as anybody else can see: building a network draws its first weights."""
    devices = (
        list(range(torch.cuda.device_count())) if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    )
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - other people's generator
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def own_terms(device: str) -> Iterator[None]:
    """The block computes as in a process of evalkit's own: in float32 throughout, without autocast and the shortcuts in
    matrix products that a training may have chosen, on no default device."""
    kind = torch.device(device).type
    precision, default = torch.get_float32_matmul_precision(), torch.get_default_dtype()
    with ExitStack() as stack:
        stack.enter_context(torch.autocast("cpu", enabled=False))
        if kind != "cpu":
            stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if precision != "highest":
            torch.set_float32_matmul_precision("highest")
            stack.callback(torch.set_float32_matmul_precision, precision)
        if default != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, default)
        yield
