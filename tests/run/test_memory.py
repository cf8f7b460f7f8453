"""Memory: judges are there one at a time, and the most that was taken is said."""

from __future__ import annotations

import json
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import evalkit_fakes
import pytest

from evalkit.core.memory import peak_memory


def test_a_judge_is_gone_before_the_next_is_loaded(go: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five networks at once would take what the largest alone does not."""
    there: list[weakref.ref[Any]] = []
    at_load: list[int] = []

    def load(*arguments: Any, **named: Any) -> Any:
        at_load.append(sum(each() is not None for each in there))
        made = evalkit_fakes.load_embedder(*arguments, **named)
        there.append(weakref.ref(made))
        return made

    monkeypatch.setitem(sys.modules, "evalkit.embed.load", SimpleNamespace(load_embedder=load))
    outcome = go(["a", "b", "c"])
    assert len(at_load) >= 2 and set(at_load) == {0}
    assert all(each() is None for each in there)
    assert all(entry["value"] is not None or entry["warnings"] for entry in outcome.scores.values())


def test_the_most_that_was_taken_stands_in_the_record_and_in_no_digest(go: Any) -> None:
    outcome = go(["a", "b"])
    told = json.loads(outcome.plan.folder.run_json.read_text())
    assert 0 < told["memory"]["process"] <= peak_memory()["process"]
    assert "memory" not in json.dumps(told["identity"]) and "memory" not in told["finished"]


def test_the_peak_grows_with_what_is_taken() -> None:
    before = peak_memory()["process"]
    taken = bytearray(before // 2 + (200 << 20))
    taken[::4096] = b"x" * len(taken[::4096])
    assert peak_memory()["process"] > before
    del taken
    assert peak_memory()["process"] > before
