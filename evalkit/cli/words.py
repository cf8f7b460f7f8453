"""What every verb refuses of what was typed: an option that it does not have, an empty word, and an option in the place
of another one's value. Before it looks, what `evalkit.toml` says of the verb stands in front of what was typed.

The last two are what a variable leaves behind that is not set: `--model "$MODEL"` is an empty word, and `--out $OUT
--json` has `--json` where the folder should be. Neither may mean a default, the working folder, or nothing to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from typer.core import TyperCommand
from typer.main import get_command

from evalkit.cli.defaults import NAME, words_of
from evalkit.cli.output import warn
from evalkit.core.errors import UserError
from evalkit.core.faults import nearest, together

_HINT = "is a variable not set?"
_ELSEWHERE = {
    "--output": "--out", "--output-dir": "--out", "--output-path": "--out", "-o": "--out", "--num-samples": "--samples",
    "--n-samples": "--samples", "--num-prompts": "--limit", "--n": "--limit", "--max-samples": "--limit",
    "--ref": "--reference", "--references": "--reference", "--gt": "--reference", "--captions": "--prompts",
    "--csv": "--prompts", "--metrics": "--metric", "--steps": "--set steps=N", "--cfg": "--set cfg_scale=X",
    "--cfg-scale": "--set cfg_scale=X", "--guidance": "--set cfg_scale=X", "--task": "--suite", "--tasks": "--suite",
    "--ckpt": "--checkpoint", "--gpu": "--device cuda", "--cpu": "--device cpu", "--fp16": "--dtype float16",
    "--precision": "--dtype", "--threshold": "--tolerance", "--silent": "--quiet", "--force": "--retry-failed",
}  # fmt: skip
"""What other programs call what is called so here."""


class Verb(TyperCommand):
    """The command of one verb."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever, with the defaults of the working folder, once the words are in order. Raises UserError naming an
        unknown option, or the first option or argument that is empty."""
        options = {
            word: param for param in self.params for word in (*param.opts, *param.secondary_opts) if word[0] == "-"
        }
        asks = self.get_help_option_names(ctx)
        _refuse_unknown(str(self.name), args, [*options, *asks])
        if not set(args) & set(asks):
            args = [*_defaults(str(self.name), options, args), *args]
        typed, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for param in self.params:
            given = typed.get(str(param.name))
            for word in given if isinstance(given, list | tuple) else [given]:
                if isinstance(word, str):
                    _require_value(_shown(param), word, set(options))
        return super().parse_args(ctx, args)


def names(option: str, typed: str) -> list[str]:
    """The names of a comma-separated list, each once. Raises UserError where one of them is empty."""
    found = [name.strip() for name in typed.split(",")]
    if not all(found):
        raise UserError(f"{option} {typed!r}: a name in it is empty", _HINT)
    return list(dict.fromkeys(found))


def _defaults(verb: str, options: Mapping[str, Any], args: Sequence[str]) -> list[str]:
    """What the working folder's file has for this verb, told."""
    words = words_of(verb, options, args, Path())
    if words:
        warn(f"{NAME}: {shlex.join(words)}")
    return words


def _refuse_unknown(verb: str, args: Sequence[str], known: Sequence[str]) -> None:
    """Raises UserError with every option that the verb does not have, and what may be meant by each."""
    ended = args.index("--") if "--" in args else len(args)
    words = [word.partition("=")[0] for word in args[:ended] if word.startswith("--") or word in _ELSEWHERE]
    together(*(partial(_refuse_option, verb, word, known) for word in dict.fromkeys(words) if word not in known))


def _refuse_option(verb: str, word: str, known: Sequence[str]) -> None:
    meant = _ELSEWHERE.get(word, "")
    owners = [other for other in _verbs_with(word) if other != verb]
    near = nearest(word[2:], [each[2:] for each in known if each.startswith("--")])
    if meant.split(" ")[0] in known:
        hint = f"did you mean {meant}?"
    elif owners:
        hint = f"it is an option of {', '.join(owners)}"
    elif near:
        hint = f"did you mean --{near.replace(' or ', ' or --')}?"
    else:
        hint = f"`evalkit {verb} --help` lists its options"
    raise UserError(f"evalkit {verb} has no option {word}", hint)


def _verbs_with(word: str) -> list[str]:
    """The verbs that have this option. All of them are imported for it, which an error may cost."""
    from evalkit.cli.main import build

    group: Any = get_command(build())
    return [verb for verb, each in group.commands.items() if any(word in param.opts for param in each.params)]


def _require_value(name: str, word: str, options: set[str]) -> None:
    if not word.strip():
        raise UserError(f"{name} is empty", _HINT)
    if word in options:
        raise UserError(f"{name} has no value: it is followed by {word}", _HINT)


def _shown(param: Any) -> str:
    """`--out` of an option, `RUN` of an argument."""
    words = [word for word in param.opts if word.startswith("--")]
    return str(words[0]) if words else str(param.metavar or param.name).upper()
