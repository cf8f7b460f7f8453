"""What every verb refuses of what was typed: an option that it does not have, an empty word, an option in the place of
another one's value, and a word that is no number where one is needed. Before it looks, what `evalkit.toml` says of the
verb stands in front of what was typed.

An empty word, and `--json` where the folder should be, are what a variable leaves behind that is not set: `--model
"$MODEL"`, `--out $OUT --json`. Neither may mean a default, the working folder, or nothing to do. A verb among `GATHERS`
gets the last kind of fault by `wrong_words`, a default in the word's place, and tells it with whatever else is wrong.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from evalkit.cli.defaults import NAME, words_of
from evalkit.cli.output import warn
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering, nearest, together

GATHERS = ("run", "generate", "score", "fetch", "models", "suites", "plan")
_WRONG: ContextVar[Gathering] = ContextVar("wrong words")
_USAGE: type[Exception] = typer.BadParameter.__mro__[1]
"""typer takes it from click or brings it along, by its version, and names it in neither."""

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
        """As ever, with the defaults of the working folder, once the words are in order. Raises UserError naming all
        unknown options; else all that is empty or missing, and all that is of a wrong form."""
        options = {
            word: param for param in self.params for word in (*param.opts, *param.secondary_opts) if word[0] == "-"
        }
        asks = self.get_help_option_names(ctx)
        _refuse_unknown(str(self.name), args, [*options, *asks])
        if not set(args) & set(asks):
            args = [*_defaults(str(self.name), options, args), *args]
        if ctx.resilient_parsing:  # a shell asks for completions
            return super().parse_args(ctx, args)
        wrong = Gathering()
        try:
            typed, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
        except _USAGE as error:  # an option at the end, without its value
            raise UserError(str(error), f"`evalkit {self.name} --help` lists its options") from None
        for param in self.params:
            given = typed.get(str(param.name))
            for word in given if isinstance(given, list | tuple) else [given]:
                if isinstance(word, str):
                    with wrong.look():
                        _require_value(_shown(param), word, set(options))
        wrong.settle()
        for param in sorted(self.get_params(ctx), key=lambda each: not each.is_eager):
            _read(ctx, param, typed, wrong)
        if rest:
            told = f"evalkit {self.name}: {' '.join(map(repr, rest))} is one word too many"
            wrong.add(UserError(told, "names with spaces want quotes"))
        unread = any(getattr(param, "required", False) and not ctx.params.get(param.name) for param in self.params)
        if self.name not in GATHERS or unread:
            wrong.settle()
        _WRONG.set(wrong)
        return []


def wrong_words() -> Gathering:
    """What was typed in a wrong form, for a verb among `GATHERS`: more is added, and the plan of the run tells all."""
    return _WRONG.get()


def names(option: str, typed: str, wrong: Gathering) -> list[str]:
    """The names of a comma-separated list, each once; `wrong` gets that one of them is empty."""
    found = [name.strip() for name in typed.split(",")]
    wrong.require(all(found), f"{option} {typed!r}: a name in it is empty", _HINT)
    return list(dict.fromkeys(filter(None, found)))


def _read(ctx: Any, param: Any, typed: Mapping[str, Any], wrong: Gathering) -> None:
    """Give a parameter its value; where its words are of a wrong form, its default, and keep the fault."""
    try:
        param.handle_parse_result(ctx, typed, [])
    except UserError as error:
        wrong.add(error)
    except typer.BadParameter as error:
        given = typed.get(param.name)
        told = (
            f"{_shown(param)} is missing" if given is None else f"{_shown(param)} {given!r}: {_needed(error.message)}"
        )
        wrong.add(UserError(told))
    else:
        return
    ctx.params[param.name] = None if getattr(param, "required", False) else param.get_default(ctx)


def _needed(message: str) -> str:
    """What is wrong with a word, in evalkit's words where it should be a number."""
    kinds = {"integer": "a whole number", "number": "a number", "or equal to 0": "at least 0", "x>=0": "at least 0"}
    needed = next((words for kind, words in kinds.items() if kind in message), "")
    return f"{needed} is needed" if needed else message


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
