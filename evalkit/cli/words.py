"""What every verb refuses of what was typed: an option that it does not have, an empty word, an option in the place of
another one's value, and a word that is no number where one is needed. Before it looks, what `evalkit.toml` says of the
verb stands in front of what was typed.

An empty word, and `--json` where the folder should be, are what a variable leaves behind that is not set: `--model
"$MODEL"`, `--out $OUT --json`. Neither may mean a default, the working folder, or nothing to do. A verb among `GATHERS`
gets the faults by `wrong_words`, defaults in the words' places, and tells them with whatever else is wrong.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from evalkit.cli.defaults import NAME, words_of
from evalkit.cli.output import warn
from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering, nearest, refuse

GATHERS = (
    "run", "generate", "score", "fetch", "models", "suites", "plan", "check", "report", "compare", "agree", "listen",
    "verify", "codec", "bundle", "trend", "metrics", "detect",
)  # fmt: skip
_WRONG: ContextVar[Gathering] = ContextVar("wrong words")
_USAGE: type[Exception] = typer.BadParameter.__mro__[1]
"""typer takes it from click or brings it along, by its version, and names it in neither."""

_HINT = "is a variable not set?"
_OPTION = re.compile(r"--?[A-Za-z]")
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
        """As ever, with the defaults of the working folder. All that is wrong with the words is gathered, and raised
        here as one UserError for a verb that does not gather, where a word is empty, or needed and not there."""
        options = {
            word: param for param in self.params for word in (*param.opts, *param.secondary_opts) if word[0] == "-"
        }
        asks, wrong = self.get_help_option_names(ctx), Gathering()
        words = _without_strangers(str(self.name), args, options, asks, wrong)
        doubtful = bool(wrong.errors)  # what looks like an argument may be the value of a mistyped option
        if set(words) & set(asks):
            wrong.settle()
        else:
            words = [*_defaults(str(self.name), options, words, wrong), *words]
        if ctx.resilient_parsing:  # a shell asks for completions
            return super().parse_args(ctx, words)
        _WRONG.set(wrong)
        typed, rest = _parsed(self, ctx, words, wrong)
        blank = _blank(self.params, typed, set(options), wrong)
        for param in sorted(self.get_params(ctx), key=lambda each: not each.is_eager):
            known = param.name in blank or _may_be_there(param, typed, doubtful)
            _read(ctx, param, typed, Gathering() if known else wrong)
        if rest and not doubtful:
            told = f"evalkit {self.name}: {' '.join(map(repr, rest))} is one word too many"
            wrong.add(UserError(told, "names with spaces want quotes"))
        unread = any(getattr(param, "required", False) and not ctx.params.get(param.name) for param in self.params)
        if self.name not in GATHERS or unread or blank:  # nobody knows what an unset variable was to say
            wrong.settle()
        return []

    def invoke(self, ctx: Any) -> Any:
        """As ever; what a verb raises is told with what was wrong with its words."""
        wrong = wrong_words()
        if wrong.errors:
            with wrong.look():
                super().invoke(ctx)
            refuse(wrong.errors)
        return super().invoke(ctx)


def wrong_words() -> Gathering:
    """What was typed in a wrong form, for a verb among `GATHERS`: more is added, and the plan of the run tells all."""
    return _WRONG.get()


def names(option: str, typed: str, wrong: Gathering) -> list[str]:
    """The names of a comma-separated list, each once; `wrong` gets that one of them is empty."""
    found = [name.strip() for name in typed.split(",")]
    wrong.require(all(found), f"{option} {typed!r}: a name in it is empty", _HINT)
    return list(dict.fromkeys(filter(None, found)))


def _parsed(verb: Any, ctx: Any, words: Sequence[str], wrong: Gathering) -> tuple[dict[str, Any], list[str]]:
    """(what was given of each parameter, what is left over). Options that stand wrongly are kept, and left out."""
    while True:
        try:
            typed, rest, _ = verb.make_parser(ctx).parse_args(args=list(words))
            return typed, rest
        except _USAGE as error:  # an option at the end, without its value, or a flag with one
            wrong.add(UserError(str(error), f"`evalkit {verb.name} --help` lists its options"))
            name = str(getattr(error, "option_name", ""))
            fewer = [word for word in words if not name or not word.startswith(name)]
            if len(fewer) == len(words):
                wrong.settle()
            words = fewer


def _blank(params: Sequence[Any], typed: dict[str, Any], options: Collection[str], wrong: Gathering) -> set[str]:
    """The names of parameters with a word that is none, which is kept, and taken out of what was `typed`."""
    found = set()
    for param in params:
        given = typed.get(str(param.name))
        known = len(wrong.errors)
        for word in given if isinstance(given, list | tuple) else [given]:
            if isinstance(word, str):
                with wrong.look():
                    _require_value(_shown(param), word, options)
        if len(wrong.errors) > known:
            found.add(str(param.name))
            del typed[str(param.name)]
    return found


def _may_be_there(param: Any, typed: Mapping[str, Any], doubtful: bool) -> bool:
    """Is this an argument of which nobody can say that it is missing?"""
    return doubtful and param.param_type_name == "argument" and not typed.get(str(param.name))


def _read(ctx: Any, param: Any, typed: Mapping[str, Any], wrong: Gathering) -> None:
    """Give a parameter its value; where its words are of a wrong form, its default, and keep the fault."""
    try:
        param.handle_parse_result(ctx, typed, [])
    except UserError as error:
        wrong.add(error)
    except typer.BadParameter as error:
        for word in _of_wrong_form(ctx, param, typed.get(param.name)):
            wrong.add(_wrong_form(param, word, error))
    else:
        return
    ctx.params[param.name] = None if getattr(param, "required", False) else param.get_default(ctx)


def _of_wrong_form(ctx: Any, param: Any, given: Any) -> list[Any]:
    """What was typed, or of an option that is typed several times the words of a wrong form."""

    def is_wrong(word: Any) -> bool:
        try:
            param.process_value(ctx, [word])
        except typer.BadParameter:
            return True
        return False

    return [word for word in given if is_wrong(word)] if isinstance(given, list | tuple) else [given]


def _wrong_form(param: Any, given: Any, error: typer.BadParameter) -> UserError:
    if given is None:
        return UserError(f"{_shown(param)} is missing")
    return UserError(f"{_shown(param)} {given!r}: {_needed(error.message)}")


def _needed(message: str) -> str:
    """What is wrong with a word, in evalkit's words where it should be a number."""
    kinds = {"integer": "a whole number", "number": "a number", "or equal to 0": "at least 0", "x>=0": "at least 0"}
    needed = next((words for kind, words in kinds.items() if kind in message), "")
    return f"{needed} is needed" if needed else message


