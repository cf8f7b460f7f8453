"""The mock: what a plug-in author holds a real adapter against."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.generators.mock import RATE, SPEC, build

OPTIONS = SPEC.presets[SPEC.default_preset]


def test_a_sound_depends_on_its_own_seed_and_length_alone() -> None:
    mock = build()
    together = mock.generate(["a", "b", "c"], [1.0, 0.5, 2.0], [1, 2, 2**63 - 1], OPTIONS).audio
    alone = [mock.generate(["x"], [s], [k], OPTIONS).audio[0] for s, k in ((1.0, 1), (0.5, 2), (2.0, 2**63 - 1))]
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))
    assert not np.array_equal(together[0][:, :8000], together[1])


@pytest.mark.parametrize("kind", ["mixed", "noise", "tone"])
@pytest.mark.parametrize("seconds", [0.001, 0.3, 5.0])
def test_every_kind_keeps_the_contract(kind: str, seconds: float) -> None:
    made = build().generate(["a"], [seconds], [3], {"kind": kind, "bursts": 3})
    assert made.sample_rate == RATE and made.audio[0].shape == (2, round(seconds * RATE))
    assert made.audio[0].dtype == np.float32 and np.abs(made.audio[0]).max() < 1


@pytest.mark.parametrize(
    "options", [{"kind": "song", "bursts": 3}, {"kind": "tone", "bursts": 0}, {"kind": "tone", "bursts": "3"}]
)
def test_an_impossible_option_is_the_users_to_correct(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match="mock: "):
        build().generate(["a"], [1.0], [0], options)
    with pytest.raises(UserError, match="mock: "):
        build().check_options(options)
