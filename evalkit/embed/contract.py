"""What evalkit looks at before it relies on an embedder of somebody's own: its spec, and what it returns.

Its features are cached by content, for every run to come; so its code is part of who it is, and what is no feature is
told here, with its place, before it is kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.core.errors import UserError
from evalkit.core.fields import Fields
from evalkit.core.ids import digest_json
from evalkit.core.plugins import BrokenPlugin, running
from evalkit.embed.base import Embedder, EmbedderSpec, Features


def build(factory: Callable[..., Any], name: str, device: str, path: Path | None) -> object:
    """What a class or function of somebody's own makes; it is told what it has an argument for: `device`, and
    `weights`, the path of `--weights NAME=PATH` or None.

    Raises UserError where there is such a path and no argument for it, BrokenPlugin where it fails.
    """
    if not callable(factory):
        raise UserError(f"embedder {name!r} is not a class or function that makes an embedder")
    with running(f"embedder {name!r} cannot be built"):
        takes = inspect.signature(factory).parameters
        if path is not None and "weights" not in takes:
            raise UserError(f"--weights {name}={path}: this embedder does not take it", "it has no argument `weights`")
        told = {"device": device, "weights": path}
        return factory(**{key: value for key, value in told.items() if key in takes})


def checked(embedder: object, name: str, code: str | None) -> Embedder:
    """The embedder behind a look at all that it returns; `code` is the digest of its code.

    Raises BrokenPlugin, which tells all that is wrong with its spec.
    """
    spec = _checked_spec(embedder, name)
    if not callable(getattr(embedder, "embed", None)):
        raise BrokenPlugin(f"embedder {name!r}: {type(embedder).__name__} has no embed()")
    identity = digest_json([spec.family, spec.weights, dict(spec.settings), code])
    reads = callable(getattr(embedder, "embed_text", None))
    return (_CheckedText if reads else _Checked)(embedder, name, replace(spec, weights=identity))


def _checked_spec(embedder: object, name: str) -> EmbedderSpec:
    with running(f"embedder {name!r}: its spec cannot be read"):
        spec: object = getattr(embedder, "spec", None)
    if not isinstance(spec, EmbedderSpec):
        told = "has no `spec`" if spec is None else f"its spec is a {type(spec).__name__}"
        raise BrokenPlugin(f"embedder {name!r}: {told}, expected an EmbedderSpec")
    fields = Fields(spec)
    values: dict[str, Any] = {
        "name": fields.text("name"),
        "family": fields.text("family"),
        "dimensions": fields.whole("dimensions", 1),
        "weights": fields.text("weights"),
        "settings": fields.options("settings"),
    }
    if fields.faults:
        raise BrokenPlugin(f"embedder {name!r}: its spec is not as it should be: {'; '.join(fields.faults)}")
    return replace(spec, **values)


class _Checked:
    """An embedder of somebody's own. What it raises, and what it returns that is no feature, is a BrokenPlugin."""

    def __init__(self, embedder: Any, name: str, spec: EmbedderSpec) -> None:
        self._embedder, self._name, self.spec = embedder, name, spec

    def embed(self, clips: Sequence[Clip]) -> list[Features]:
        """One float32 (frames, dimensions) per clip, finite."""
        with running(f"embedder {self._name!r}: embed() failed"):
            made: object = self._embedder.embed(clips)
        fault = answer_fault(made, len(clips), self.spec.dimensions)
        if fault:
            raise BrokenPlugin(f"embedder {self._name!r}: embed() returned {fault}")
        return [np.array(each) for each in made]  # type: ignore[attr-defined]


class _CheckedText(_Checked):
    """One that reads text, too."""

    def embed_text(self, texts: Sequence[str]) -> Features:
        """float32 (texts, dimensions), finite."""
        with running(f"embedder {self._name!r}: embed_text() failed"):
            made: Any = self._embedder.embed_text(texts)
        fault = rows_fault(made, self.spec.dimensions) or (
            f"{len(made)} rows for {len(texts)} texts" if len(made) != len(texts) else ""
        )
        if fault:
            raise BrokenPlugin(f"embedder {self._name!r}: embed_text() returned {fault}")
        rows: Features = made
        return rows


def answer_fault(made: Any, count: int, dimensions: int) -> str:
    """What is wrong with the answer to a call for `count` clips, "" where nothing is."""
    if not isinstance(made, list | tuple | np.ndarray):
        return f"{_named(made)}, expected a list of one array per clip"
    if len(made) != count:
        return f"{len(made)} arrays for {count} clip{'s' * (count > 1)}"
    return next((fault for each in made if (fault := rows_fault(each, dimensions))), "")


def rows_fault(rows: Any, dimensions: int) -> str:
    """What is wrong with features, "" where nothing is."""
    if not isinstance(rows, np.ndarray):
        return f"{_named(rows)}, expected a numpy array"
    if rows.dtype != np.float32 or rows.ndim != 2 or not len(rows) or rows.shape[1] != dimensions:
        return f"{rows.dtype} {rows.shape}, expected float32 (frames, {dimensions})"
    return "" if np.isfinite(rows).all() else "NaN or infinity"


def _named(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
