"""Both sides over the same clips with the same weights files, and the table of how far apart they are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalkit.core.errors import UserError
from evalkit.embed.load import load_embedder
from evalkit.fetch.environment import install
from evalkit.originals import asking, weights
from evalkit.originals.answers import Answer, crops, ours
from evalkit.originals.base import ORIGINALS, Original, chosen
from evalkit.originals.clips import Sound, sounds_for
from evalkit.originals.quantities import QUANTITIES, Difference, Quantity, difference, largest
from evalkit.originals.weights import Weights

Told = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One quantity of a judge over `cases` clips, or of all of them together. `ours` and `theirs` are the two numbers
    where it is one."""

    judge: str
    original: str
    quantity: Quantity
    cases: int
    difference: Difference
    ours: float | None = None
    theirs: float | None = None

    @property
    def verdict(self) -> Literal["within", "differs"]:
        return "within" if self.difference.within(self.quantity.bound) else "differs"


@dataclass(frozen=True)
class ClipRow:
    """One quantity of one clip."""

    judge: str
    clip: str
    quantity: Quantity
    difference: Difference


@dataclass(frozen=True)
class Comparison:
    """`rows` is the table, `clips` what is under it, `left_out` a line on each file that was not compared, `read` the
    weights of each judge."""

    rows: Sequence[Row]
    clips: Sequence[ClipRow]
    left_out: Sequence[str]
    read: Sequence[Weights]

    @property
    def within(self) -> bool:
        return all(row.verdict == "within" for row in self.rows)


def compare(names: Sequence[str], folder: Path | None, overrides: Mapping[str, Path], told: Told) -> Comparison:
    """evalkit beside the originals of these judges (none: one of each), over the sounds of a folder (None: some are
    made). Environments and seeded weights are made where there are none.

    Raises UserError: an unknown name, too few clips, files that one side does not read, no network where an environment
    is to be made, an original that fails.
    """
    judges = chosen(names, ORIGINALS)
    stray = [name for name in overrides if name not in judges and name != weights.TOKENIZER]
    if stray:
        raise UserError(f"--weights {stray[0]}=…: {stray[0]} is not compared", f"compared: {', '.join(judges)}")
    read = {judge: weights.find(judge, original, overrides) for judge, original in judges.items()}
    with tempfile.TemporaryDirectory(prefix="evalkit-originals-") as temporary:
        place = Path(temporary)
        sounds, left_out = sounds_for(folder, place)
        for environment in [each.environment for each in judges.values()]:
            if environment is not None:
                install(environment, None, told)
        rows: list[Row] = []
        clips: list[ClipRow] = []
        for judge, original in judges.items():
            weights.make(read[judge], told)
            own = place / judge
            own.mkdir()
            family, here, there = _both(original, read[judge], sounds, own, told)
            rows += _rows(judge, original, family, here, there)
            clips += _clips(judge, family, sounds, here, there)
    return Comparison(rows, clips, left_out, list(read.values()))


def _both(
    original: Original, read: Weights, sounds: Sequence[Sound], folder: Path, told: Told
) -> tuple[str, Answer, Answer]:
    """The embedder's family, what evalkit says and what the original says."""
    embedder = load_embedder(read.judge, overrides=read.overrides)
    told(f"{read.judge}: evalkit scores {len(sounds)} clips")
    here = ours(embedder, sounds)
    listed = [{"path": str(sound.path), "caption": sound.caption, "crops": crops(embedder, sound)} for sound in sounds]
    family = embedder.spec.family
    del embedder
    told(f"{read.judge}: {original.package} scores them")
    words = "" if read.words is None else str(read.words.absolute())
    job = {"weights": str(read.file.absolute()), "words": words, "clips": listed}
    return family, here, asking.ask(original, job, folder, sum(sound.seconds for sound in sounds))


def _rows(judge: str, original: Original, family: str, here: Answer, there: Answer) -> list[Row]:
    rows = []
    for quantity in QUANTITIES[family]:
        if quantity.name in here.clips:
            pairs = zip(here.clips[quantity.name], there.clips.get(quantity.name, []), strict=False)
            found = [difference(quantity, *pair) for pair in pairs]
            rows.append(Row(judge, original.package, quantity, len(found), largest(found or [_UNTOLD])))
            continue
        mine, theirs = here.together[quantity.name], there.together.get(quantity.name)
        apart = _UNTOLD if theirs is None else difference(quantity, mine, theirs)
        single = theirs is not None and mine.ndim == theirs.ndim == 0
        numbers = (float(mine), float(theirs)) if single and theirs is not None else (None, None)
        rows.append(Row(judge, original.package, quantity, mine.size, apart, *numbers))
    return rows


_UNTOLD = Difference(None, None, None, "the original did not tell it")


def _clips(judge: str, family: str, sounds: Sequence[Sound], here: Answer, there: Answer) -> list[ClipRow]:
    rows = []
    for quantity in QUANTITIES[family]:
        sides = [each.clips.get(quantity.name) or _spread(each, quantity.name, len(sounds)) for each in (here, there)]
        for sound, mine, theirs in zip(sounds, *sides, strict=False):
            rows.append(ClipRow(judge, sound.name, quantity, difference(quantity, mine, theirs)))
    return rows


def _spread(answer: Answer, name: str, clips: int) -> list[object]:
    """An array of one number for each clip as that many numbers; what is told of all clips alone is told of none."""
    array = answer.together.get(name)
    return list(array) if array is not None and array.shape == (clips,) else []
