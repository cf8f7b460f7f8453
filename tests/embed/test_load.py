"""Embedders by name: typing errors get the nearest name, missing weights say what to put where."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from evalkit.core.errors import BadCheckpoint, MissingWeights, UserError
from evalkit.embed.base import EMBEDDERS, family_of
from evalkit.embed.load import load_embedder
from evalkit.fetch.weights import MINIS, PUBLISHED, WITHOUT_FILE
from evalkit.mini.train.loop import ship
from evalkit.nets.openl3 import OpenL3, OpenL3Config
from evalkit.protocols.base import weights_in


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="openl3-mini"):
        load_embedder("openl3-mimi")


def test_every_name_is_one_that_can_be_located() -> None:
    """A name in one table only would fail after minutes of generating."""
    own = {name for name, target in EMBEDDERS.targets().items() if target.startswith("evalkit.")}
    assert own and {weights_in(name) for name in own} <= {*MINIS, *PUBLISHED, *WITHOUT_FILE}


def test_the_family_of_a_name_is_the_one_that_its_embedder_states() -> None:
    """It is what refuses FD-OpenL3 of another network's features before that network is loaded."""
    for name in (*MINIS, *WITHOUT_FILE):
        if name in EMBEDDERS.names():
            assert load_embedder(name).spec.family == family_of(name)
    assert family_of("mine.py:Mine") == family_of("stable-audio-mini") == ""


@pytest.mark.parametrize("name", ["openl3-env", "openl3-music", "passt", "clap"])
def test_published_weights_that_are_not_here_say_so(name: str) -> None:
    """Never a mini in their place."""
    with pytest.raises(MissingWeights, match=PUBLISHED[name].files[0]):
        load_embedder(name)


def test_an_override_is_loaded_in_the_place_of_the_shipped_weights(tmp_path: Path) -> None:
    config = OpenL3Config(n_mels=32, width=1, embedding=8)
    ship(tmp_path, OpenL3(config), config)
    assert load_embedder("openl3-mini", "cpu", {"openl3-mini": tmp_path}).spec.dimensions == 16


@pytest.mark.parametrize("name", ["openl3_audio_mel256_env.h5", "weights.onnx"])
def test_another_familys_format_is_refused_in_plain_words(tmp_path: Path, name: str) -> None:
    """Not a traceback."""
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match=r"of none of the formats .*PaSST's published \.pt"):
        load_embedder("passt", overrides={"passt": tmp_path / name})


@pytest.mark.parametrize("name", ["passt", "clap"])
def test_a_pickle_that_is_no_checkpoint_is_refused_in_plain_words(tmp_path: Path, name: str) -> None:
    """The published suffix does not make an error page a checkpoint."""
    (tmp_path / "weights.pt").write_bytes(b"<html>Not found</html>")
    with pytest.raises(BadCheckpoint, match="not a whole torch checkpoint"):
        load_embedder(name, overrides={name: tmp_path / "weights.pt"})


def test_claps_tokenizer_can_be_named_apart(tmp_path: Path) -> None:
    """`--weights clap_tokenizer=PATH` reaches the loader of LAION's files: a wrong path is reported, not ignored."""
    width = {"audio_branch.patch_embed.proj.weight": torch.ones(96, 1, 4, 4)}
    depths = ((stage, block) for stage, depth in enumerate((2, 2, 6, 2)) for block in range(depth))
    names = {f"audio_branch.layers.{s}.blocks.{b}.norm1.weight": torch.ones(1) for s, b in depths}
    torch.save({"state_dict": width | names}, tmp_path / "laion.pt")
    overrides = {"clap": tmp_path / "laion.pt", "clap_tokenizer": tmp_path / "nowhere"}
    with pytest.raises(MissingWeights, match="clap_tokenizer"):
        load_embedder("clap", overrides=overrides)
