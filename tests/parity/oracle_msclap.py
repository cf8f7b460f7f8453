"""MS-CLAP 2023 by its own package, beside evalkit, on one seeded checkpoint in the published format.

    python tests/parity/oracle_msclap.py --data DIR

in an environment with tests/parity/requirements-msclap.txt, msclap 1.3.4 and torchaudio 2.11.0 without what they ask
for, what evalkit needs, and this checkout on PYTHONPATH. The original is given the mean of the channels and evalkit's
places of crops. Writes golden/msclap.npz (the original's numbers) and results/msclap.json (how far evalkit is from
them). Two minutes on a core.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import oracle_steps as steps
import plain_torchaudio
import torch
import torch_cases
from transformers import GPT2Config, GPT2Model, GPT2Tokenizer

from evalkit.audio.clip import Clip, samples_digest
from evalkit.audio.decode import decode
from evalkit.audio.preparation import Preparation
from evalkit.embed.load import load_embedder
from evalkit.embed.msclap import MsClapEmbedder, crop_starts
from evalkit.metrics.base import METRICS, MetricInputs
from evalkit.nets.clap import log_mel
from evalkit.nets.msclap import FRONT, RATE, SECONDS
from evalkit.originals.seeded.msclap import PUBLISHED, SMALL, Sizes, write_msclap
from evalkit.originals.seeded.torch_files import write_gpt2_tokenizer

HERE = Path(__file__).parent
ORACLE = ("msclap", version("msclap"))
METRIC = ("av-benchmark's steps", "050a5cd")
TEXTS = ("wow! stop! it rains", "!")
"""Of which the original reads a state before the end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=None, help="folder of ESC-10 recordings")
    data = parser.parse_args().data
    golden: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_gpt2_tokenizer(Path(folder) / "gpt2")
        results = compare(Path(folder), data, golden, PUBLISHED, "")
        compare(Path(folder), None, golden, SMALL, "small/")
    np.savez_compressed(HERE / "golden" / "msclap.npz", **golden)  # type: ignore[arg-type]
    (HERE / "results" / "msclap.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def original(checkpoint: Path, sizes: Sizes) -> Any:
    """The package's own wrapper: torchaudio without its compiled part, gpt2's sizes and words without the hub."""
    torchaudio = sys.modules["torchaudio"]
    torchaudio.transforms = sys.modules["torchaudio.transforms"] = ModuleType("torchaudio.transforms")  # type: ignore[attr-defined]
    from msclap import CLAPWrapper as wrapper
    from msclap.models import clap, htsat

    text = GPT2Config(n_embd=sizes.text, n_layer=sizes.layers, n_head=max(1, sizes.text // 64))
    clap.AutoModel = SimpleNamespace(from_pretrained=lambda _name: GPT2Model(text))
    tokenizer = GPT2Tokenizer.from_pretrained(str(checkpoint.parent / "gpt2"))
    tokenizer.encode_plus = tokenizer.__call__  # as older transformers call it
    module = (
        sys.modules[wrapper.CLAPWrapper.__module__]
        if hasattr(wrapper, "CLAPWrapper")
        else sys.modules[wrapper.__module__]
    )
    module.AutoTokenizer = SimpleNamespace(from_pretrained=lambda _name: tokenizer)  # type: ignore[attr-defined]
    module.T = SimpleNamespace(Resample=_Resample)  # type: ignore[attr-defined]

    def of_sizes(self: Any, *_arguments: object) -> None:
        torch.nn.Module.__init__(self)
        depths = list(sizes.depths)
        self.htsat = htsat.HTSAT_Swin_Transformer(config=htsat.config, embed_dim=sizes.audio, depths=depths)

    htsat.HTSATWrapper.__init__ = of_sizes

    class Wrapper(module.CLAPWrapper):  # type: ignore[name-defined, misc]
        def read_config_as_args(self, *arguments: Any, **named: Any) -> Any:
            args = super().read_config_as_args(*arguments, **named)
            args.out_emb, args.transformer_embed_dim, args.d_proj = 8 * sizes.audio, sizes.text, sizes.common
            return args

    return Wrapper(checkpoint, version="2023")


class _Resample:
    """`torchaudio.transforms.Resample`, whose module does not load."""

    def __init__(self, rate_from: int, rate_to: int) -> None:
        self.rates = rate_from, rate_to

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        return plain_torchaudio.converted(samples, *self.rates, "transform")


def rows_of(wrapper: Any, clip: Clip) -> np.ndarray:
    """`CLAPWrapper.get_audio_embeddings` of the clip's mean, once for each of evalkit's crops."""
    module = sys.modules[type(wrapper).__mro__[1].__module__]
    sys.modules["torchaudio"].load = lambda _path: (torch.from_numpy(clip.mono())[None], clip.rate)  # type: ignore[attr-defined]
    count = Preparation(RATE, converter="torchaudio.transforms")(clip).shape[0]
    starts = crop_starts(count, samples_digest(clip)) if count > RATE * SECONDS else [0]
    found = []
    for start in starts:
        module.random = SimpleNamespace(randrange=lambda _count, start=start: start)  # type: ignore[attr-defined]
        found.append(wrapper.get_audio_embeddings(["any"])[0].numpy())
    return np.stack(found)


def cases(folder: Path, data: Path | None) -> Iterator[tuple[str, Clip, str]]:
    for case, path, caption in torch_cases.all_files(folder, data, torch_cases.EDGES):
        yield case, replace(decode(path), digest=case), caption


def compare(
    folder: Path, data: Path | None, golden: dict[str, np.ndarray], sizes: Sizes, before: str
) -> list[dict[str, object]]:
    checkpoint = folder / "CLAP_weights_2023.pth"
    write_msclap(checkpoint, sizes)
    wrapper = original(checkpoint, sizes)
    ours = load_embedder("msclap-2023", overrides={"msclap-2023": checkpoint})
    assert isinstance(ours, MsClapEmbedder)
    sounds: dict[str, Any] = {}
    mels: dict[str, steps.Pair] = {}
    captions = []
    for case, clip, caption in cases(folder, data):
        mine, theirs = ours.embed([clip])[0], rows_of(wrapper, clip)
        sounds[case] = mine, theirs
        captions.append(caption)
        golden[f"{before}{case}"] = theirs.astype(np.float32)
        if before == "":
            audio = wrapper.preprocess_audio(["any"], True).reshape(1, -1)
            htsat = wrapper.clap.audio_encoder.base.htsat
            wanted = htsat.logmel_extractor(htsat.spectrogram_extractor(audio))[0, 0].numpy()
            mels[case] = steps.audible(log_mel(audio, FRONT)[0].numpy(), wanted)
        print(case, theirs.shape, float(np.abs(mine - theirs).max()), float(theirs.std()), file=sys.stderr)
    texts = [
        (ours.embed_text([each])[0], wrapper.get_text_embeddings([each])[0].numpy()) for each in (*captions, *TEXTS)
    ]
    golden[f"{before}texts"] = np.stack([theirs for _, theirs in texts])
    wanted = [_cosine(theirs, words) for (_, theirs), (_, words) in zip(sounds.values(), texts, strict=False)]
    golden[f"{before}cosines"] = np.array([each.mean() for each in wanted])
    names = list(sounds)
    inputs = MetricInputs(
        names, names, [mine for mine, _ in sounds.values()], texts=np.stack([mine for mine, _ in texts[: len(names)]])
    )
    score = METRICS.load("clap_score_ms").compute(inputs)
    print(score.warnings, file=sys.stderr)
    pairs = {name: (score.per_prompt[name], each.mean()) for name, each in zip(names, wanted, strict=True)}
    return (
        [
            steps.row("MS-CLAP log mel", "front end", ORACLE, mels, "in decibels, down to 80 under the loudest"),
            steps.row("MS-CLAP audio embedding, every crop", "embedding", ORACLE, sounds),
            steps.row("MS-CLAP text embedding", "embedding", ORACLE, texts),  # type: ignore[arg-type]
            steps.row("MS-CLAP score of a clip", "metric", METRIC, pairs, "the mean over its crops"),
        ]
        if before == ""
        else []
    )


def _cosine(rows: np.ndarray, text: np.ndarray) -> np.ndarray:
    return torch.cosine_similarity(torch.from_numpy(rows), torch.from_numpy(text)[None]).numpy()


if __name__ == "__main__":
    main()
