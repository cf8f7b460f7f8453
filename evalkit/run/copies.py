"""Which of a run's sounds hold a recording of the suite's reference over again: a model that has learned it by heart.

Every sound and every recording has a fingerprint, kept by content beside the features, so that a suite's recordings
cost once. A sound asks the catalogue of them, which costs the same whatever their number, and only where it answers are
waveforms compared. What is shorter than half a second, or in memory alone, is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evalkit.audio import fingerprints
from evalkit.audio.decode import UnreadableAudio, decode
from evalkit.audio.fingerprints import Catalogue, Words, fingerprint
from evalkit.audio.repeats import Flat, copied, flattened
from evalkit.core.ids import digest_json
from evalkit.core.interrupts import heed
from evalkit.execute.bench import Source, sound_source
from evalkit.fetch.home import FEATURES, evalkit_home
from evalkit.run.plan import Plan
from evalkit.run.progress import Progress
from evalkit.run.recordings import Recording
from evalkit.store.features import FeatureCache
from evalkit.store.ledger import Record

STAGE = "near-copies"
VERDICT = "near_copy"

SHARE = 0.5
"""Of a sound: what must be in the recording too."""

_KEY = digest_json(["fingerprint", fingerprints.VERSION])


@dataclass(frozen=True)
class Copy:
    """The `recording` that a sound holds over again, and the `share` of the sound that does."""

    recording: str
    share: float


def near_copies(
    plan: Plan, records: Mapping[str, Record], recordings: Mapping[str, Recording], progress: Progress
) -> dict[str, Copy]:
    """{key of a sound: what it is a copy of}, of those that are copies; `recordings` are the suite's, by name."""
    sounds = {
        key: sound_source(key, each.sha256, plan.folder.resolve(each.audio))
        for key, each in records.items()
        if each.status == "ok" and each.audio is not None and each.sha256 is not None
    }
    if not recordings or not sounds:
        return {}
    progress.start(STAGE, len(recordings) + len(sounds), 0)
    cache = FeatureCache(evalkit_home().joinpath(*FEATURES), _KEY)
    prints = {}
    for name, each in recordings.items():
        prints[name] = _print(cache, sound_source(name, each.digest, each.path))
        progress.advance(STAGE)
        heed()
    catalogue, found = Catalogue.of(prints), {}
    for key, source in sounds.items():
        likely = catalogue.likely(_print(cache, source))
        copy = _held_against(source.path, {name: recordings[name].path for name in likely})
        if copy is not None:
            found[key] = copy
        progress.advance(STAGE)
        heed()
    progress.finish(STAGE)
    return found


def marked(records: Mapping[str, Record], copies: Mapping[str, Copy]) -> dict[str, Record]:
    """The records, with the verdict where one is a copy."""
    return {
        key: replace(each, verdicts=(*each.verdicts, VERDICT))
        if key in copies and VERDICT not in each.verdicts
        else each
        for key, each in records.items()
    }


def _print(cache: FeatureCache, source: Source) -> Words:
    """From the cache, where a word is two numbers of 16 bits; nothing of a file that is not there to be read."""
    kept = cache.get(source.digest)
    if kept is None:
        try:
            clip = decode(source.path) if source.path is not None else None
        except UnreadableAudio:
            clip = None
        words = np.zeros(0, np.uint32) if clip is None else fingerprint(clip.samples, clip.rate)
        kept = np.stack([words >> 16, words & 0xFFFF], axis=1).astype(np.float32)
        if clip is not None:
            cache.put(source.digest, kept)
    halves = kept.astype(np.uint32)
    return halves[:, 0] << np.uint32(16) | halves[:, 1]


def _held_against(path: Path | None, likely: Mapping[str, Path]) -> Copy | None:
    """The recording whose waveform has most of the sound's, where that is enough."""
    if path is None or not likely:
        return None
    sound = _flat(path)
    shares = {name: copied(sound, _flat(other)) for name, other in likely.items()}
    best = max(shares, key=lambda name: shares[name])
    return Copy(best, shares[best]) if shares[best] >= SHARE else None


def _flat(path: Path) -> Flat:
    try:
        clip = decode(path)
    except UnreadableAudio:
        return np.zeros(0, np.float32)
    return flattened(clip.samples, clip.rate)
