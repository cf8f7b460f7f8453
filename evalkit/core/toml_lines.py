"""On which line of a TOML file a key stands; Python's own reader of TOML does not say.

Only the outline of a text is read here, that of one which the reader has accepted: names, where strings end, and which
brackets hold what.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from contextlib import suppress

KeyPath = tuple[str | int, ...]
"""The names that lead to a key, and the places in lists on the way, counted from 0."""

_VOID = re.compile(r"[ \t\r\n]*(?:#[^\n]*[ \t\r\n]*)*")
_BLANK = re.compile(r"[ \t]*+")
_BARE = re.compile(r"[A-Za-z0-9_-]++")
# Loops within loops are written out, as possessive ones match wrongly in Python before 3.11.5 (gh-101955).
_STRING = re.compile(
    r'"""[^"\\]*(?:(?:\\.|"{1,2}(?!"))[^"\\]*)*"{3,5}|\'\'\'[^\']*(?:\'{1,2}(?!\')[^\']*)*\'{3,5}'
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\[\]{}\n#]++")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_CONTROLS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def key_lines(text: str) -> dict[KeyPath, int]:
    """The first line, counted from 1, of every key and table of a TOML text; of a text that is none, of those before
    the place where it ends to be some."""
    outline = _Outline(text)
    with suppress(_NoTomlError):
        outline.read()
    return outline.lines


class _NoTomlError(Exception):
    pass


class _Outline:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._elements: dict[KeyPath, int] = {}
        self.lines: dict[KeyPath, int] = {}

    def read(self) -> None:
        table: KeyPath = ()
        while self._after(_VOID) < len(self._text):
            if self._takes("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        """The table that `[a.b]` or `[[a.b]]` opens; where a list of tables lies on the way, its last one is meant."""
        many, line = self._takes("["), self._line()
        names = self._key()
        here: KeyPath = ()
        for place, name in enumerate(names, start=1):
            here += (name,)
            self.lines.setdefault(here, line)
            if many and place == len(names):
                self._elements[here] = self._elements.get(here, -1) + 1
            if here in self._elements:
                here += (self._elements[here],)
                self.lines.setdefault(here, line)
        self._must("]]" if many else "]")
        return here

    def _pair(self, table: KeyPath) -> None:
        line, here = self._line(), table
        for name in self._key():
            here += (name,)
            self.lines.setdefault(here, line)
        self._must("=")
        self._after(_BLANK)
        self._value(here)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._after(_BLANK)
            token = self._token(_BARE) or self._token(_STRING)
            if not token:
                raise _NoTomlError
            names.append(_name(token))
            self._after(_BLANK)
            if not self._takes("."):
                return names

    def _value(self, here: KeyPath) -> None:
        if self._takes("["):
            self._inside("]", here, is_list=True)
        elif self._takes("{"):
            self._inside("}", here, is_list=False)
        elif not (self._token(_STRING) or self._token(_PLAIN)):
            raise _NoTomlError

    def _inside(self, end: str, here: KeyPath, is_list: bool) -> None:
        place = 0
        self._after(_VOID)
        while not self._takes(end):
            if is_list:
                self._value((*here, place))
            else:
                self._pair(here)
            place += 1
            self._after(_VOID)
            if not self._takes(","):
                self._must(end)
                return
            self._after(_VOID)

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1

    def _takes(self, sign: str) -> bool:
        found = self._text.startswith(sign, self._at)
        self._at += len(sign) * found
        return found

    def _must(self, sign: str) -> None:
        if not self._takes(sign):
            raise _NoTomlError

    def _token(self, form: re.Pattern[str]) -> str:
        found = form.match(self._text, self._at)
        self._at = self._at if found is None else found.end()
        return "" if found is None else found.group()

    def _after(self, form: re.Pattern[str]) -> int:
        self._token(form)
        return self._at


def _name(token: str) -> str:
    """The name behind a bare or quoted key."""
    if token.startswith('"'):
        return _ESCAPE.sub(_unescaped, token[1:-1])
    return token[1:-1] if token.startswith("'") else token


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    return chr(int(digits, 16)) if digits else _CONTROLS.get(found[3], found[3])
