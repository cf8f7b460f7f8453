"""Small pieces of HTML for a notebook's cell; whatever text goes in is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from evalkit.core.text import clean


class Html:
    """What a cell shows, piece by piece; `str` of it is the HTML."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def line(self, text: str) -> Html:
        """A line of text; "" adds none."""
        if text:
            self._parts.append(f"<div>{_text(text)}</div>")
        return self

    def add(self, html: str) -> Html:
        """HTML as `table` makes it."""
        self._parts.append(html)
        return self

    def folded(self, title: str, html: str) -> Html:
        """HTML that opens with a click on its title."""
        return self.add(f"<details><summary>{_text(title)}</summary>{html}</details>")

    def __str__(self) -> str:
        return "".join(self._parts)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table, or nothing where there are no rows; None is an empty cell."""
    if not rows:
        return ""
    head = "".join(f"<th>{_text(each)}</th>" for each in headers)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: object) -> str:
    return escape(clean(value))
