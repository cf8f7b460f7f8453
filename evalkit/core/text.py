"""Text from outside made harmless to look at: on a terminal, in a page, in a file.

Escaping for HTML, Markdown, CSV or XML is the business of whoever writes that format. This module only takes
care of what no escaping helps against: control characters, which move a terminal's cursor or recolour what
stands there, text that turns the direction of the line around, lone surrogates, characters that no XML may
hold, and prompts of a megabyte.
"""

from __future__ import annotations

LIMIT = 2000

# Embeddings, overrides and isolates of direction, and the two line separators that JavaScript once tripped over.
_DISRUPTIVE = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029)
_VISIBLE: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **dict.fromkeys((*range(0x80, 0xA0), 0xFFFE, 0xFFFF), "\ufffd"),
    **{code: f"[U+{code:04X}]" for code in _DISRUPTIVE},
}
_ESCAPED = {code: f"\\u{code:04x}" for code in _VISIBLE if code >= 0x7F}

_PLAIN = {
    "\u2193": "lower", "\u2191": "higher", "\u2013": "-", "\u2212": "-", "\u2026": "...", "\u00b7": "|", "\u00d7": "x",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2192": "->", "\u2264": "<=", "\u2265": ">=",
}  # fmt: skip
"""What stands in for evalkit's own signs where an output cannot carry them."""


def visible(text: str) -> str:
    """The text with its control characters made visible; newlines and tabs stay, a lone surrogate becomes `?`."""
    return text.translate(_VISIBLE).encode("utf-8", "replace").decode("utf-8")


def clean(value: object, limit: int = LIMIT) -> str:
    """`value` as text that is safe to look at: at most `limit` characters, control characters made visible.

    Newlines and tabs stay. None becomes "". A cut text says how long it was.
    """
    text = "" if value is None else str(value)
    cut = visible(text[:limit])
    return cut if len(text) <= limit else f"{cut}… ({len(text):,} characters)"


def one_line(value: object, limit: int = LIMIT) -> str:
    """`clean`, with every run of white space as one space."""
    return " ".join(clean(value, limit).split())


def escaped(json_text: str) -> str:
    """JSON text with the disruptive characters that JSON need not escape written as `\\uXXXX`: the same value."""
    kept = json_text.translate(_ESCAPED)
    return "".join(f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in kept)


def carried(text: str, encoding: str) -> str:
    """The text as an output in `encoding` can carry it: signs become words, other characters their escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_carried(char, encoding) for char in text)
    return text


def _carried(char: str, encoding: str) -> str:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return _PLAIN.get(char) or char.encode("ascii", "backslashreplace").decode("ascii")
    return char


def short_digest(value: str) -> str:
    """The first twelve digits of a hex digest; anything else as it is."""
    is_digest = len(value) >= 40 and all(char in "0123456789abcdef" for char in value)
    return value[:12] if is_digest else value


def count(n: int, noun: str) -> str:
    """A counted noun: "1 prompt", "64 prompts"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def part_of(part: int, whole: int, noun: str, one: str = "", many: str = "") -> str:
    """So many of all, with the verb `one` of them has, or `many` have: "1 of 10 prompts has", "1 of 1 prompt has"."""
    return " ".join(filter(None, (f"{part:,} of {count(whole, noun)}", one if part == 1 else many)))
