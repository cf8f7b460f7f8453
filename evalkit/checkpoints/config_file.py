"""The JSON beside a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.jsonio import read_json


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises BadCheckpoint, naming the file, where it is absent or another thing."""
    try:
        content = read_json(path)
    except UserError as error:
        raise BadCheckpoint(error.message, error.hint) from None
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path}: is not a JSON object")
    return content
