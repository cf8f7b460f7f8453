"""What both sides say of the same clips, and what evalkit's says.

The names of the quantities are those of each `original.py`. A judge's code is imported when it is asked: one need not
wait for the libraries of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.audio.clip import samples_digest
from evalkit.audio.decode import decode
from evalkit.embed.base import Embedder
from evalkit.metrics import clap_score, fd_openl3, kl_passt
from evalkit.metrics.base import MetricInputs, SetReference
from evalkit.originals.clips import Sound

Array = NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """`clips` is quantity -> an array for each clip; `together` quantity -> an array or a number for all of them."""

    clips: Mapping[str, list[Array]]
    together: Mapping[str, Array]


def ours(embedder: Embedder, sounds: Sequence[Sound]) -> Answer:
    """evalkit's answer: its embedder and its metrics, a clip at a time, from the files as `score` reads them."""
    return _OURS[embedder.spec.family](embedder, sounds)


def crops(embedder: Embedder, sound: Sound) -> dict[str, Any]:
    """Where evalkit cuts a sound that is longer than CLAP's window: `first` sample, or `starts` of three in frames."""
    if embedder.spec.family != "clap":
        return {"first": 0, "starts": []}
    from evalkit.embed.clap import ClapEmbedder, crop_seed, prepare
    from evalkit.nets.clap import crop_start, crop_starts

    assert isinstance(embedder, ClapEmbedder)
    front = embedder.front
    clip = decode(sound.path)
    samples, seed = len(prepare(clip, front.rate)), crop_seed(samples_digest(clip))
    frames = samples // front.hop + 1
    starts = crop_starts(frames, front.frames, seed) if front.fusion and frames > front.frames else ()
    first = 0 if front.fusion or samples <= front.max_samples else crop_start(samples, front.max_samples, seed)
    return {"first": first, "starts": list(starts)}


def _openl3(embedder: Embedder, sounds: Sequence[Sound]) -> Answer:
    rows = [embedder.embed([decode(sound.path)])[0] for sound in sounds]
    generated, others = rows[::2], np.concatenate(rows[1::2]).astype(np.float64)
    reference = SetReference(others.mean(axis=0), np.cov(others, rowvar=False), len(others), len(rows[1::2]))
    names = [sound.name for sound in sounds[::2]]
    inputs = MetricInputs(ids=names, groups=names, features=generated, set_reference=reference)
    value = np.array(fd_openl3.METRIC.compute(inputs).value)
    return Answer({"frames": list(rows)}, {"distance": value, "root": value})


def _passt(embedder: Embedder, sounds: Sequence[Sound]) -> Answer:
    from evalkit.embed.passt import PaSSTEmbedder

    assert isinstance(embedder, PaSSTEmbedder)
    logits = [embedder.logits([decode(sound.path)])[0] for sound in sounds]
    features = [embedder.embed([decode(sound.path)])[0] for sound in sounds]
    rows = [each[0] for each in features]
    names = [sound.name for sound in sounds]
    following = dict(zip(names, [*rows[1:], rows[0]], strict=True))
    inputs = MetricInputs(ids=names, groups=names, features=features, pair_reference=following)
    found = kl_passt.METRIC.compute(inputs)
    values = np.array([found.per_prompt[name] for name in names])
    return Answer({"logits": list(logits), "classes": list(rows)}, {"kl": values, "mean": np.array(found.value)})


def _clap(embedder: Embedder, sounds: Sequence[Sound]) -> Answer:
    from evalkit.embed.clap import ClapEmbedder

    assert isinstance(embedder, ClapEmbedder)
    features = [embedder.embed([decode(sound.path)])[0] for sound in sounds]
    texts = embedder.embed_text([sound.caption for sound in sounds])
    names = [sound.name for sound in sounds]
    found = clap_score.METRIC.compute(MetricInputs(ids=names, groups=names, features=features, texts=texts))
    scores: list[Array] = [np.array(found.per_prompt[name]) for name in names]
    clips = {"audio": [each[0] for each in features], "text": list(texts), "score": scores}
    return Answer(clips, {"mean": np.array(found.value)})


_OURS: Mapping[str, Callable[[Embedder, Sequence[Sound]], Answer]] = {
    "openl3": _openl3,
    "passt": _passt,
    "clap": _clap,
}
