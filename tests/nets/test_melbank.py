"""The filter banks: a wrong mel scale moves every FD-OpenL3 and KL-PaSST by more than models differ."""

from __future__ import annotations

import math

import numpy as np
import torch

from evalkit.nets.melbank import kaldi_bank, slaney_bank


def test_slaney_bank_has_the_values_of_librosa() -> None:
    """Golden values: librosa 0.11.0, filters.mel(sr=48000, n_fft=2048, n_mels=256, htk=False, norm="slaney")."""
    bank = slaney_bank(48000, 2048, 256, 0.0, 24000.0)
    assert bank.shape == (256, 1025)
    assert bank.dtype == torch.float32
    for (row, column), value in GOLDEN_SLANEY.items():
        assert abs(float(bank[row, column]) - value) <= 1e-9, (row, column)


def test_slaney_triangles_have_unit_area() -> None:
    """Wide filters: their area in Hz is one, so that a flat spectrum stays flat."""
    bank = slaney_bank(48000, 2048, 64, 0.0, 24000.0).numpy()
    area = bank[20:60].sum(axis=1) * 48000 / 2048
    np.testing.assert_allclose(area, 1.0, atol=0.02)


def test_kaldi_bank_is_the_textbook_one() -> None:
    """Against the formula in float64, one filter at a time (torchaudio's own values are equal to the bit)."""
    bank = kaldi_bank(32000, 1024, 128, 0.0, 15000.0)
    assert bank.shape == (128, 513)
    assert float(bank[:, -1].abs().max()) == 0.0

    def mel(hz: float) -> float:
        return 1127 * math.log(1 + hz / 700)

    step = mel(15000) / 129
    for row in (0, 1, 40, 127):
        for column in range(512):
            place = (mel(column * 31.25) - row * step) / step
            wanted = max(0.0, min(place, 2 - place))
            assert abs(float(bank[row, column]) - wanted) < 2e-4


GOLDEN_SLANEY = {
    (0, 1): 0.03301043435931206,
    (1, 1): 0.02995399758219719,
    (5, 4): 0.05685155838727951,
    (40, 28): 0.04279010742902756,
    (100, 80): 0.021540189161896706,
    (100, 79): 0.01879689283668995,
    (128, 126): 0.01908726803958416,
    (128, 125): 0.012214056216180325,
    (200, 409): 0.006150591187179089,
    (200, 408): 0.0051930928602814674,
    (255, 1007): 0.002528203884139657,
    (255, 1006): 0.0023701926693320274,
}
