"""Generators by the name that was typed: a registered one, `module:attribute`, `file.py:attribute`, `worker:FOLDER`."""

from __future__ import annotations

import inspect
from collections.abc import Container, Mapping
from contextlib import nullcontext
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.own_code import code_digest, is_evalkits
from evalkit.core.plugins import running
from evalkit.generators.base import GENERATORS, Generator
from evalkit.generators.contract import checked_spec
from evalkit.generators.folder import PREFIX
from evalkit.generators.worker import generator as worker


def load_generator(
    name: str, overrides: Mapping[str, Path], checkpoint: Path | None = None, random_weights: bool = False
) -> Generator:
    """The generator behind a registered name, `module:attribute` or `worker:FOLDER`, not yet loaded with weights.

    Raises UserError for what is mistyped, BrokenPlugin where code of somebody's own fails or is no generator.
    """
    generator = build_generator(name, overrides, checkpoint, random_weights)
    checked_spec(generator, name)
    return generator


def build_generator(
    name: str, overrides: Mapping[str, Path], checkpoint: Path | None = None, random_weights: bool = False
) -> Generator:
    """As `load_generator` does, without a look at what was built. Its factory is told what it has an argument for."""
    if "://" in name:
        raise UserError(f"--model {name}: a run opens no address", "worker:FOLDER is a model in a process of its own")
    if name in (PREFIX, worker.PREFIX):
        raise UserError(f"--model {name} names no folder", "is a variable not set?")
    if name.startswith(worker.PREFIX):
        _refuse_untaken(name, (), checkpoint, random_weights)
        return worker.from_name(name, overrides)
    factory = GENERATORS.load(name, typed=True)
    if not callable(factory):
        raise UserError(f"model {name!r} is not a function or class that makes a generator")
    with running(f"model {name!r} cannot be built") if not is_evalkits(factory) else nullcontext():
        takes = inspect.signature(factory).parameters
        _refuse_untaken(name, takes, checkpoint, random_weights)
        told = {"overrides": overrides, "checkpoint": checkpoint, "random_weights": random_weights}
        generator: Generator = factory(**{key: value for key, value in told.items() if key in takes})
    return generator


def own_code(name: str, generator: Generator) -> str | None:
    """Digest of the code of a model that is not evalkit's own: a corrected one makes other sounds."""
    if isinstance(generator, worker.Isolated):
        return generator.own_code
    return code_digest(GENERATORS.module(name, typed=True), generator)


def _refuse_untaken(name: str, takes: Container[str], checkpoint: Path | None, random_weights: bool) -> None:
    for option, asked in (("checkpoint", checkpoint is not None), ("random_weights", random_weights)):
        if asked and option not in takes:
            raise UserError(f"--{option.replace('_', '-')}: model {name!r} does not take it")
