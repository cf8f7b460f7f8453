"""hear21passt 0.0.26 with stable-audio-metrics' steps (fd55536, src/passt_kld.py): runs in its environment."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

RATE, WINDOW, STEP, SHORT = 32000, 320_000, 160_000, 48_000

Load = Callable[[str, int], Any]


def network(checkpoint: Any) -> Any:
    """`get_basic_model(mode="logits")` without its download; the checkpoint fills it strictly."""
    library: Any = torch
    stft = library.stft

    def old_stft(*arguments: Any, return_complex: bool = True, **more: Any) -> Any:
        """torch.stft with the real output that newer versions dropped, as stable-audio-metrics patches it."""
        more["return_complex"] = True
        complex_one = stft(*arguments, **more)
        return complex_one if return_complex else torch.view_as_real(complex_one)

    library.stft = old_stft
    with contextlib.redirect_stdout(io.StringIO()):
        from hear21passt.models.passt import get_model
        from hear21passt.models.preprocess import AugmentMelSTFT
        from hear21passt.wrapper import PasstBasicWrapper

        mel = AugmentMelSTFT(
            n_mels=128, sr=RATE, win_length=800, hopsize=320, n_fft=1024, freqm=48, timem=192, htk=False, fmin=0.0,
            fmax=None, norm=1, fmin_aug_range=10, fmax_aug_range=2000,
        )  # fmt: skip
        net = get_model(arch="passt_s_swa_p16_128_ap476", pretrained=False)
    net.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True), strict=True)
    return PasstBasicWrapper(mel=mel, net=net, mode="logits").eval()


@torch.no_grad()
def logits(model: Any, audio: Any) -> Any:
    """A tensor (windows, 527) as `src/passt_kld.py` 77-101 cuts and feeds them."""
    rows = []
    with contextlib.redirect_stdout(io.StringIO()):
        for start in range(0, max(STEP, len(audio) - STEP), STEP):
            window = audio[start : start + WINDOW]
            if SHORT < len(window) < WINDOW:
                window = np.pad(window, (0, WINDOW - len(window)))
            rows.append(model(torch.from_numpy(window)[None])[0])
    return torch.stack(rows)


def probabilities(rows: Any) -> Any:
    """(527,) of a clip from the logits of its windows."""
    return torch.softmax(rows.mean(0), 0).numpy()


def kl(generated: Any, reference: Any) -> float:
    """`src/passt_kld.py` 197, of two arrays of probabilities."""
    reference_log = (torch.from_numpy(reference) + 1e-6).log()
    return float(torch.nn.functional.kl_div(reference_log, torch.from_numpy(generated), reduction="sum"))


class PaSST:
    """`logits` (windows, 527) and `classes` (527,) of a clip; `kl` (clips,) of each from the next, and its `mean`."""

    def __init__(self, model: Any, load_at_peak: Load) -> None:
        self._model, self._load = model, load_at_peak

    def clip(self, told: dict[str, Any]) -> dict[str, Any]:
        rows = logits(self._model, self._load(told["path"], RATE))
        return {"logits": rows.numpy(), "classes": probabilities(rows)}

    def together(self, found: list[dict[str, Any]]) -> dict[str, Any]:
        rows = [clip["classes"] for clip in found]
        values = [kl(one, other) for one, other in zip(rows, [*rows[1:], rows[0]])]  # noqa: B905 - as Python 3.9 has it
        return {"kl": values, "mean": np.mean(values)}


def build(job: dict[str, Any], load_at_peak: Load) -> PaSST:
    """The network from the published file's format."""
    return PaSST(network(job["weights"]), load_at_peak)
