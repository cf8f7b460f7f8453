"""What the card of the minis reports, each figure from the code that users run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.signal
import torch

from evalkit.audio.clip import Clip, Samples
from evalkit.core.ids import digest_bytes
from evalkit.embed.base import Features
from evalkit.embed.load import load_embedder
from evalkit.fetch.weights import locate
from evalkit.generators.stable_audio import load_model
from evalkit.metrics.base import MetricInputs, SetReference
from evalkit.metrics.clap_score import METRIC as CLAP
from evalkit.metrics.fd_openl3 import METRIC as FD
from evalkit.metrics.kl_passt import METRIC as KL
from evalkit.mini import losses, train_vae
from evalkit.mini.captions import class_caption
from evalkit.mini.scenes import CLASSES, Recording, load_recordings
from evalkit.stats.paired import PairedDifference, paired_difference
from evalkit.suites.base import Prompt, Suite
from evalkit.suites.references import pair_reference, set_reference

NOISE_SNR = (30, 20, 10, 0)
LOW_PASS = (6000, 4000, 2000, 1000)


@dataclass(frozen=True)
class Rebuilt:
    """How well the autoencoder gives back a class: correlation of log spectra, and STFT distance."""

    correlation: float
    stft: float
    clips: int


def as_clip(recording: Recording) -> Clip:
    """A recording as a mono clip."""
    samples = recording.samples[None]
    return Clip(samples, recording.rate, digest_bytes(samples.tobytes()))


def autoencoder_by_class(data: Path) -> dict[str, Rebuilt]:
    """Encode (posterior mean) and decode every recording of fold 4, whole."""
    vae = load_model(locate("stable-audio-mini", {}), "cpu", "float32").vae
    found: dict[str, list[tuple[float, float]]] = {sound: [] for sound in CLASSES}
    for recording in load_recordings(data, train_vae.RATE, (4,)):
        length = len(recording.samples) // vae.config.ratio * vae.config.ratio
        audio = torch.from_numpy(recording.samples[:length] * np.float32(0.5)).expand(1, 2, -1)
        with torch.inference_mode():
            rebuilt = vae.decode(vae.encode(audio))
            distance = float(losses.multi_resolution_stft(rebuilt, audio, train_vae.RATE)[0])
        found[recording.sound].append((log_correlation(audio, rebuilt), distance))
    means = {sound: np.mean(rows, axis=0) for sound, rows in found.items()}
    return {sound: Rebuilt(float(mean[0]), float(mean[1]), len(found[sound])) for sound, mean in means.items()}


def log_correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    """Pearson correlation of the log magnitudes (512-point STFT) of two (1, 2, samples) sounds."""
    logs = torch.stack([losses.magnitude(audio[:, 0], 512).log().flatten() for audio in (first, second)])
    return float(torch.corrcoef(logs)[0, 1])


def top_1(held_out: Sequence[Recording]) -> float:
    """Share of held-out recordings whose class passt-mini puts first."""
    rows = load_embedder("passt-mini").embed([as_clip(recording) for recording in held_out])
    hits = [CLASSES[int(row[0].argmax())] == one.sound for row, one in zip(rows, held_out, strict=True)]
    return float(np.mean(hits))


def text_to_class(held_out: Sequence[Recording]) -> float:
    """Share of held-out recordings whose own class caption is the nearest of the ten in clap-mini's space."""
    clap = load_embedder("clap-mini")
    texts = clap.embed_text([class_caption(sound) for sound in CLASSES])  # type: ignore[attr-defined]
    rows = np.concatenate(clap.embed([as_clip(recording) for recording in held_out]))
    hits = [CLASSES[i] == one.sound for i, one in zip((rows @ texts.T).argmax(axis=1), held_out, strict=True)]
    return float(np.mean(hits))


def with_noise(clip: Clip, snr: float) -> Clip:
    """The clip with white noise `snr` dB below it, the same noise at every level."""
    rng = np.random.default_rng(int(clip.digest[:8], 16))
    noise = rng.standard_normal(clip.samples.shape).astype(np.float32)
    power = float(np.mean(clip.samples**2)) / 10 ** (snr / 10)
    return _changed(clip, clip.samples + noise * np.float32(np.sqrt(power)))


def low_passed(clip: Clip, cutoff: float) -> Clip:
    """The clip through an eighth-order Butterworth low-pass."""
    filtered = scipy.signal.sosfiltfilt(scipy.signal.butter(4, cutoff, fs=clip.rate, output="sos"), clip.samples)
    return _changed(clip, filtered.astype(np.float32))


def white_noise(clip: Clip) -> Clip:
    """White noise of the clip's length and level."""
    rng = np.random.default_rng(int(clip.digest[:8], 16))
    level = max(float(clip.samples.std()), 1e-3)
    return _changed(clip, (rng.standard_normal(clip.samples.shape) * level).astype(np.float32))


