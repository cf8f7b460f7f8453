"""Files of known answers: numbers that somebody published, or recorded, for weights or a formula; read strictly.

What ships is in `answers/` beside this file; records of one's own lie under `EVALKIT_HOME/answers`, and anybody's may
be named. A record is a stranger's file: it says of which weights and which of evalkit's own test signals its numbers
are, and nothing of what is to be run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

from evalkit.core.errors import UserError
from evalkit.core.faults import Section, refuse_unknown
from evalkit.core.fitting import fits
from evalkit.core.jsonio import read_json
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.published import PUBLISHED
from evalkit.fetch.weights import MINIS
from evalkit.verify.signals import VERSION
from evalkit.verify.verdict import Tolerance

SHIPPED = Path(__file__).parent / "answers"
FORM = 1
RECORDED = ("judge", "generator")
"""The runners that a record may ask for: what they compute is evalkit's own choice."""

_MOST_BYTES, _MOST_NUMBERS, _MOST_CASES = 4 << 20, 200_000, 100

T = TypeVar("T")
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One thing to compute. `input` is the runner's own; `output` says which part of what it gives is expected
    ("[0, :16]"; "": all of it), `shape` of which shape the whole is (None: any), `expected` the numbers by device ("":
    any; "cuda 8": of that kind and capability). `weights` narrows the file's ("": all of them). `unjudged` says why a
    difference proves nothing ("": it does)."""

    what: str
    input: Mapping[str, Any]
    output: str
    shape: tuple[int, ...] | None
    expected: Mapping[str, Numbers]
    tolerance: Tolerance
    weights: str = ""
    unjudged: str = ""


@dataclass(frozen=True)
class Answers:
    """A file: `name` is its own, `weights` the names that it is about (none: a formula's). `checkpoint` is the
    repository where it is about another one than evalkit has under these names, to be given by `--weights`. `digest` is
    that of the recorded weights ("": nobody stated one), `signals` the version of the test signals (0: none are used).
    """

    name: str
    path: Path
    about: str
    runner: str
    weights: tuple[str, ...]
    cases: tuple[Case, ...]
    source: Mapping[str, str]
    checkpoint: str = ""
    digest: str = ""
    signals: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names that stand in the table for it."""
        return self.weights or (self.name,)

    @property
    def shipped(self) -> bool:
        return self.path.parent == SHIPPED


@dataclass(frozen=True)
class _File:
    """The keys of a file, as JSON has them; `cases` and `source` beside."""

    form: int
    about: str
    runner: str
    weights: tuple[str, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)
    checkpoint: str = ""
    digest: str = ""
    signals: int = 0


@dataclass(frozen=True)
class _CaseFile:
    """The keys of a case but `input` and `expected`."""

    what: str
    output: str = ""
    shape: tuple[int, ...] | None = None
    absolute: float = 0.0
    relative: float = 0.0
    rows: float | None = None
    weights: str = ""
    unjudged: str = ""


def known_answers(files: tuple[Path, ...] = ()) -> list[Answers]:
    """What ships, what lies under EVALKIT_HOME/answers, and these files. Raises UserError, naming the file."""
    home = evalkit_home() / "answers"
    shipped = [read_answers(path, ours=True) for path in sorted(SHIPPED.glob("*.json"))]
    return [*shipped, *(read_answers(path) for path in (*sorted(home.glob("*.json")), *files))]


def read_answers(path: Path, ours: bool = False) -> Answers:
    """A file of answers; `ours` ships with evalkit, and may say what is to be run. Raises UserError, naming the file
    and what is wrong with it."""
    content = read_json(path, _MOST_BYTES, finite=True)
    where = str(path)
    if not isinstance(content, dict) or not isinstance(content.get("cases"), list):
        raise UserError(f"{where}: is no file of known answers", "`evalkit verify --record` writes one")
    file = read_fields(_File, {key: value for key, value in content.items() if key != "cases"}, where)
    if file.form != FORM:
        raise UserError(f"{where}: has the form {file.form}, not {FORM}", "another version of evalkit has written it")
    if not ours:
        _require_record(file, where)
    if not 0 < len(content["cases"]) <= _MOST_CASES:
        raise UserError(f"{where}: has {len(content['cases'])} cases, expected 1 to {_MOST_CASES}")
    cases = tuple(_case(each, f"{where}: case {number}") for number, each in enumerate(content["cases"], start=1))
    return Answers(
        path.stem, path, file.about, file.runner, file.weights, cases, file.source, file.checkpoint, file.digest,
        file.signals,
    )  # fmt: skip


def _require_record(file: _File, where: str) -> None:
    hint = "`evalkit verify --record NAME` writes records"
    if file.runner not in RECORDED:
        raise UserError(f"{where}: is no record: its runner is not {' or '.join(RECORDED)}", hint)
    if len(file.weights) != 1 or file.weights[0] not in (*PUBLISHED, *MINIS):
        raise UserError(f"{where}: is not of one weights name that evalkit knows", hint)
    if file.signals != VERSION:
        raise UserError(f"{where}: was recorded with test signals of version {file.signals}, not {VERSION}", hint)


def _case(table: object, where: str) -> Case:
    if not isinstance(table, dict):
        raise UserError(f"{where}: is no table")
    told = {key: value for key, value in table.items() if key not in ("input", "expected")}
    case = read_fields(_CaseFile, told, where, others=("input", "expected"))
    given, stated = table.get("input", {}), table.get("expected")
    if not isinstance(given, dict):
        raise UserError(f"{where}: input is no table")
    by_device = stated if isinstance(stated, dict) else {"": stated}
    if not by_device:
        raise UserError(f"{where}: expected holds nothing")
    expected = {device: _numbers(each, where) for device, each in by_device.items()}
    rounding = max(_rounding(each) for each in by_device.values())
    tolerance = Tolerance(case.absolute, case.relative, case.rows, rounding)
    return Case(case.what, given, case.output, case.shape, expected, tolerance, case.weights, case.unjudged)


def read_fields(kind: type[T], table: Mapping[str, Any], where: str, others: tuple[str, ...] = ()) -> T:
    """The dataclass `kind` filled from a table: lists become tuples. Raises UserError for a key that it has not
    (`others` are known beside), lacks, or has of another type."""
    hints = get_type_hints(kind)
    refuse_unknown(where, Section("", table, (*hints, *others)))
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name in table and not fits(table[each.name], hints[each.name]):
            raise UserError(f"{where}: {each.name} is of another type than is read")
        if each.name not in table and each.default is MISSING and each.default_factory is MISSING:
            raise UserError(f"{where}: {each.name} is missing")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def _numbers(value: object, where: str) -> Numbers:
    """Numbers, or even rows of them."""
    try:
        array = np.array(value, dtype=np.float64) if isinstance(value, list) else None
    except (ValueError, TypeError, OverflowError):
        array = None
    if array is None or not 0 < array.size <= _MOST_NUMBERS or array.ndim > 4 or not np.isfinite(array).all():
        raise UserError(f"{where}: expected is no list of numbers, or of even rows of them")
    return array


def _rounding(value: object) -> float:
    """Half a unit of the last decimal that any of the numbers has; 0 where all are whole."""
    flat: list[object] = [value]
    while any(isinstance(each, list) for each in flat):
        flat = list(chain.from_iterable(each if isinstance(each, list) else [each] for each in flat))
    exponents = [Decimal(repr(each)).as_tuple().exponent for each in flat if isinstance(each, float)]
    last = min((int(each) for each in exponents if isinstance(each, int)), default=0)
    return 0.5 * 10.0**last if last < 0 else 0.0
