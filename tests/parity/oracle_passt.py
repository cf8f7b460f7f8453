"""hear21passt and stable-audio-metrics' steps around it, beside evalkit, on the same seeded checkpoint.

    python tests/parity/oracle_passt.py --data DIR

in an environment with requirements-passt.txt and this checkout on PYTHONPATH. Writes golden/passt.npz (the
original's numbers) and results/passt.json (how far evalkit is from them). About three minutes on one core.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import oracle_steps as steps
import plain_libraries  # noqa: F401 - first, as others import what it mends
import torch
import torch_cases

from evalkit.audio.decode import decode
from evalkit.embed.load import load_embedder
from evalkit.embed.passt import PaSSTEmbedder
from evalkit.stats.kl import kl_divergence

HERE = Path(__file__).parent
RATE, WINDOW, STEP, SHORT = 32000, 320_000, 160_000, 48_000
ORACLE = ("hear21passt", version("hear21passt"))
METRIC = ("stable-audio-metrics' steps", "fd55536")


def original(checkpoint: Path) -> torch.nn.Module:
    """`get_basic_model(mode="logits")` without its download; the checkpoint fills it strictly."""
    stft = torch.stft

    def old_stft(*arguments: object, return_complex: bool = True, **more: object) -> torch.Tensor:
        """torch.stft with the real output that newer versions dropped, as stable-audio-metrics patches it."""
        complex_one = stft(*arguments, return_complex=True, **more)  # type: ignore[arg-type]
        return complex_one if return_complex else torch.view_as_real(complex_one)

    torch.stft = old_stft  # type: ignore[assignment]
    with contextlib.redirect_stdout(io.StringIO()):
        from hear21passt.models.passt import get_model
        from hear21passt.models.preprocess import AugmentMelSTFT
        from hear21passt.wrapper import PasstBasicWrapper

        mel = AugmentMelSTFT(
            n_mels=128, sr=RATE, win_length=800, hopsize=320, n_fft=1024, freqm=48, timem=192, htk=False, fmin=0.0,
            fmax=None, norm=1, fmin_aug_range=10, fmax_aug_range=2000,
        )  # fmt: skip
        net = get_model(arch="passt_s_swa_p16_128_ap476", pretrained=False)
    net.load_state_dict(torch.load(checkpoint, weights_only=True), strict=True)
    return PasstBasicWrapper(mel=mel, net=net, mode="logits").eval()


@torch.no_grad()
def logits(model: torch.nn.Module, audio: np.ndarray) -> torch.Tensor:
    """(windows, 527) as `src/passt_kld.py` 77-101 cuts and feeds them."""
    rows = []
    with contextlib.redirect_stdout(io.StringIO()):
        for start in range(0, max(STEP, len(audio) - STEP), STEP):
            window = audio[start : start + WINDOW]
            if SHORT < len(window) < WINDOW:
                window = np.pad(window, (0, WINDOW - len(window)))
            rows.append(model(torch.from_numpy(window)[None])[0])
    return torch.stack(rows)


def kl(generated: np.ndarray, reference: np.ndarray) -> float:
    """`src/passt_kld.py` 197."""
    reference_log = (torch.from_numpy(reference) + 1e-6).log()
    return float(torch.nn.functional.kl_div(reference_log, torch.from_numpy(generated), reduction="sum"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), data)


def compare(folder: Path, data: Path | None) -> None:
    checkpoint = folder / "passt-s-f128-p16-s10-ap.476-swa.pt"
    torch_seeded.write_passt(checkpoint)
    model = original(checkpoint)
    ours = load_embedder("passt", overrides={"passt": checkpoint})
    assert isinstance(ours, PaSSTEmbedder)
    golden: dict[str, np.ndarray] = {}
    mels, rows, probabilities = [], [], {}
    for name, path, _ in torch_cases.all_files(folder, data):
        clip = replace(decode(path), digest=name)
        silent = not clip.samples.any()
        audio = steps.load_at_peak(path, RATE)
        if silent:  # the original divides by zero; the network itself is compared on the silence
            golden["silent_is_nan_in_the_original"] = np.array(bool(np.isnan(audio).all()))
            audio = np.zeros_like(audio)
        theirs = logits(model, audio).numpy()
        mine = ours.logits([clip])[0]
        with torch.no_grad():
            first = torch.from_numpy(audio[:WINDOW])[None]
            mels.append((ours._net.front(first)[0, 0].numpy(), model.mel(first)[0].numpy()))
        rows.append((mine, theirs))
        probability = torch.softmax(torch.from_numpy(theirs).mean(0), 0).numpy()
        probabilities[name] = (ours.embed([clip])[0][0], probability)
        golden[f"logits/{name}"] = theirs.mean(axis=0)
        golden[f"windows/{name}"] = np.array(len(theirs))
        print(name, theirs.shape, float(np.abs(mine - theirs).max()), float(theirs.std()), file=sys.stderr)
    names = list(probabilities)
    pairs = list(zip(names, [*names[1:], names[0]], strict=True))
    divergences = [
        (kl_divergence(probabilities[a][0], probabilities[b][0]), kl(probabilities[a][1], probabilities[b][1]))
        for a, b in pairs
    ]
    golden["kl"] = np.array([theirs for _, theirs in divergences])
    golden["kl_pairs"] = np.array(pairs)
    np.savez_compressed(HERE / "golden" / "passt.npz", **golden)  # type: ignore[arg-type]
    results = [
        steps.row("PaSST scaled log mel", "front end", ORACLE, mels),
        steps.row("PaSST logits, every window", "embedding", ORACLE, rows),
        steps.row("PaSST class probabilities of a clip", "embedding", ORACLE, list(probabilities.values())),
        steps.row("KL-PaSST of a pair of clips (nats)", "metric", METRIC, divergences),  # type: ignore[arg-type]
        steps.row("KL-PaSST, mean over the pairs (nats)", "metric", METRIC, [tuple(np.mean(divergences, axis=0))]),
    ]
    (HERE / "results" / "passt.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
