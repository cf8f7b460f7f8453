"""What a run came to: its scores, its sounds and its failures, as a notebook wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evalkit.api.frames import data_frame
from evalkit.api.html import Html, table
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.core.errors import UserError, close_names
from evalkit.core.ids import sound_name
from evalkit.core.paths import typed
from evalkit.core.text import count, one_line
from evalkit.report.records import Estimate, Item, RunRecord, mapping
from evalkit.report.sampling import Audio
from evalkit.report.tables import ARROWS
from evalkit.report.text import estimate

if TYPE_CHECKING:
    from evalkit.api.frames import DataFrame
    from evalkit.audio.clip import Samples
    from evalkit.comparison.record import Record

_MARKS = {"mini": "mini: compare with mini figures alone", "random": "random weights: says nothing about the model"}
_HEADERS = ("metric", "", "value", "interval", "n", "failed")
_SHOWN = 5
"""Failures that are named one by one."""


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A run that was scored: what `evalkit.run`, `evalkit.score`, `evalkit.load` and `Judge.compute` give.

    Parameters
    ----------
    record : evalkit.report.records.RunRecord
        What is known of the run, read or computed.
    folder : pathlib.Path or None
        Where it lies on the disk, for a bundle's as long as this run is there; None for a `Judge`'s, in memory alone.
    notes : sequence of str
        What was told while it was made: what was guessed, left out, or is not as it might seem.
    reused : bool
        True where all of it was there already and nothing was computed.
    side : evalkit.run.baseline.Record or None
        The run as the gate reads it, where it is in no folder of its own.
    bundle : pathlib.Path or None
        The file that it was read from, where that is a bundle.

    Attributes
    ----------
    scores : mapping of str to Estimate
        By metric, in the suite's order: `value` with its interval `low` and `high` at `level`, standard error `se`,
        `n` and `n_failed` sounds, `direction` ("lower", "higher" is better, or "none"), `protocol`, `weights`,
        `warnings`. `value` is None where there is no number; its warnings say why.
    samples : sequence of Item
        One row per sound, in the suite's order, the failed ones too: `id`, `sample`, `prompt`, `seconds`, `failed`,
        `error`, `verdicts`, `rate` (Hz), `channels`, `frames`, `loudness` (LUFS), and `scores` {metric: value}.
    failures : mapping of str to str
        Why each failed sound did, by its id (`id#1` where prompts have several sounds).

    Examples
    --------
    >>> import evalkit
    >>> run = evalkit.run("mock", limit=4)
    >>> run.scores["clap_score"].n
    4
    >>> print(run)
    mock on suite mini 1 (mini): 4 of 4 sounds
    """

    record: RunRecord
    folder: Path | None
    notes: Sequence[str] = ()
    reused: bool = False
    side: Record | None = None
    bundle: Path | None = None

    @property
    def run_id(self) -> str:
        return self.record.run_id

    @property
    def model(self) -> str:
        return self.record.model.get("name", "")

    @property
    def suite(self) -> str:
        return self.record.suite.name

    @property
    def size(self) -> str:
        """ "mini" where model or suite is one, "random" for random weights: neither compares with full figures."""
        return one_line(self.record.facts.get("size"), 40)

    @property
    def unfinished(self) -> str:
        """Why the run has no figures of its own (yet); "" for a finished one."""
        return self.record.unfinished

    @property
    def decided(self) -> Mapping[str, str]:
        """By metric, what `until_decided` came to: "worse", "not worse", or "" where it is open; empty without it, and
        for a run that went to its end."""
        found = mapping(mapping(self.record.facts.get("decided")).get("metrics"))
        return {name: str(mapping(each).get("way", "")) for name, each in found.items()}

    @property
    def scores(self) -> Mapping[str, Estimate]:
        in_order = self.samples[0].scores if self.samples else {}
        found = self.record.scores
        return {name: found[name] for name in dict.fromkeys((*in_order, *found)) if name in found}

    @property
    def samples(self) -> Sequence[Item]:
        return self.record.items

    @property
    def failures(self) -> Mapping[str, str]:
        return {name: item.error for name, item in self._named.items() if item.failed}

    @property
    def _named(self) -> dict[str, Item]:
        several = 2 if any(item.sample for item in self.samples) else 1
        return {sound_name(item.id, item.sample, several): item for item in self.samples}

    @parameters_checked
    def table(self, of: Literal["scores", "samples"] = "scores") -> DataFrame:
        """The run as a pandas table.

        Parameters
        ----------
        of : {"scores", "samples"}
            A row per metric, or a row per sound with a column per metric.

        Returns
        -------
        pandas.DataFrame
            Indexed by metric, or by sound. What there is not is None or NaN.

        Raises
        ------
        UserError
            Where pandas is not installed, or `of` is something else.

        Examples
        --------
        >>> import evalkit
        >>> run = evalkit.run("mock", limit=4)
        >>> run.table().loc["clap_score", "n"]
        np.int64(4)
        >>> list(run.table(of="samples")["failed"])
        [False, False, False, False]
        """
        if of == "scores":
            return data_frame("metric", [{"metric": name, **asdict(entry)} for name, entry in self.scores.items()])
        if of != "samples":
            raise UserError(f"of={of!r}: there are the tables 'scores' and 'samples'")
        rows = [
            {"sound": name, **{key: value for key, value in asdict(item).items() if key != "scores"}, **item.scores}
            for name, item in self._named.items()
        ]
        return data_frame("sound", rows)

    @parameters_checked
    def audio(self, name: str) -> tuple[Samples, int]:
        """A sound as it was scored.

        Parameters
        ----------
        name : str
            The prompt's id; `id#1` for its second sound, where prompts have several.

        Returns
        -------
        samples : numpy.ndarray of float32, (channels, samples)
            Level as stored, nominal range [-1, 1].
        rate : int
            Samples per second (Hz).

        Raises
        ------
        UserError
            For an id that the run does not have, a sound that failed, that is not there, or is not the one that was
            scored; and for a `Judge`'s run, which keeps no sound.

        Examples
        --------
        >>> import evalkit
        >>> run = evalkit.run("mock", limit=4)
        >>> samples, rate = run.audio(run.samples[0].id)
        >>> samples.shape, rate
        ((2, 64000), 16000)
        """
        from evalkit.report.media import sound

        item = self._named.get(name)
        if item is None:
            close = close_names(name, self._named)
            raise UserError(f"no sound of this run is called {name!r}", f"did you mean {close}?" if close else "")
        found = sound(self._on_disk("its sounds"), item)
        if isinstance(found, str):
            raise UserError(f"{name}: {item.error if item.failed and item.error else found}")
        return found.samples, found.rate

    @parameters_checked
    def report(self, path: str | Path | None = None, audio: Audio = "sample") -> Path:
        """Write the page of the run: scores, failures, players, pictures, provenance, in one file.

        Parameters
        ----------
        path : str or Path, optional
            Where to; by default `report.html` in the run's folder, or beside its bundle.
        audio : {"sample", "all", "none"}
            Whose sound goes into the page: a sample of the prompts (all, where they are few), all, or none.

        Returns
        -------
        pathlib.Path
            The page, which opens in a browser and needs no network.

        Raises
        ------
        UserError
            Where it cannot be written, and for a `Judge`'s run.

        Examples
        --------
        >>> import evalkit
        >>> evalkit.run("mock", limit=4).report("mock.html").name
        'mock.html'
        """
        from evalkit.core.files import require_place
        from evalkit.report.page import write_report

        folder = self._on_disk("its report")
        with parameters_named():
            beside = folder / "report.html" if self.bundle is None else self.bundle.with_suffix(".html")
            place = beside if path is None else require_place(typed(path))
            return write_report([folder], place, audio)

    def _on_disk(self, what: str) -> Path:
        if self.folder is None:
            raise UserError(f"this run is in memory, without {what}", "score the sounds with evalkit.score")
        return self.folder

    def __str__(self) -> str:
        suite = self.record.suite
        size = f" ({self.size})" if self.size in _MARKS else ""
        head = f"{self.model} on suite {suite.name} {suite.version}{size}"
        if self.unfinished:
            return f"{head}: {self.unfinished}"
        good = sum(not item.failed for item in self.samples)
        return f"{head}: {good} of {count(len(self.samples), 'sound')}"

    def __repr__(self) -> str:
        rows = [_row(name, each) for name, each in self._of(headline=True)]
        return f"<Run {self}{''.join(f'; {row[0]} {row[2]}' for row in rows)}>"

    def _repr_html_(self) -> str:
        """A small table, whatever the run's folder says: every text is escaped."""
        headline, further = ([_row(*each) for each in self._of(kind)] for kind in (True, False))
        parts = Html().line(str(self)).line(_MARKS.get(self.size, "")).add(table(_HEADERS, headline))
        if further:
            parts.folded("further measures", table(_HEADERS, further))
        failures = list(self.failures.items())
        for name, reason in failures[:_SHOWN]:
            parts.line(f"failed {name!r}: {one_line(reason, 200)}")
        parts.line(f"and {len(failures) - _SHOWN} more: see .failures" if len(failures) > _SHOWN else "")
        for note in self.notes[:_SHOWN]:
            parts.line(one_line(note, 300))
        return str(parts)

    def _of(self, headline: bool) -> list[tuple[str, Estimate]]:
        """The scores that rank, or the others; those from before there were others all do."""
        return [(name, each) for name, each in self.scores.items() if (each.headline is not False) == headline]


def _row(name: str, each: Estimate) -> list[object]:
    value, spread = estimate(each.value, each.low, each.high, each.level)
    return [name, ARROWS.get(each.direction, ""), value, spread, each.n, each.n_failed]
