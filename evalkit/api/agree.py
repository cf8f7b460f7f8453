"""`evalkit.agree`: how far metrics agree with listeners, and how far listeners agree among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.api.results import Run
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.comparison.record import Record
from evalkit.core.errors import unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.paths import is_there, typed

if TYPE_CHECKING:
    from evalkit.ratings.against import Held
    from evalkit.ratings.base import Ratings
    from evalkit.ratings.combined import Estimated, Gap
    from evalkit.ratings.describe import Described
    from evalkit.ratings.measured import Measured
    from evalkit.ratings.music_arena import Leaderboard


@dataclass(frozen=True)
class Agreed:
    """What ratings came to, and metrics held against them.

    `ratings` are the ratings or the leaderboard; `scales` the raters' reliability, means and smallest differences,
    where no metric was named; `held` the rank correlations of each metric and scale; `estimates` and `gaps` what a few
    ratings and a metric of all clips give together, where that was asked; `notes` are what is to be known.
    """

    ratings: Ratings | Leaderboard
    scales: tuple[Described, ...] = ()
    held: tuple[Held, ...] = ()
    estimates: tuple[Estimated, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As `evalkit agree --json` prints it."""
        from evalkit.ratings import as_json as plain
        from evalkit.ratings.music_arena import Leaderboard

        found = self.ratings
        held = [plain.held(each) for each in self.held]
        if isinstance(found, Leaderboard):
            return {"ratings": found.name, "systems": plain.standings(found), "agreement": held}
        told: dict[str, Any] = {"ratings": found.name, "source": found.source, "licence": found.licence}
        if self.estimates:
            told["estimates"] = [plain.estimated(each) for each in self.estimates]
            told["differences"] = [plain.gap(each) for each in self.gaps]
        elif held:
            told["agreement"] = held
        else:
            told["scales"] = [plain.described(each) for each in self.scales]
        return told | {"notes": list(self.notes)}


@parameters_checked
@parameters_named()
def agree(
    ratings: str | Path,
    runs: Sequence[Run | str | Path] = (),
    *,
    table: str | Path | None = None,
    metrics: Sequence[str] = (),
    scales: Sequence[str] = (),
    estimate: bool = False,
) -> Agreed:
    """Say how far metrics agree with listeners, as `evalkit agree` does.

    Parameters
    ----------
    ratings : str or Path
        A file of ratings, or the name of public ones: "aes-pam", "audiomos2025-track2", "music-arena" ...
    runs : sequence of Run, str or Path
        Runs whose metrics are held against them.
    table : str or Path, optional
        Instead of runs, a table of metrics: a column `clip` (or `system`), then one for each.
    metrics, scales : sequence of str, optional
        These alone.
    estimate : bool
        Whether ratings of a few clips are combined with the metric of all of them.

    Returns
    -------
    Agreed
        Without a metric the raters' reliability and its ceiling; with one, rank correlations within systems and
        between them.

    Raises
    ------
    UserError
        For a file that is no ratings, with the line; for a metric that has no clip in common with them.

    Examples
    --------
    >>> import evalkit
    >>> quality = evalkit.agree("aes-pam", scales=["PQ"]).scales[0]
    >>> f"{quality.reliability.value:.2f}, ceiling {quality.reliability.ceiling:.2f}"
    '0.81, ceiling 0.90'
    """
    wrong = Gathering()
    wrong.require(not estimate or bool(runs) or table is not None, "estimate has no metric", "name runs or a table")
    return asked(ratings, runs, table, metrics, scales, estimate, wrong)


def _side(run: Run | str | Path) -> Record:
    from evalkit.api.compare import side_of
    from evalkit.comparison.record import read_run
    from evalkit.store.bundle import folder_of

    if isinstance(run, Run):
        return side_of(run)
    with folder_of(typed(run)) as folder:
        return read_run(folder)


def asked(
    ratings: str | Path,
    runs: Sequence[Run | str | Path],
    table: str | Path | None,
    metrics: Sequence[str],
    scales: Sequence[str],
    estimate: bool,
    wrong: Gathering,
) -> Agreed:
    """As `agree`, with errors in the words of the command line, and with them what was `wrong` with those."""
    from evalkit.ratings import told
    from evalkit.ratings.against import held_against, held_against_board
    from evalkit.ratings.combined import estimated
    from evalkit.ratings.describe import describe
    from evalkit.ratings.music_arena import Leaderboard

    found = wrong.read(None, _ratings, str(ratings))
    measured = _measured(runs, table, metrics, None if isinstance(found, Leaderboard) else found, wrong)
    if isinstance(found, Leaderboard):
        wrong.require(not estimate, "a leaderboard has no ratings of clips to combine with a metric")
    elif found is not None:
        found = wrong.read(found, _of_scales, found, scales)
    wrong.settle()
    assert found is not None, "else that is told"
    sources = told.source_notes(found)
    if isinstance(found, Leaderboard):
        held = held_against_board(found, measured)
        notes = told.agreement_notes(held, found.name) if held else []
        return Agreed(found, held=tuple(held), notes=(*notes, *sources))
    if estimate:
        alone, gaps = estimated(found, measured)
        return Agreed(found, estimates=tuple(alone), gaps=tuple(gaps), notes=(*told.estimate_notes(alone), *sources))
    if measured:
        held = held_against(found, measured)
        return Agreed(found, held=tuple(held), notes=(*told.agreement_notes(held, found.name), *sources))
    return Agreed(found, scales=tuple(describe(found)), notes=tuple(sources))


def _ratings(named: str) -> Ratings | Leaderboard:
    """A file where there is one of that name, else public ratings."""
    from evalkit.ratings.read import read_ratings
    from evalkit.ratings.shipped import names, shipped

    path = typed(named)
    if is_there(path) or named not in names():
        if not is_there(path) and path.suffix == "" and "/" not in named:
            raise unknown_name("file, and no public set of ratings,", named, names())
        return read_ratings(path)
    return shipped(named)


def _of_scales(found: Ratings, wanted: Sequence[str]) -> Ratings:
    known = {each.name: each for each in found.scales}
    for name in wanted:
        if name not in known:
            raise unknown_name("scale of these ratings", name, known)
    return replace(found, scales=tuple(known[name] for name in dict.fromkeys(wanted))) if wanted else found


def _measured(
    runs: Sequence[Run | str | Path],
    table: str | Path | None,
    only: Sequence[str],
    ratings: Ratings | None,
    wrong: Gathering,
) -> list[Measured]:
    """The metrics that are named, of runs or of a table; what is wrong with any of it is kept."""
    from evalkit.ratings.measured import measured_of_runs, read_measured

    wrong.require(
        not runs or table is None, "--runs and --metrics are both given", "hold one of them against the ratings"
    )
    if not runs and table is None:
        wrong.require(not only, f"--metric {', '.join(only)}: is of no run and no table", "name --runs or --metrics")
        return []
    before = len(wrong.errors)
    sides = [side for run in dict.fromkeys(runs) if (side := wrong.read(None, _side, run)) is not None]
    found = measured_of_runs(sides, ratings, only) if sides else []
    found += [] if table is None else wrong.read([], read_measured, typed(table))
    known = {each.metric: each for each in found}
    if len(wrong.errors) == before:
        wrong.require(bool(found), "these runs have no metric with a value per prompt", "score them with clap_score")
        for name in only if found else ():
            if name not in known:
                wrong.add(unknown_name("metric here with a value per clip", name, known))
    return [known[name] for name in dict.fromkeys(only) if name in known] if only else found
