"""What every verb refuses of what was typed: an empty word, and an option in the place of another one's value.

Both are what a variable leaves behind that is not set: `--model "$MODEL"` is an empty word, and `--out $OUT --json`
has `--json` where the folder should be. Neither may mean a default, the working folder, or nothing to do.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from evalkit.core.errors import UserError

_HINT = "is a variable not set?"


class Verb(TyperCommand):
    """The command of one verb."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever, once no word is empty. Raises UserError naming the first option or argument that is."""
        typed, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        options = {word for param in self.params for word in (*param.opts, *param.secondary_opts) if word[0] == "-"}
        for param in self.params:
            given = typed.get(str(param.name))
            for word in given if isinstance(given, list | tuple) else [given]:
                if isinstance(word, str):
                    _require_value(_shown(param), word, options)
        return super().parse_args(ctx, args)


def names(option: str, typed: str) -> list[str]:
    """The names of a comma-separated list, each once. Raises UserError where one of them is empty."""
    found = [name.strip() for name in typed.split(",")]
    if not all(found):
        raise UserError(f"{option} {typed!r}: a name in it is empty", _HINT)
    return list(dict.fromkeys(found))


def _require_value(name: str, word: str, options: set[str]) -> None:
    if not word.strip():
        raise UserError(f"{name} is empty", _HINT)
    if word in options:
        raise UserError(f"{name} has no value: it is followed by {word}", _HINT)


def _shown(param: Any) -> str:
    """`--out` of an option, `RUN` of an argument."""
    words = [word for word in param.opts if word.startswith("--")]
    return str(words[0]) if words else str(param.metavar or param.name).upper()
