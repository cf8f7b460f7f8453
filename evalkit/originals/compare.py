"""Both sides over the same clips with the same weights files, and the table of how far apart they are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.files import refusal
from evalkit.core.interrupts import heed
from evalkit.core.plugins import described
from evalkit.core.text import count
from evalkit.embed.load import load_embedder
from evalkit.fetch.environment import install
from evalkit.fetch.published import by_own_names
from evalkit.originals import asking, weights
from evalkit.originals.answers import Answer, crops, ours
from evalkit.originals.base import ORIGINALS, Original, chosen
from evalkit.originals.clips import Sound, sounds_for
from evalkit.originals.quantities import QUANTITIES, Difference, Quantity, difference, largest
from evalkit.originals.weights import Weights

Told = Callable[[str], None]
_UNTOLD = Difference(None, None, None, "the original did not tell it")


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
    weights of each judge, `failed` what kept a judge out of the table."""

    rows: Sequence[Row]
    clips: Sequence[ClipRow]
    left_out: Sequence[str]
    read: Sequence[Weights]
    failed: Mapping[str, UserError]

    @property
    def within(self) -> bool:
        return all(row.verdict == "within" for row in self.rows)


def compare(
    names: Sequence[str],
    folder: Path | None,
    overrides: Mapping[str, Path],
    told: Told,
    known: Sequence[UserError] = (),
) -> Comparison:
    """evalkit beside the originals of these judges (none: one of each), over the sounds of a folder (None: some are
    made). Environments and seeded weights are made where there are none. An original that fails costs itself alone.

    Raises UserError before any work, with all that is wrong at once and what is `known` to be wrong already: unknown
    names, weights that nobody reads, too few clips, files that one side does not read.
    """
    with tempfile.TemporaryDirectory(prefix="evalkit-originals-") as temporary:
        place = Path(temporary)
        asked = _asked(names, folder, overrides, place, known)
        rows: list[Row] = []
        clips: list[ClipRow] = []
        read: list[Weights] = []
        failed: dict[str, UserError] = {}
        for judge, original in asked.judges.items():
            heed()
            own = place / judge
            try:
                own.mkdir()
                family, here, there = _both(original, asked.read[judge], asked.sounds, own, told)
            except Exception as error:  # noqa: BLE001 - the others' rows are to be kept whatever befell one
                heed()
                failed[judge] = _as_told(error)
                continue
            rows += _rows(judge, original, family, here, there)
            clips += _clips(judge, family, asked.sounds, here, there)
            read.append(asked.read[judge])
    return Comparison(rows, clips, asked.left_out, read, failed)


@dataclass(frozen=True)
class _Asked:
    """What a comparison is of; `read` has the weights of each of the `judges`."""

    judges: Mapping[str, Original]
    read: Mapping[str, Weights]
    sounds: Sequence[Sound]
    left_out: Sequence[str]


def _asked(
    names: Sequence[str],
    folder: Path | None,
    overrides: Mapping[str, Path],
    place: Path,
    known: Sequence[UserError],
) -> _Asked:
    faults = Gathering()
    for error in known:
        faults.add(error)
    judges: Mapping[str, Original] = {}
    read: dict[str, Weights] = {}
    sounds: Sequence[Sound] = ()
    left_out: Sequence[str] = ()
    with faults.look():
        sounds, left_out = sounds_for(folder, place)
    with faults.look():
        judges = chosen(names, ORIGINALS)
        given = by_own_names(overrides, judges)
        for name in given:
            faults.require(
                name in judges or (name == weights.TOKENIZER and any(map(weights.has_words, judges))),
                f"--weights {name}: would have no effect: compared are {', '.join(judges)}",
            )
        for judge, original in judges.items():
            with faults.look():
                read[judge] = weights.find(judge, original, given)
    faults.settle()
    return _Asked(judges, read, sounds, left_out)


def _as_told(error: Exception) -> UserError:
    known = refusal(error) if isinstance(error, OSError) else error
    return known if isinstance(known, UserError) else UserError(f"failed: {described(error)}")


def _both(
    original: Original, read: Weights, sounds: Sequence[Sound], folder: Path, told: Told
) -> tuple[str, Answer, Answer]:
    """The embedder's family, what evalkit says and what the original says."""
    if original.environment is not None:
        install(original.environment, None, told)
    weights.make(read, told)
    embedder = load_embedder(read.judge, overrides=read.overrides)
    told(f"{read.judge}: evalkit scores {count(len(sounds), 'clip')}")
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
