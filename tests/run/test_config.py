"""Words of the command line into a config."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.run.config import RunConfig, parse_changes, parse_weights, require_device, resolve_device


def test_values_are_numbers_where_they_look_like_numbers() -> None:
    assert parse_changes(["steps=50", "cfg=6.5", "sampler=dpmpp-2m", "flag=true", "name=a=b"]) == {
        "steps": 50,
        "cfg": 6.5,
        "sampler": "dpmpp-2m",
        "flag": True,
        "name": "a=b",
    }


def test_nan_stays_a_word_that_the_generator_can_refuse() -> None:
    """NaN in a run's identity would be invalid JSON and so a crash."""
    assert parse_changes(["cfg=NaN"]) == {"cfg": "NaN"}


@pytest.mark.parametrize("pair", ["steps", "=5", "steps="])
def test_a_malformed_pair_is_named(pair: str) -> None:
    with pytest.raises(UserError, match="key=value"):
        parse_changes([pair])


def test_weights_must_be_there(tmp_path: Path) -> None:
    assert parse_weights([f"passt={tmp_path}"]) == {"passt": tmp_path.resolve()}
    with pytest.raises(UserError, match="no such file"):
        parse_weights([f"passt={tmp_path}/none"])


def test_impossible_numbers_and_dtypes_are_refused() -> None:
    for wrong in ({"limit": 0}, {"batch_size": 0}, {"dtype": "int8"}):
        with pytest.raises(UserError):
            RunConfig(**wrong)  # type: ignore[arg-type]


def test_an_explicit_device_is_kept_and_an_impossible_one_is_one_line() -> None:
    assert resolve_device("cuda:1") == "cuda:1" and resolve_device("auto") in ("cpu", "cuda")
    require_device("cpu")
    with pytest.raises(UserError, match="--device nonsense"):
        require_device("nonsense")
