"""Embedders by name: typing errors get the nearest name, missing weights say what to put where."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.core.errors import MissingWeights, UserError
from evalkit.embed.load import EMBEDDERS, load_embedder
from evalkit.fetch.weights import MINIS, PUBLISHED
from evalkit.mini.training import ship
from evalkit.nets.openl3 import OpenL3, OpenL3Config


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="openl3-mini"):
        load_embedder("openl3-mimi")


def test_every_name_is_one_that_can_be_located() -> None:
    """A name in one table only would fail after minutes of generating."""
    assert set(EMBEDDERS) <= {*MINIS, *PUBLISHED}


@pytest.mark.parametrize("name", ["openl3-env", "openl3-music", "passt", "clap"])
def test_published_weights_that_are_not_here_say_so(name: str) -> None:
    """Never a mini in their place."""
    with pytest.raises(MissingWeights, match=PUBLISHED[name].files[0]):
        load_embedder(name)


def test_an_override_is_loaded_in_the_place_of_the_shipped_weights(tmp_path: Path) -> None:
    config = OpenL3Config(n_mels=32, width=1, embedding=8)
    ship(tmp_path, OpenL3(config), config)
    assert load_embedder("openl3-mini", "cpu", {"openl3-mini": tmp_path}).spec.dimensions == 16


@pytest.mark.parametrize("name", ["openl3_audio_mel256_env.h5", "weights.pt"])
def test_a_published_format_is_refused_in_plain_words(tmp_path: Path, name: str) -> None:
    """Not a traceback, and no pickle is opened."""
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match="safetensors only"):
        load_embedder("passt", overrides={"passt": tmp_path / name})
