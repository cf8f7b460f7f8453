"""Embedders by the name of their weights."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from evalkit.core.errors import unknown_name
from evalkit.embed.base import Embedder
from evalkit.fetch.weights import locate

EMBEDDERS = {
    "openl3-mini": "evalkit.embed.openl3:load",
    "passt-mini": "evalkit.embed.passt:load",
    "clap-mini": "evalkit.embed.clap:load",
    "openl3-env": "evalkit.embed.openl3:load",
    "openl3-music": "evalkit.embed.openl3:load",
    "passt": "evalkit.embed.passt:load",
    "clap": "evalkit.embed.clap:load",
}
"""Weights name -> the function (name, path, device) -> Embedder of its family."""


def load_embedder(name: str, device: str = "cpu", overrides: Mapping[str, Path] | None = None) -> Embedder:
    """The embedder of the weights called `name`, on a torch device; `overrides` are `--weights NAME=PATH`.

    Raises UserError with the nearest names for an unknown one, MissingWeights or BadCheckpoint.
    """
    if name not in EMBEDDERS:
        raise unknown_name("embedder", name, EMBEDDERS)
    path = locate(name, overrides or {})
    module, _, function = EMBEDDERS[name].partition(":")
    embedder: Embedder = getattr(importlib.import_module(module), function)(name, path, device)
    return embedder
