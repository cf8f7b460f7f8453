"""Embedders by the name of their weights."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from evalkit.core.errors import unknown_name
from evalkit.embed.base import Embedder
from evalkit.fetch.weights import WITHOUT_FILE, locate

EMBEDDERS = {
    "openl3-mini": "evalkit.embed.openl3:load",
    "passt-mini": "evalkit.embed.passt:load",
    "clap-mini": "evalkit.embed.clap:load",
    "openl3-env": "evalkit.embed.openl3:load",
    "openl3-music": "evalkit.embed.openl3:load",
    "passt": "evalkit.embed.passt:load",
    "clap": "evalkit.embed.clap:load",
    "clap-music": "evalkit.embed.clap:load",
    "clap-music-speech": "evalkit.embed.clap:load",
    "clap-music-speech-audioset": "evalkit.embed.clap:load",
    "sound": "evalkit.embed.sound:load",
}
"""Weights name -> the function (name, path, device) -> Embedder of its family; path is None where there is no file.

CLAP's takes `overrides` too, as some of its weights come without their tokenizer.
"""


def load_embedder(name: str, device: str = "cpu", overrides: Mapping[str, Path] | None = None) -> Embedder:
    """The embedder of the weights called `name`, on a torch device; `overrides` are `--weights NAME=PATH`.

    Raises UserError with the nearest names for an unknown one, MissingWeights or BadCheckpoint.
    """
    if name not in EMBEDDERS:
        raise unknown_name("embedder", name, EMBEDDERS)
    chosen = overrides or {}
    path = None if name in WITHOUT_FILE else locate(name, chosen)
    module, _, function = EMBEDDERS[name].partition(":")
    more = (chosen,) if module == "evalkit.embed.clap" else ()
    embedder: Embedder = getattr(importlib.import_module(module), function)(name, path, device, *more)
    return embedder
