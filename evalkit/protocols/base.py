"""Reading a protocol: the columns of a published table, and how its toolkit feeds each network.

A protocol is `NAME.toml` in this room::

    title = "av-benchmark"              # what its table is called
    version = "1"                       # raised with whatever changes a number
    source = "owner/name at a commit"   # where each rule was read
    provisional = false                 # true: no primary source settles the following,
    unsettled = []                      # each a sentence, which every table repeats
    differs = []                        # likewise: where evalkit does knowingly not what its toolkit does
    seconds = 10.0                      # of a sound; absent: any (what a judge hears of it stands below)
    published = "stable-audio-metrics"  # the paper's own rows in reports/published: those of this protocol
    published_suite = "audiocaps-886"   # and suite; absent: there are none

    [generation]                        # what is known of how the paper made its sounds; told, never guessed
    suite = "audiocaps-886"

    [preparation]                       # of every judge below: fields of audio.preparation.Preparation
    channels = "mean"

    [judges.vggish]                     # how a network is fed: its name is then vggish@av-benchmark
    family = "vggish"                   # which file of evalkit/embed reads it
    longest = 8.0                       # beyond [preparation]: more of its fields, or of that family's own

    [columns.fad_vggish]                # in the paper's order, each a metric's name
    title = "FD-VGG"                    # as the paper heads it
    judge = "vggish@av-benchmark"
    published = "inception_score"       # as reports/published calls it; absent: as the metric
    epsilon = "0"                       # further keys are the metric's options
    why_not = ""                        # where evalkit cannot print it: the reason
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evalkit.core.errors import unknown_name
from evalkit.core.tables import Table
from evalkit.core.tomlio import read_toml_table

Setting = str | float | bool

AT = "@"
"""Between the name of weights and that of the protocol by which they are fed."""


@dataclass(frozen=True)
class Judge:
    """A network as a protocol feeds it: `name` is `weights@protocol`, `family` the file of evalkit/embed that reads it,
    `settings` what that file takes."""

    name: str
    weights: str
    family: str
    settings: Mapping[str, Setting]


@dataclass(frozen=True)
class Heading:
    """One column: a metric under the paper's own heading, `judge` the embedder, `options` the metric's. `published` is
    its name among the paper's figures; `why_not` says why evalkit cannot print it, "" where it can."""

    metric: str
    title: str
    judge: str
    options: Mapping[str, str]
    published: str
    why_not: str = ""


@dataclass(frozen=True)
class Protocol:
    """One file; see the room's `base.py` for what its keys say."""

    name: str
    title: str
    version: str
    source: str
    provisional: bool
    unsettled: tuple[str, ...]
    differs: tuple[str, ...]
    seconds: float
    published: str
    published_suite: str
    generation: Mapping[str, Setting]
    judges: Mapping[str, Judge]
    columns: tuple[Heading, ...]

    @property
    def id(self) -> str:
        """What stands in a score as its protocol."""
        return f"{self.name}-{self.version}"

    @property
    def told(self) -> tuple[str, ...]:
        """What a table says of itself: that it is provisional, each thing that is not settled, and where it differs."""
        said = [f"table {self.name} (protocol {self.id}), by {self.source}"]
        if self.provisional:
            open_questions = "; ".join(self.unsettled)
            said.append(f"table {self.name} is PROVISIONAL: no primary source settles {open_questions}")
        said += [f"table {self.name}: {difference}" for difference in self.differs]
        return tuple(said)


def protocol_names() -> list[str]:
    """The protocols that evalkit has."""
    return sorted(_files())


def load_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises UserError, with the nearest, for one that is not known."""
    if name not in _files():
        raise unknown_name("table", name, protocol_names())
    return _protocols()[name]


def judges() -> Mapping[str, Judge]:
    """{weights@protocol: judge} of all protocols."""
    return {judge.name: judge for protocol in _protocols().values() for judge in protocol.judges.values()}


def judge_called(name: str) -> Judge | None:
    """The judge of a name with a protocol in it; None of plain weights."""
    return judges().get(name) if AT in name else None


def weights_in(name: str) -> str:
    """The weights that an embedder's name names: `vggish` of `vggish@av-benchmark`."""
    return name.partition(AT)[0] if name in judges() else name


def protocol_of(identifier: str) -> Protocol | None:
    """The protocol whose id a suite's protocol is; None where it is none of ours."""
    return next((each for each in _protocols().values() if each.id == identifier), None)


@cache
def _files() -> Mapping[str, Path]:
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


@cache
def _protocols() -> Mapping[str, Protocol]:
    return {name: read_protocol(path) for name, path in _files().items()}


def read_protocol(path: Path) -> Protocol:
    """One file. Raises UserError with all that is wrong with it, each fault with its line and key."""
    file, name = read_toml_table(path, "protocol"), path.stem
    shared = _settings(file.table("preparation", optional=True))
    found = Protocol(
        name=name,
        title=file.text("title"),
        version=file.text("version"),
        source=file.text("source"),
        provisional=file.switch("provisional"),
        unsettled=file.texts("unsettled"),
        differs=file.texts("differs"),
        seconds=_seconds(file),
        published=file.text("published", "", empty=True),
        published_suite=file.text("published_suite", "", empty=True),
        generation=_settings(file.table("generation", optional=True)),
        judges=dict(_judges(name, file.table("judges", optional=True), shared)),
        columns=tuple(_heading(metric, table) for metric, table in file.table("columns").tables().items()),
    )
    if found.provisional != bool(found.unsettled):
        file.fault("unsettled", "a provisional protocol says what is not settled, and another one has nothing to say")
    file.settle()
    return found


def _seconds(file: Table) -> float:
    return 0.0 if not file.holds("seconds") else file.number("seconds")


def _judges(protocol: str, table: Table, shared: Mapping[str, Setting]) -> Iterator[tuple[str, Judge]]:
    for weights, inner in table.tables().items():
        family = inner.text("family")
        yield weights, Judge(f"{weights}{AT}{protocol}", weights, family, {**shared, **_settings(inner)})


def _heading(metric: str, table: Table) -> Heading:
    title, judge, why_not = table.text("title"), table.text("judge", "", empty=True), table.text("why_not", "")
    published = table.text("published", metric)
    if not judge and not why_not:
        table.miss("judge", 'add judge = "NAME", or why_not = "..."')
    return Heading(metric, title, judge, {key: table.text(key) for key in table.rest()}, published, why_not)


def _settings(table: Table) -> dict[str, Setting]:
    """The keys that nothing else has asked for, as they are: whoever is fed by them knows them."""
    return {key: table.read(key, _is_setting, "text, a number, or true or false", "", "") for key in table.rest()}


def _is_setting(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
