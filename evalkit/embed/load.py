"""Embedders by the name of their weights, or by their code."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from evalkit.core.own_code import code_digest
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed import contract
from evalkit.embed.base import EMBEDDERS, Embedder, is_own
from evalkit.fetch.weights import WITHOUT_FILE, locate

_OF_SEVERAL = ("evalkit.embed.clap", "evalkit.embed.msclap", "evalkit.embed.vggish")
"""Modules whose loaders take `overrides`, as their weights may come without a tokenizer or a PCA."""


def load_embedder(
    name: str, device: str = "cpu", overrides: Mapping[str, Path] | None = None, typed: bool = False
) -> Embedder:
    """The embedder of the weights called `name`, or behind a `module:attribute` or `file.py:attribute`, on a torch
    device; `overrides` are `--weights NAME=PATH`, `typed` is as :class:`Registry` has it.

    Raises UserError with the nearest names for an unknown one, MissingWeights or BadCheckpoint; BrokenPlugin where
    somebody's own fails.
    """
    factory = EMBEDDERS.load(name, typed)
    chosen = overrides or {}
    if is_own(name):
        made = contract.build(factory, name, device, chosen.get(name))
        return contract.checked(made, name, code_digest(EMBEDDERS.module(name, typed), factory, made))
    path = None if name in WITHOUT_FILE else locate(name, chosen)
    more = (chosen,) if EMBEDDERS.target(name).startswith(_OF_SEVERAL) else ()
    embedder: Embedder = factory(name, path, device, *more)
    return embedder


def embedder_code(name: str) -> str | None:
    """Digest of the code of an embedder of somebody's own, which is imported for it, so that a `version` on it counts;
    one that cannot be imported is known by its files."""
    objects: list[object] = []
    with suppress(BrokenPlugin):
        objects.append(EMBEDDERS.load(name))
    return code_digest(EMBEDDERS.module(name), *objects)
