"""results/stable_audio_3.json: how far evalkit's Stable Audio 3 is from the golden files of both originals.

    PYTHONPATH=.:tests/parity:tests/checkpoints:tests/fakes python tests/parity/measure_stable_audio_3.py

`nox -s parity_stable_audio_3` runs it after the oracles; it needs none of the originals itself.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import diffusers_small_3 as small
import numpy as np
import plain_stable_audio_3  # noqa: F401 - before transformers, which imports torchaudio where the originals are
import same_cases
import stable_audio_3_cases as cases
import stable_audio_3_seeded as seeded
import torch
from torch import Tensor
from torch.nn import functional as F

from evalkit.checkpoints.find import open_checkpoint
from evalkit.generators.stable_audio.network import build
from evalkit.generators.stable_audio.text_towers import T5GemmaTower

HERE = Path(__file__).parent
TOOLS, DIFFUSERS = ("stable-audio-tools", "0.0.20"), ("diffusers", "0.42.1")
NETWORK, SAMPLING = "network", "sampling"
Golden = Mapping[str, np.ndarray]
Found = tuple[tuple[str, str, tuple[str, str]], Tensor, np.ndarray]
"""(quantity, level, oracle), evalkit's answer, the original's."""


def read(name: str, folder: Path = HERE / "golden") -> Golden:
    with np.load(folder / name, allow_pickle=False) as file:
        return dict(file)


def of_networks(golden: Golden) -> Iterator[Found]:
    """One step of each size, and whole samplings with what they sound like."""
    for size in seeded.MODELS:
        for name, value in cases.forward(size).items():
            what = "guided step" if name.startswith("guided") else "step and what it is told"
            yield (f"Stable Audio 3, {what}", NETWORK, TOOLS), value, golden[f"{size}/{name}"]
        for name, found in cases.sampled(size).items():
            told = (f"Stable Audio 3, whole sampling: {name}", SAMPLING, TOOLS)
            for row, latents in enumerate(found):
                yield told, latents, golden[f"{size}/{name}/{row}"][:, : latents.shape[-1]]


def of_text(golden: Golden) -> Iterator[Found]:
    with tempfile.TemporaryDirectory() as place:
        rows, mask = T5GemmaTower(cases.tower(Path(place)), "cpu", cases.TOKENS).read(cases.PROMPTS)
    padded = torch.where(mask[..., None].bool(), rows, cases.padding())
    for row, found in enumerate(padded):
        yield ("Stable Audio 3, T5Gemma with its padding", NETWORK, TOOLS), found, golden["text/rows"][row]


def of_autoencoders(golden: Golden) -> Iterator[Found]:
    for size in seeded.SIZES:
        for length in same_cases.LENGTHS:
            found = same_cases.small(size).decode(same_cases.latents(length))
            wanted = golden[f"{size}/decoded/{length}"][..., : found.shape[-1]]
            yield ("SAME, decoding", NETWORK, TOOLS), found, wanted
        for samples in same_cases.SOUNDS:
            short = -samples % same_cases.RATIO
            latents, _ = same_cases.small(size).posterior(F.pad(same_cases.sound(samples), (0, short)))
            yield (
                ("SAME, encoding", NETWORK, TOOLS),
                latents,
                golden[f"{size}/encoded/{samples}"][..., : latents.shape[-1]],
            )


def of_diffusers(golden: Golden) -> Iterator[Found]:
    with tempfile.TemporaryDirectory() as place:
        model = build(open_checkpoint(small.write(Path(place) / "pipeline")), "cpu", "float32")
    given = small.inputs()
    told = model.describe(given["tokens"], given["seconds"].tolist(), given["mask"])
    local = replace(told, local=given["local"].transpose(1, 2))
    step = ("Stable Audio 3 medium, step", NETWORK, DIFFUSERS)
    yield step, model.backbone.velocity(given["x"], given["t"], told), golden["velocity"]
    yield step, model.backbone.velocity(given["x"], given["t"], local), golden["inpainting"]
    yield ("SAME-L, encoding", NETWORK, DIFFUSERS), model.vae.encode(given["sound"]), golden["encoded"]
    yield ("SAME-L, decoding", NETWORK, DIFFUSERS), model.vae.decode(given["latents"]), golden["decoded"]


def rows(found: Iterator[Found]) -> list[dict[str, object]]:
    """A row for each quantity, with the largest errors of its cases."""
    errors: dict[tuple[str, str, tuple[str, str]], list[tuple[float, float]]] = defaultdict(list)
    for told, mine, wanted in found:
        error = float(np.abs(mine.numpy() - wanted).max())
        errors[told].append((error, error / float(np.abs(wanted).max())))
    return [
        {
            "quantity": quantity, "level": level, "oracle": oracle, "version": version, "cases": len(each),
            "max_abs": max(absolute for absolute, _ in each), "max_rel": max(relative for _, relative in each),
        }
        for (quantity, level, (oracle, version)), each in errors.items()
    ]  # fmt: skip


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    golden = read("stable_audio_3.npz")
    found = [*of_networks(golden), *of_text(golden), *of_autoencoders(read("same.npz"))]
    found += of_diffusers(read("diffusers_3.npz", small.GOLDEN))
    text = json.dumps(rows(iter(found)), indent=2)
    (HERE / "results" / "stable_audio_3.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
