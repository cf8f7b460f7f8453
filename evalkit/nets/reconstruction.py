"""How far a decoded sound is from the sound that was encoded: the distances of the papers' autoencoder tables.

The Stable Audio papers report STFT distance, MEL distance and SI-SDR by auraloss with its default settings; these
are its `STFTLoss`, `MelSTFTLoss` and `SISDRLoss` (auraloss/freq.py and time.py, 0.4.0), written anew and held
against it in the tests. Each takes `decoded` and `original`, both (channels, samples), and gives one number; channels
are looked at one by one, so a shift of the stereo image counts.

The distances are infinite in no case: magnitudes are floored at 1e-4, below what 16 bits hold. They say how close
the spectrogram is, not whether the difference can be heard; SI-SDR compares waveforms, so that a model which redraws
noise faithfully, but with other phases, has a low one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from evalkit.nets.melbank import slaney_bank

N_FFT, HOP = 1024, 256
N_MELS = 128
_EPS = 1e-8


def stft_distance(decoded: Tensor, original: Tensor) -> Tensor:
    """Spectral convergence plus the mean absolute difference of log magnitudes (Yamamoto et al. 2019)."""
    return _distance(_magnitudes(decoded), _magnitudes(original))


def mel_distance(decoded: Tensor, original: Tensor, rate: int) -> Tensor:
    """The same over 128 mel bands of unit area from 0 Hz to half of `rate` (Hz)."""
    bank = slaney_bank(rate, N_FFT, N_MELS, 0.0, rate / 2).to(original)
    return _distance(bank @ _magnitudes(decoded), bank @ _magnitudes(original))


def si_sdr(decoded: Tensor, original: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB, the mean over channels (Le Roux et al. 2019).

    |a s|^2 / |x - a s|^2 with a = <x, s> / |s|^2, both without their means.
    """
    x, s = (sound - sound.mean(-1, keepdim=True) for sound in (decoded, original))
    scaled = (x * s).sum(-1, keepdim=True) / (s.square().sum(-1, keepdim=True) + _EPS) * s
    ratio = scaled.square().sum(-1) / ((x - scaled).square().sum(-1) + _EPS)
    return 10 * torch.log10(ratio + _EPS).mean()


def _magnitudes(sound: Tensor) -> Tensor:
    """(channels, N_FFT // 2 + 1, frames), floored."""
    window = torch.hann_window(N_FFT, device=sound.device, dtype=sound.dtype)
    spectrum = torch.stft(sound, N_FFT, HOP, N_FFT, window, return_complex=True)
    return (spectrum.real.square() + spectrum.imag.square()).clamp(min=_EPS).sqrt()


def _distance(found: Tensor, wanted: Tensor) -> Tensor:
    convergence = torch.linalg.vector_norm(wanted - found) / torch.linalg.vector_norm(wanted)
    return convergence + (found.log() - wanted.log()).abs().mean()
