"""Errors in the words of whoever called: `limit 0` from Python, where the command line has `--limit 0`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from evalkit.core.errors import UserError
from evalkit.core.files import refusal

_WORDS = re.compile(r"evalkit [a-z]+[^;,)]*|--([a-z][a-z-]*)")
"""A command to be typed, which stays as it is, or an option by itself."""

_OTHERWISE = {"set": "options", "metric": "metrics", "tolerance": "tolerances"}
"""The options whose parameter has another name."""


@contextmanager
def parameters_named() -> Iterator[None]:
    """A UserError of the block (or of the decorated function) names parameters, where it named options; and what a disk
    refused becomes one."""
    try:
        yield
    except UserError as error:
        error.message, error.hint = named(error.message), named(error.hint)
        error.args = (error.message,)
        raise
    except OSError as error:
        raise refusal(error) or error from error


def named(text: str) -> str:
    """The text with options of the command line as parameters: `--batch-size 0` is `batch_size 0`."""

    def word(found: re.Match[str]) -> str:
        option = found[1]
        return found[0] if option is None else _OTHERWISE.get(option, option.replace("-", "_"))

    return _WORDS.sub(word, text)
