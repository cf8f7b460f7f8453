"""Networks that hear one mono sound, prepared by a `Preparation`: Cnn14, VGGish, PaSST, LAION's CLAP.

Which values of its fields toolkits have is known by family. Clips are brought to a loudness only where it is asked for,
and then have no peak beside: no toolkit has both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace

import numpy as np

from evalkit.audio.clip import Clip, Samples
from evalkit.audio.level import loudness
from evalkit.audio.preparation import Preparation
from evalkit.core.ids import digest_bytes
from evalkit.embed.base import Features
from evalkit.protocols.base import Setting
from evalkit.run.hearing.base import Fed, Taken
from evalkit.store.spill import Pile

Values = Mapping[str, tuple[object, ...]]
Pieces = Callable[[Samples, Hashable], Sequence[Samples]]

AS_STABLE_AUDIO_METRICS: Values = {
    "channels": ("mean", "first"),
    "without_mean": (False, True),
    "converter": ("soxr", "torchaudio.functional", "torchaudio.transforms", "julius"),
    "peak": ("after", "", "before"),
    "longest": (0.0, 8.0, 10.0),
}
"""Ways of feeding a network of which the first of each is that of stable-audio-metrics."""

_OF_PREPARATION = frozenset(each.name for each in fields(Preparation))


@dataclass(frozen=True)
class Sound:
    """A preparation, before which a clip is brought to a `loudness` in LUFS (None: as it is), and after which it goes
    through 16-bit integers where `sixteen_bits`."""

    preparation: Preparation
    loudness: float | None = None
    sixteen_bits: bool = False
    chosen: tuple[str, ...] = field(default=(), compare=False)

    @property
    def facts(self) -> Mapping[str, object]:
        every = {**asdict(self.preparation), "sixteen_bits": self.sixteen_bits, "loudness": self.loudness or ""}
        return {key: every[key] for key in self.chosen}


@dataclass(frozen=True)
class Whole:
    """What the network gives, as it is."""

    part: Hashable = ""
    after: Hashable = ""

    @property
    def facts(self) -> Mapping[str, object]:
        return {}


class Prepared:
    """A Hearing. `choices` {field: values} of `Sound` and its preparation; `embed` (pieces of one clip, the clip) to
    rows; `pieces` what of a prepared sound a part is fed; `reads` what a protocol's judge, by its settings, takes. A
    clip of fewer samples than `fills` is short."""

    def __init__(
        self,
        name: str,
        rate: int,
        choices: Values,
        embed: Callable[[Sequence[Samples], Clip], Features],
        takes: Sequence[Taken] = (Whole(),),
        pieces: Pieces = lambda heard, part: [heard],
        reads: Callable[[Mapping[str, Setting]], Taken] = lambda settings: Whole(),
        fills: int = 0,
        loudnesses: Sequence[float] = (),
        text: Callable[[Sequence[str]], Features] | None = None,
    ) -> None:
        self.name, self._rate, self._choices, self._embed = name, rate, choices, embed
        self._takes, self._pieces, self._reads, self._fills = tuple(takes), pieces, reads, fills
        self._loudnesses, self._text = tuple(loudnesses), text

    def feeds(self, short: bool) -> list[Fed]:
        choices = dict(self._choices)
        if not short and self._fills:
            choices["shortest"] = choices["shortest"][:1]
        made = [self._sound(dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]
        return [*made, *self._louder(made)]

    def _louder(self, made: Sequence[Sound]) -> Iterator[Sound]:
        level = [each for each in made if not each.preparation.peak]
        return (replace(each, loudness=lufs) for lufs in self._loudnesses for each in level)

    def _sound(self, values: Mapping[str, object]) -> Sound:
        said = {key: value for key, value in values.items() if key in _OF_PREPARATION}
        chosen = (*self._choices, *(("loudness",) if self._loudnesses else ()))
        bits = values.get("sixteen_bits") is True
        return Sound(replace(Preparation(self._rate), **said), None, bits, chosen)  # type: ignore[arg-type]

    def takes(self) -> list[Taken]:
        return list(self._takes)

    def is_short(self, clip: Clip) -> bool:
        return clip.samples.shape[1] * self._rate < self._fills * clip.rate

    def embedded(self, clip: Clip, pile: Pile) -> Mapping[tuple[Fed, Hashable], str]:
        found: dict[tuple[Fed, Hashable], str] = {}
        whole: dict[tuple[Preparation, float | None], Samples] = {}
        parts = list(dict.fromkeys(each.part for each in self._takes))
        for fed in self.feeds(True):
            assert isinstance(fed, Sound)
            uncut = replace(fed.preparation, longest=0.0, shortest=0), fed.loudness
            if uncut not in whole:
                whole[uncut] = uncut[0].converted(at_loudness(clip, fed.loudness))
            heard = _as_sixteen_bits(fed.preparation.cut(whole[uncut]), fed.sixteen_bits)
            for part in parts:
                key = digest_bytes(repr(part).encode() + heard.tobytes())
                if key not in pile:
                    pile.put(key, self._embed(self._pieces(heard, part), clip))
                found[fed, part] = key
        return found

    def finished(self, rows: Features, taken: Taken) -> Features:
        finish = getattr(taken, "finished", None)
        return rows if finish is None else finish(rows)

    def of_protocol(self, settings: Mapping[str, Setting], short: bool) -> tuple[Fed, Taken]:
        usual = {key: values[0] for key, values in self._choices.items() if key == "sixteen_bits"}
        fed = self._sound({**usual, **{key: each for key, each in settings.items() if key in self._choices}})
        if not short and self._fills:
            first = self._choices["shortest"][0]
            fed = replace(fed, preparation=replace(fed.preparation, shortest=first))  # type: ignore[arg-type]
        return fed, self._reads(settings)

    def embed_text(self, texts: Sequence[str]) -> Features:
        assert self._text is not None
        return self._text(texts)


def at_loudness(clip: Clip, lufs: float | None) -> Clip:
    """The clip brought to an integrated loudness (BS.1770-4), one gain for all channels; as it is for None, and where
    it has none, being silent or under 0.4 s."""
    now = None if lufs is None else loudness(clip.samples, clip.rate)
    if now is None or lufs is None:
        return clip
    return replace(clip, samples=clip.samples * np.float32(10 ** ((lufs - now) / 20)))


def _as_sixteen_bits(heard: Samples, wanted: bool) -> Samples:
    if not wanted:
        return heard
    import torch

    from evalkit.nets.clap import int16_round_trip

    return np.asarray(int16_round_trip(torch.from_numpy(heard)).numpy())