def _changed(clip: Clip, samples: Samples) -> Clip:
    return replace(clip, samples=samples, digest=digest_bytes(samples.tobytes()))


def distances(suite: Suite, recordings: Sequence[Clip], generated: Sequence[Clip]) -> dict[str, float]:
    """FD-OpenL3 (mini) from the suite's reference: real takes, generated sound, noise, and two ladders."""
    reference = set_reference(suite.metrics["fd_openl3"])
    embedder = load_embedder("openl3-mini")
    sets: dict[str, list[Clip]] = {"other real recordings": list(recordings), "stable-audio-mini": list(generated)}
    sets["white noise"] = [white_noise(clip) for clip in recordings]
    for snr in NOISE_SNR:
        sets[f"recordings + noise, {snr} dB SNR"] = [with_noise(clip, snr) for clip in recordings]
    for cutoff in LOW_PASS:
        sets[f"recordings, low-pass {cutoff} Hz"] = [low_passed(clip, cutoff) for clip in recordings]
    return {name: _distance(suite, embedder.embed(clips), reference) for name, clips in sets.items()}


def _distance(suite: Suite, features: Sequence[Features], reference: SetReference) -> float:
    ids = [prompt.id for prompt in suite.prompts]
    return FD.compute(MetricInputs(ids, ids, features, set_reference=reference)).value


def shuffled(prompts: Sequence[Prompt]) -> list[int]:
    """A seeded re-pairing in which nobody keeps a prompt of the same classes."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(prompts))
    for place, other in enumerate(order):
        if prompts[place].labels == prompts[other].labels:
            free = [i for i in range(len(order)) if _may_swap(prompts, order, place, i)]
            swap = free[int(rng.integers(len(free)))]
            order[place], order[swap] = order[swap], order[place]
    return [int(index) for index in order]


def _may_swap(prompts: Sequence[Prompt], order: np.ndarray, a: int, b: int) -> bool:
    return prompts[a].labels != prompts[order[b]].labels and prompts[b].labels != prompts[order[a]].labels


@dataclass(frozen=True)
class MatchedShuffled:
    """A metric on the right pairs and on wrong ones, and the paired difference (matched - shuffled)."""

    matched: float
    shuffled: float
    difference: PairedDifference


def matched_and_shuffled_clap(suite: Suite, clips: Sequence[Clip]) -> MatchedShuffled:
    """CLAP score with each prompt's own text against another prompt's."""
    clap = load_embedder("clap-mini")
    texts = clap.embed_text([prompt.text for prompt in suite.prompts])  # type: ignore[attr-defined]
    features, ids = clap.embed(clips), [prompt.id for prompt in suite.prompts]
    order = shuffled(suite.prompts)
    right = CLAP.compute(MetricInputs(ids, ids, features, texts=texts))
    wrong = CLAP.compute(MetricInputs(ids, ids, features, texts=texts[order]))
    return _compared(ids, right.per_prompt, wrong.per_prompt)


def matched_and_shuffled_kl(suite: Suite, clips: Sequence[Clip]) -> MatchedShuffled:
    """KL-PaSST against each prompt's own reference and against another prompt's."""
    reference = pair_reference(suite.metrics["kl_passt"])
    ids = [prompt.id for prompt in suite.prompts]
    features = load_embedder("passt-mini").embed(clips)
    moved = {ids[place]: reference[ids[other]] for place, other in enumerate(shuffled(suite.prompts))}
    right = KL.compute(MetricInputs(ids, ids, features, pair_reference=reference))
    wrong = KL.compute(MetricInputs(ids, ids, features, pair_reference=moved))
    return _compared(ids, right.per_prompt, wrong.per_prompt)


def _compared(ids: Sequence[str], right: Mapping[str, float], wrong: Mapping[str, float]) -> MatchedShuffled:
    first, second = [right[i] for i in ids], [wrong[i] for i in ids]
    return MatchedShuffled(float(np.mean(first)), float(np.mean(second)), paired_difference(first, second, ids))


def named_classes(prompts: Sequence[Prompt], clips: Sequence[Clip]) -> dict[str, tuple[int, int]]:
    """class -> (named by passt-mini as its first guess, asked for), over the prompts of one class alone."""
    single = [(prompt, clip) for prompt, clip in zip(prompts, clips, strict=True) if len(prompt.labels) == 1]
    rows = load_embedder("passt-mini").embed([clip for _, clip in single])
    asked, named = Counter[str](), Counter[str]()
    for (prompt, _), row in zip(single, rows, strict=True):
        asked[prompt.labels[0]] += 1
        named[prompt.labels[0]] += CLASSES[int(row[0].argmax())] == prompt.labels[0]
    return {sound: (named[sound], asked[sound]) for sound in CLASSES}
