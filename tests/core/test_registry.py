"""Names on the command line: found, suggested, or typed as module:attribute."""

from __future__ import annotations

import pytest

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.registry import Registry

NAMES = Registry(
    "model", "evalkit.nothing", {"join": "os.path:join", "broken": "no.such.module:x", "gone": "os:nothing"}
)


def test_a_name_is_loaded_and_so_is_a_typed_target() -> None:
    import os.path

    assert NAMES.load("join") is os.path.join and NAMES.load("os.path:split") is os.path.split


def test_a_misspelt_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean join"):
        NAMES.load("jion")


@pytest.mark.parametrize("name", ["broken", "gone", "no.such:thing"])
def test_what_cannot_be_imported_says_why_without_a_traceback(name: str) -> None:
    with pytest.raises(UserError, match="cannot be loaded"):
        NAMES.load(name)


def test_a_module_that_is_nowhere_says_where_it_is_looked_for() -> None:
    """Whoever types the README's `own_model:Whistle` in another folder needs the way out."""
    with pytest.raises(UserError, match="packages and in the folder that you are in; PYTHONPATH=FOLDER"):
        NAMES.load("no.such:thing", typed=True)
    with pytest.raises(UserError, match="packages and not in the folder that you are in; PYTHONPATH=FOLDER"):
        NAMES.load("no.such:thing")


def test_without_a_near_name_all_are_listed() -> None:
    assert "known: a, b" in str(unknown_name("thing", "zzz", ["b", "a"]))
