"""How `models check`, `metrics check` and `embedders check` tell what they found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from evalkit.cli.output import print_json, print_table, say
from evalkit.core.errors import UserError

if TYPE_CHECKING:
    from evalkit.run.findings import Finding


def checked_name(name: str | None, checked: str | None, kind: str) -> bool:
    """Was `check NAME` typed? Raises UserError for `check` alone, and for two names."""
    if name == "check":
        if checked is None:
            raise UserError(f"evalkit {kind}s check: which {kind}?", f"evalkit {kind}s check NAME")
        return True
    if checked is not None:
        raise UserError(f"evalkit {kind}s {name} {checked}: one name at a time", f"evalkit {kind}s check {checked}?")
    return False


def tell(kind: str, name: str, found: Sequence[Finding], as_json: bool) -> None:
    """Print what was found of the `kind` of thing called `name`, and leave with exit code 1 where a rule is broken."""
    broken = [each.rule for each in found if each.ok is False]
    if as_json:
        rules = [{"rule": each.rule, "ok": each.ok, "detail": each.detail} for each in found]
        print_json({kind: name, "rules": rules, "broken": broken})
    else:
        words = {True: "kept", False: "BROKEN", None: "-"}
        print_table(["rule", "", "what was found"], [[each.rule, words[each.ok], each.detail] for each in found])
        say(f"{name} breaks {', '.join(broken)}" if broken else f"{name} keeps them all")
    if broken:
        raise typer.Exit(1)
