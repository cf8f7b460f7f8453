"""What the rules of a model, a metric or an embedder find: one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What one rule found: `ok` is None where it could not be tried, as something before it broke."""

    rule: str
    ok: bool | None
    detail: str


def not_tried(rules: Sequence[str], why: str = "not tried") -> list[Finding]:
    """A finding for each of these rules, which nothing could be said of."""
    return [Finding(rule, None, why) for rule in rules]
