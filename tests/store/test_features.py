"""The feature cache: never a wrong or damaged feature."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.store.features import FeatureCache

DIGEST = "ab" + "0" * 62
FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    cache = FeatureCache(tmp_path, "key")
    cache.put(DIGEST, FEATURES)
    return cache


def test_what_was_kept_comes_back_bit_for_bit(cache: FeatureCache) -> None:
    found = cache.get(DIGEST)
    assert found is not None and found.dtype == np.float32 and np.array_equal(found, FEATURES)
    assert cache.path(DIGEST).relative_to(cache.folder) == Path("ab") / f"{DIGEST}.npy"


def test_another_embedder_or_content_misses(cache: FeatureCache, tmp_path: Path) -> None:
    assert FeatureCache(tmp_path, "other").get(DIGEST) is None and cache.get("cd" + "0" * 62) is None


def test_numpy_itself_reads_an_entry(cache: FeatureCache) -> None:
    assert np.array_equal(np.load(cache.path(DIGEST), allow_pickle=False), FEATURES)


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=60)
def test_one_flipped_byte_anywhere_is_noticed(position: int, change: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder), "key")
        cache.put(DIGEST, FEATURES)
        data = bytearray(cache.path(DIGEST).read_bytes())
        data[position % len(data)] ^= change
        cache.path(DIGEST).write_bytes(bytes(data))
        assert cache.get(DIGEST) is None


@pytest.mark.parametrize("length", [0, 1, 31, 32, 100, -1])
def test_a_truncated_entry_is_absent(cache: FeatureCache, length: int) -> None:
    cache.path(DIGEST).write_bytes(cache.path(DIGEST).read_bytes()[:length])
    assert cache.get(DIGEST) is None


def test_a_pickle_in_the_place_of_an_entry_is_not_opened(cache: FeatureCache, tmp_path: Path) -> None:
    import hashlib

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "exploded"),))  # type: ignore[return-value]

    body = pickle.dumps(Bomb())
    cache.path(DIGEST).write_bytes(body + hashlib.sha256(body).digest())
    assert cache.get(DIGEST) is None and not (tmp_path / "exploded").exists()
