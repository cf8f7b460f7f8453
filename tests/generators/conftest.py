"""What several tests of generators ask for."""

from __future__ import annotations

import pytest

from evalkit.generators.stable_audio.generator import StableAudioGenerator, mini


@pytest.fixture(scope="session")
def generator() -> StableAudioGenerator:
    """stable-audio-mini, loaded once for all of them."""
    loaded = mini()
    loaded.load("cpu", "float32")
    return loaded
