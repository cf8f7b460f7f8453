"""How much a text of brackets may hold, seen before it is parsed: the parsers of JSON and TOML call themselves for
every level, and take a hundred bytes of memory for one of the text's."""

from __future__ import annotations

from itertools import accumulate

DEEPEST = 64
"""Levels of a file of settings or numbers; nothing known has more than a dozen."""

MOST_VALUES = 2_000_000
"""Values of one file. A baseline of ten metrics over 100,000 prompts has half of them."""

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(code for code in range(256) if code not in _STEPS)


def depth(text: bytes) -> int:
    """How deep the brackets of a text are nested, whatever stands between them; strings must have been taken out."""
    return max(accumulate(_STEPS[code] for code in text.translate(None, _OTHERS)), default=0)
