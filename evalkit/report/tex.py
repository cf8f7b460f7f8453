"""Text as LaTeX that typesets what it says and does nothing else.

Everything that comes out is printable ASCII. A letter with an accent is written as the accent's command, so it does not
depend on how a document reads its input; other characters go through `PREAMBLE`'s one command, which prints them
under XeLaTeX and LuaLaTeX and their code point under pdfLaTeX. Characters that would steer a reader (control
characters, changes of direction) are always written as their code point.
"""

from __future__ import annotations

import re
import unicodedata

PREAMBLE = (
    r"\ifdefined\evalkitchar\else\protected\def\evalkitchar#1{\ifdefined\Umathchar\char"
    '"#1\\relax\\else{\\ttfamily U+#1}\\fi}\\fi'
)
"""Defines the command for characters that pdfLaTeX has no letter for; a document may define its own before it."""

_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': "''", "[": "{[}", "]": "{]}", "*": "{*}",
    "\u00a0": "~", "\u2013": "--", "\u2014": "---", "\u2018": "`", "\u2019": "'", "\u201c": "``", "\u201d": "''",
    "\u2026": r"\dots{}", "\u2212": "$-$", "\u00d7": r"$\times$", "\u00b1": r"$\pm$", "\u00b7": r"$\cdot$",
    "\u00b0": r"$^{\circ}$", "\u2193": r"$\downarrow$", "\u2191": r"$\uparrow$", "\u2264": r"$\leq$",
    "\u2265": r"$\geq$", "\u00b5": r"$\mu$", "\u03bc": r"$\mu$", "\u00df": r"{\ss}", "\u00e6": r"{\ae}",
    "\u00c6": r"{\AE}", "\u00f8": r"{\o}", "\u00d8": r"{\O}", "\u0153": r"{\oe}", "\u0152": r"{\OE}",
    "\u0142": r"{\l}", "\u0141": r"{\L}", "\u0131": r"{\i}",
}  # fmt: skip
_APART = "\n"
"""Stands between two hyphens until they are written, as they would become a dash; no other line end is left by then."""
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030a": "r", "\u0327": "c",
    "\u030c": "v", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u030b": "H",
}  # fmt: skip


def plainly_escaped(text: str) -> str:
    """`escaped` for what is read without `PREAMBLE`, as the list of tables is: every other character's code point."""
    return re.sub(r"\\evalkitchar\{([0-9A-F]+)\}", r"U+\1", escaped(text))


def escaped(text: str) -> str:
    """`text` for the text of a paragraph, a table's cell or a caption; white space of any kind becomes one space."""
    flat = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(map(_escaped, re.sub("-(?=-)", f"-{_APART}", flat)))


def _escaped(char: str) -> str:
    if char == _APART:
        return "{}"
    if char in _SIGNS:
        return _SIGNS[char]
    if " " <= char <= "~":
        return char
    parts = unicodedata.normalize("NFD", char)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    code = f"{ord(char):04X}"
    return f"U+{code}" if unicodedata.category(char).startswith("C") else f"\\evalkitchar{{{code}}}"
