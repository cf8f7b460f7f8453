"""A generator's spec and answers are looked at when they are read: one line with the field, the value, and what it
should be, for all faults at once."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import own_models
import pytest

from evalkit.core.jsonio import write_json
from evalkit.core.plugins import BrokenPlugin
from evalkit.generators.base import GENERATORS, GenBatch, GeneratorSpec
from evalkit.generators.contract import answer_fault, checked_spec, clock_fault, require_methods

NAN = float("nan")


class Holder:
    """A generator with this spec."""

    def __init__(self, **changes: Any) -> None:
        self.spec = replace(own_models.spec(), **changes)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("sample_rate", 16000.0, "a whole number of 1 or more"),
        ("sample_rate", "16000", "a whole number of 1 or more"),
        ("sample_rate", 0, "a whole number"),
        ("sample_rate", True, "a whole number"),
        ("sample_rate", None, "a whole number"),
        ("sample_rate", np.float64(16000), "a whole number"),
        ("channels", 0, "a whole number"),
        ("channels", 2.0, "a whole number"),
        ("batch_size", 0, "a whole number of 1 or more"),
        ("batch_size", -1, "a whole number"),
        ("batch_size", None, "a whole number"),
        ("max_seconds", 0, "a number above 0"),
        ("max_seconds", NAN, "a number above 0"),
        ("max_seconds", "30", "a number above 0"),
        ("window_seconds", -1.0, "a number above 0 or None"),
        ("parameters", 1e9, "a whole number of 0 or more or None"),
        ("size", "ful", "did you mean full"),
        ("size", "large", "one of 'mini', 'full', 'none', 'random'"),
        ("size", None, "one of"),
        ("name", "", "text that is not empty"),
        ("name", None, "text"),
        ("family", 3, "text"),
        ("licence", None, "text"),
        ("weights", b"12", "text that is not empty or None"),
        ("gated", "no", "True or False"),
        ("needs", "t5", "a tuple of texts"),
        ("files", [1], "a tuple of texts"),
        ("default_preset", "fast", "the name of a preset"),
        ("presets", [], "a mapping"),
        ("presets", {"p": [1]}, "a mapping"),
        ("presets", {"p": {"k": np.zeros(3)}}, "a plain value"),
        ("presets", {"p": {"k": NAN}}, "a plain value"),
        ("presets", {1: {}}, "a mapping"),
        ("further", {"k": object()}, "a plain value"),
        ("further", {"k": {"deep": {1, 2}}}, "a plain value"),
    ],
)
def test_a_wrong_field_is_one_line_that_names_it(field: str, value: object, expected: str) -> None:
    with pytest.raises(BrokenPlugin) as raised:
        checked_spec(Holder(**{field: value}), "my:Model")  # type: ignore[arg-type]
    told = str(raised.value)
    assert "my:Model" in told and field in told and f"expected {expected}" in told.replace("; did", ", expected did")
    assert "\n" not in told


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BrokenPlugin) as raised:
        checked_spec(Holder(sample_rate=16000.0, channels=0, size="ful"), "m")  # type: ignore[arg-type]
    assert all(each in str(raised.value) for each in ("sample_rate", "channels", "size"))


def test_numpys_numbers_become_pythons(tmp_path: Any) -> None:
    spec = checked_spec(own_models.Numpy(), "m")
    assert [type(each) for each in (spec.sample_rate, spec.parameters, spec.max_seconds, spec.gated)] == [
        int, int, float, bool,
    ]  # fmt: skip
    write_json(tmp_path / "spec.json", asdict(spec))


def test_every_field_is_looked_at() -> None:
    """A field that is added to the spec and not to its check would be the next one that nobody looks at."""
    for field in fields(GeneratorSpec):
        with pytest.raises(BrokenPlugin, match=field.name):
            checked_spec(Holder(**{field.name: object()}), "m")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", GENERATORS.names())
def test_every_model_of_evalkits_own_has_a_spec_that_is_taken_as_it_is(name: str) -> None:
    generator = GENERATORS.load(name)()
    assert checked_spec(generator, name) == generator.spec
    require_methods(generator)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (own_models.SpecDict(), "its spec is a dict, expected a GeneratorSpec"),
        (own_models.SpecNone(), "has no `spec`"),
        (own_models.SpecRaises(), "OSError: no config.json"),
        (object(), "has no `spec`"),
    ],
)
def test_what_is_no_spec_is_named(model: Any, told: str) -> None:
    with pytest.raises(BrokenPlugin, match=told):
        checked_spec(model, "m")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (None, "returned None, expected a GenBatch"),
        ((8000, []), "returned a tuple"),
        (np.zeros((2, 1, 3)), "returned a ndarray"),
        (GenBatch(None, 8000, {}), "audio is None"),  # type: ignore[arg-type]
        (GenBatch(iter([1, 2]), 8000, {}), "audio is a list_iterator"),  # type: ignore[arg-type]
        (GenBatch([], 8000, {}), "0 sounds for 2 prompts"),
        (GenBatch([1, 2], 8000, {}, memory=5), "memory is a int"),  # type: ignore[list-item, arg-type]
        (GenBatch([1, 2], 8000, {}), ""),  # type: ignore[list-item]
        (GenBatch(np.zeros((2, 1, 3)), 8000, {}), ""),  # type: ignore[arg-type]
    ],
)
def test_an_answer_that_is_none_is_named(made: object, told: str) -> None:
    fault = answer_fault(made, 2)
    assert told in fault and bool(told) == bool(fault)


@pytest.mark.parametrize(
    "timings", [None, [1.0], {"a": NAN}, {"a": -1}, {"a": "1"}, {"a": None}, {1: 2.0}, {"a": True}]
)
def test_a_clock_that_shows_no_seconds_is_named(timings: object) -> None:
    assert "timings" in clock_fault(timings)
    assert clock_fault({"sample": np.float32(0.5), "decode": 0}) == ""
