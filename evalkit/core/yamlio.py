"""YAML from outside, plain values only. An alias lets nine lines stand for a billion values, so there are none here."""

from __future__ import annotations

from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.limits import DEEPEST

MOST_BYTES = 1 << 20
"""The largest text; audiocraft's configs have 12 kB."""

MOST_VALUES = 50_000


def parse_yaml(text: str, where: object) -> Any:
    """The plain values of a YAML text. Raises UserError, naming `where`: not YAML, an anchor or alias, a type of
    Python's, too large, nested too deep. What the parser does is looked at step by step before anything is made of
    it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        reason = _too_much(text, yaml, loader)
        if not reason:
            return yaml.load(text, Loader=loader)  # noqa: S506 - a safe one either way
    except yaml.MarkedYAMLError as error:  # its text would repeat lines of the file
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        reason = f"{str(error.problem)[:120]}{line}"
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = type(error).__name__
    raise UserError(f"{where}: cannot be read as YAML: {reason}")


def _too_much(text: str, yaml: Any, loader: type) -> str:
    """Why the text is not to be loaded, or ""."""
    if len(text) > MOST_BYTES:
        return f"has more than {MOST_BYTES:,} characters"
    level = 0
    for count, event in enumerate(yaml.parse(text, Loader=loader)):
        if getattr(event, "anchor", None) is not None:
            return "holds an anchor or an alias, which can stand for any number of values"
        if count > MOST_VALUES:
            return f"holds more than {MOST_VALUES:,} values"
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > DEEPEST:
            return f"is nested deeper than {DEEPEST} levels"
    return ""
