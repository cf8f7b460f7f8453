"""A key that nothing reads is a setting that was silently not made."""

from __future__ import annotations

import pytest

from evalkit.core.errors import UserError
from evalkit.core.faults import Faults, Section, refuse_unknown, together


def test_all_unknown_keys_are_one_error_each_with_its_nearest() -> None:
    first = Section("[a]", {"weights": 1, "wieghts": 2}, ("weights", "reference"))
    second = Section("", {"refrence": {}, "a": {}}, ("a", "reference"))
    with pytest.raises(UserError) as caught:
        refuse_unknown("x.toml", first, second)
    assert caught.value.message == "x.toml: unknown keys 'wieghts' in [a], 'refrence'"
    hints = "did you mean weights instead of 'wieghts'?; did you mean reference instead of 'refrence'?"
    assert caught.value.hint == hints


def test_what_is_known_and_what_is_no_table_passes() -> None:
    refuse_unknown("x.toml", Section("", {"a": 1}, ("a", "b")), Section("[b]", 7, ()), Section("[c]", None, ()))


def test_a_file_of_a_thousand_long_keys_is_told_in_one_short_line() -> None:
    """Its keys are whatever a stranger wrote: 10 MB of them must not be printed, nor compared letter by letter."""
    table = {f"{'k' * 100_000}{number}\n": 1 for number in range(1000)}
    with pytest.raises(UserError) as caught:
        refuse_unknown("x.toml", Section("", table, ("kind",)))
    assert len(str(caught.value)) < 2000 and "\n" not in str(caught.value)
    assert "and 992 more" in caught.value.message


def test_readers_of_one_file_tell_their_faults_together() -> None:
    def fail(message: str, hint: str = "") -> None:
        raise UserError(f"x.toml: {message}", hint)

    with pytest.raises(UserError) as caught:
        together(lambda: 1, lambda: fail("one", "do this"), lambda: fail("two"), lambda: fail("three", "do this"))
    assert (caught.value.message, caught.value.hint) == ("x.toml: one; two; three", "do this")
    assert together(lambda: 1, lambda: "a") == [1, "a"]


def test_what_begins_with_no_file_loses_no_letter() -> None:
    """`--limit 0` after `--yes agrees` was told as `-limit 0`."""
    assert str(Faults([UserError("--yes is vain"), UserError("--limit 0: no")])) == "--yes is vain; --limit 0: no"
    assert str(Faults([UserError("a.toml: x"), UserError("a.toml: y")])) == "a.toml: x; y"
