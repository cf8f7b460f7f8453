"""The JSON beside a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evalkit.core.errors import BadCheckpoint, UserError
from evalkit.core.jsonio import read_json

_DEEPEST, _MOST_VALUES = 64, 50_000


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object. Raises BadCheckpoint, naming the file, where it is absent or another thing."""
    try:
        content = read_json(path)
    except UserError as error:
        raise BadCheckpoint(error.message, error.hint) from None
    if not isinstance(content, dict):
        raise BadCheckpoint(f"{path}: is not a JSON object")
    return content


def plain_values(path: Path, value: object, unwrap: Callable[[object], object] = lambda value: value) -> Any:
    """Tables, lists and plain values out of what a pickle holds; what is none of these, once unwrapped, is None.

    A pickle can hold one list in a thousand places, as an alias of YAML does, so they are counted as they come. Raises
    BadCheckpoint, naming `path`, for more than any config has.
    """
    left = _MOST_VALUES

    def plain(value: object, depth: int) -> Any:
        nonlocal left
        left -= 1
        if depth > _DEEPEST or left < 0:
            raise BadCheckpoint(f"{path}: its config is nested deeper, or larger, than any")
        value = unwrap(value)
        if isinstance(value, Mapping):
            return {str(key): plain(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [plain(each, depth + 1) for each in value]
        return value if isinstance(value, bool | int | float | str) else None

    return plain(value, 0)
