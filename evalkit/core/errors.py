"""Errors a person can act on.

Every error that a user can cause is a :class:`UserError`: the command line prints its one line and its
way out, without a traceback, and exits with 2. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EvalkitError(Exception):
    """Root of evalkit's own errors."""


class UserError(EvalkitError):
    """Something the person at the keyboard can put right.

    `message` says in one line what is wrong, naming the file or option; `hint` says the way out.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class MissingWeights(UserError):
    """A checkpoint that is not on this machine; the hint says which file to put where, and its licence."""


class BadCheckpoint(UserError):
    """A checkpoint that is here but cannot be used; the message names the file and the tensors."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not registered, with the nearest known ones."""
    names = sorted(set(known))
    close = close_names(name, names)
    return UserError(
        f"no {kind} is called {name!r}", f"did you mean {close}?" if close else f"known: {', '.join(names)}"
    )


def close_names(name: str, known: Iterable[str]) -> str:
    """The known names nearest to a mistyped one, as `a or b`; "" where none is near."""
    return " or ".join(difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5))
