"""Networks without weights, for speed tests: whole, the same at every call, and with the towers' sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from evalkit_checkpoints import small_config, write_folder

from evalkit.checkpoints.find import open_checkpoint
from evalkit.core.errors import UserError
from evalkit.generators.stable_audio.random_weights import build_random, random_tower
from evalkit.generators.stable_audio.specs import KnownConfig, known_config
from evalkit.generators.stable_audio.variants import VARIANTS
from evalkit.nets.stable_audio.config import parse


@pytest.fixture
def known(tmp_path: Path) -> KnownConfig:
    return known_config(VARIANTS["stable-audio"], open_checkpoint(write_folder(tmp_path)), {})


def with_tower(name: str) -> KnownConfig:
    return KnownConfig(small_config(name), Path("small"), own=False)


def test_the_same_weights_at_every_call_and_no_trace_in_torchs_own_generator(known: KnownConfig) -> None:
    before = torch.random.get_rng_state()
    first, second = (build_random(known, "cpu", "float32").state_dict() for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(torch.isfinite(tensor).all() for tensor in first.values())


def test_the_shipped_tower_is_used_as_it_is(known: KnownConfig) -> None:
    config = parse(known.content, "small")
    text, mask = random_tower(known, config.text, {}, "cpu").read(["a dog barks"])
    assert text.shape == (1, 77, 128)
    assert 0 < mask.sum() < 77


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t5-small", "t5-base"])
def test_a_t5_of_the_published_size_stands_in(name: str) -> None:
    known = with_tower(name)
    config = parse({**known.content}, "small").text
    tower = random_tower(known, config, {}, "cpu")
    text, mask = tower.read(["a dog", "x" * 100])
    assert text.shape == (2, 16, {"t5-small": 512, "t5-base": 768}[name])
    assert mask.sum(1).tolist() == [5, 16]
    assert not text[0, 5:].any()
    again, _ = tower.read(["a dog"])
    assert torch.allclose(again[0], text[0], atol=1e-5)


def test_a_tower_of_unknown_size_is_refused_by_name() -> None:
    known = with_tower("google/ul2")
    with pytest.raises(UserError, match="google/ul2"):
        random_tower(known, parse(known.content, "small").text, {}, "cpu")
