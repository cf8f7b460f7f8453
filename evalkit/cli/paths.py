"""Paths on the command line: every option and argument that is one reads it by `typed`."""

from __future__ import annotations

from pathlib import Path

import typer

from evalkit.core import paths
from evalkit.core.errors import UserError


def typed(text: str) -> Path:
    """A parser for typer: the path with `~` expanded."""
    try:
        return paths.typed(text)
    except UserError as error:
        raise typer.BadParameter(str(error)) from None