def _defaults(verb: str, options: Mapping[str, Any], args: Sequence[str], wrong: Gathering) -> list[str]:
    """What the working folder's file has for this verb, told."""
    words = words_of(verb, options, args, Path(), wrong)
    if words:
        warn(f"{NAME}: {shlex.join(words)}")
    return words


def _without_strangers(
    verb: str, args: Sequence[str], options: Mapping[str, Any], asks: Sequence[str], wrong: Gathering
) -> list[str]:
    """The words without options that the verb does not have, each with the word that seems to be its value; `wrong`
    gets each, and what may be meant by it."""
    known = [*options, *asks]
    kept, ended, left = [], False, list(args)
    while left:
        word = left.pop(0)
        name, _, value = word.partition("=")
        ended = ended or word == "--"
        if ended or name in known or not (name.startswith("--") or name in _ELSEWHERE):
            kept.append(word)
            continue
        with wrong.look():
            _refuse_option(verb, name, known)
        if left and not value and not _OPTION.match(left[0]) and not getattr(_meant(name, options), "is_flag", False):
            left.pop(0)
    return kept


def _meant(name: str, options: Mapping[str, Any]) -> Any:
    """The parameter that a mistyped option may be; None where none is near."""
    near = nearest(name, [each for each in options if each.startswith("--")]).partition(" or ")[0]
    return options.get(_ELSEWHERE.get(name, near))


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


def _require_value(name: str, word: str, options: Collection[str]) -> None:
    if not word.strip():
        raise UserError(f"{name} is empty", _HINT)
    if word in options:
        raise UserError(f"{name} has no value: it is followed by {word}", _HINT)


def _shown(param: Any) -> str:
    """`--out` of an option, `RUN` of an argument."""
    words = [word for word in param.opts if word.startswith("--")]
    return str(words[0]) if words else str(param.metavar or param.name).upper()
