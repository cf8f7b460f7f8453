"""Calls into code that people bring along: whatever it raises is one line, and costs what was called alone."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from evalkit.core.errors import UserError
from evalkit.core.interrupts import heed
from evalkit.core.own_code import is_foreign, is_own
from evalkit.core.text import one_line

_LONGEST = 300
"""Characters of an exception's text that are told."""


class BrokenPlugin(UserError):
    """Code of somebody's own that raised, exited, or is not what it should be. It costs itself alone."""


@contextmanager
def running(what: str) -> Iterator[None]:
    """Whatever is raised in the block, `sys.exit` included, as a BrokenPlugin: `what`, the exception, and where.

    A UserError is the plug-in's own word, and passes, as Ctrl-C does.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        heed()
        raise BrokenPlugin(f"{what}: {described(error)}") from error


def described(error: BaseException) -> str:
    """An exception on one line, with the innermost place in the person's own code that it came through."""
    if isinstance(error, SystemExit):
        text = f"it calls sys.exit({error.code!r:.80})"
    else:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        text = f"{type(error).__name__}: {one_line(message, _LONGEST) or '(no message)'}"
    place = _place(error)
    return f"{text} ({place})" if place else text


def _place(error: BaseException) -> str:
    """`file, line N`, "" where the exception came through nobody's code but Python's and evalkit's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    passed = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    for belongs in (is_own, is_foreign):
        for file, line in reversed(passed):
            if belongs(file):
                return f"{file}, line {line}"
    return ""
