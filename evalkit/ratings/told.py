"""Ratings and agreement as tables and sentences, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.core.text import count
from evalkit.ratings.against import Held
from evalkit.ratings.base import Ratings
from evalkit.ratings.combined import Estimated, Gap
from evalkit.ratings.describe import CLIPS, RATERS, Described
from evalkit.ratings.music_arena import Leaderboard
from evalkit.report.overlaps import known
from evalkit.report.tables import ARROWS, Sheet
from evalkit.report.text import MISSING, plainly
from evalkit.stats.intervals import Interval
from evalkit.stats.powered import HELPS_FROM
from evalkit.stats.rank_agreement import FEWEST, Figure

UNKNOWN_RATERS = (
    "Who rated is not known: intervals are of new clips with these raters, and mild or strict raters count as noise."
)
LEVELS = (
    "Within: does the metric rank clips of one system as listeners do, which is what tells whether a model became "
    "worse; between: does it rank systems. A high number between systems says nothing of the former."
)
CEILING = "Ceiling: what a perfect metric would reach, as raters do not agree; the root of their means' reliability."


def value(number: float | None, interval: Interval | None, places: int = 2) -> str:
    """ "0.81 [0.79, 0.82]"; the value alone where it has no interval."""
    if number is None:
        return MISSING
    ends = "" if interval is None else f" [{interval.low:.{places}f}, {interval.high:.{places}f}]"
    return f"{number:.{places}f}{ends}"


def reliability_sheet(found: Sequence[Described]) -> Sheet:
    """How far raters agree, a line a scale."""
    head = ("scale", "clips", "ratings", "one rater", "mean of a clip", "ceiling", "within", "between", "alpha")
    known = any(each.icc is not None for each in found)
    rows = tuple((*_reliability(each), *((value(each.icc, None),) if known else ())) for each in found)
    return Sheet("How far raters agree", (*head, "ICC(2,1)") if known else head, rows)


def _reliability(each: Described) -> tuple[str, ...]:
    own, ceilings = each.reliability, each.ceilings
    clips = sum(system.clips for system in each.systems)
    raters = "" if own is None else f" of {own.raters:.3g}"
    return (
        f"{each.scale.name} ({plainly(each.scale.low)} to {plainly(each.scale.high)})",
        f"{clips:,}",
        f"{each.ratings:,}",
        MISSING if own is None else value(own.single, None),
        MISSING if own is None else value(own.value, own.interval) + raters,
        *(value(one, None) for one in (ceilings.clips, ceilings.within, ceilings.between)),
        value(each.alpha, None),
    )


def systems_sheet(found: Sequence[Described], labels: Mapping[str, str]) -> Sheet:
    """Mean ratings, a line a system, in the order of the first scale; `labels` say what systems are called."""
    names = [system.system for system in found[0].systems]
    by = [{system.system: system for system in each.systems} for each in found]
    rows = []
    for name in names:
        means = (value(own[name].mean, own[name].interval) if name in own else MISSING for own in by)
        rows.append((labels.get(name, name), *means, f"{by[0][name].clips:,}", f"{by[0][name].ratings:,}"))
    return Sheet("Mean ratings", ("system", *(each.scale.name for each in found), "clips", "ratings"), tuple(rows))


def detectable_sheet(found: Sequence[Described]) -> Sheet | None:
    """What a study of so many clips and raters can see, a line a size."""
    told = [each for each in found if each.detectable]
    if not told:
        return None
    prompts = "on the same prompts" if told[0].shared else "on other prompts"
    title = f"The smallest difference of two systems {prompts} that is found 4 times of 5"
    rows = tuple((f"{n} × {k}", *(f"{each.detectable[n, k]:.2f}" for each in told)) for n in CLIPS for k in RATERS)
    return Sheet(title, ("clips × raters", *(each.scale.name for each in told)), rows)


def agreement_sheet(held: Sequence[Held]) -> Sheet:
    """A line per metric and scale; within and between systems stand apart."""
    levels = ("Spearman", "Kendall", "pairs in order", "ceiling")
    head = ("metric", "listeners", *(f"within: {each}" for each in levels), *(f"between: {each}" for each in levels))
    rows = []
    for each in held:
        told = each.agreement
        within = [_figure(told.within[name]) for name in ("spearman", "kendall", "accuracy")]
        between = [_figure(told.between[name]) for name in ("spearman", "kendall", "accuracy")]
        ceilings = each.ceilings
        rows.append(
            (
                f"{each.metric} {ARROWS[each.direction]}",
                each.scale,
                *within,
                value(ceilings.within, None),
                *between,
                value(ceilings.between, None),
            )
        )
    return Sheet("Metrics against listeners", head, tuple(rows))


def _figure(figure: Figure) -> str:
    return value(figure.value, figure.interval)


def agreement_notes(held: Sequence[Held], ratings: str) -> list[str]:
    """What is to be known of the table, against the ratings of this name."""
    notes, about = [LEVELS, CEILING], dict[str, list[str]]()
    for each in {one.metric: one for one in held}.values():
        own = each.agreement
        told = f"{count(own.clips, 'clip')} of {count(own.systems, 'system')}"
        told += f", {own.several} of them with {FEWEST} clips or more" if own.several < own.systems else ""
        told += f"; {each.missing:,} rated without a value" if each.missing else ""
        told += f"; {each.unrated:,} values without a rating" if each.unrated else ""
        told += "" if each.stated else "; higher is taken to be better, as nothing says"
        about.setdefault(told, []).append(each.metric)
        notes += [f"{each.metric}: {overlap}" for overlap in known(each.metric, "", ratings)]
    notes += [f"{', '.join(metrics)}: {told}" for told, metrics in about.items()]
    if any(each.agreement.systems < FEWEST for each in held):
        notes.append(f"Under {FEWEST} systems there is no correlation between them.")
    return notes


def estimates_sheet(found: Sequence[Estimated], labels: Mapping[str, str]) -> Sheet:
    """A line a system: the ratings alone, with the metric, and what that is worth."""
    head = ("system", "listeners", "metric", "rated", "not rated", "ratings alone", "with the metric", "ρ", "worth")
    rows = tuple(
        (
            labels.get(each.system, each.system),
            each.scale,
            each.metric,
            f"{each.found.rated:,}",
            f"{each.found.unrated:,}",
            value(each.found.mean, each.found.plain),
            value(each.found.value, each.found.interval),
            value(each.found.correlation, None),
            f"{each.found.effective:,.0f} ratings instead of {each.found.ratings:,}",
        )
        for each in found
    )
    return Sheet("Mean ratings of all clips", head, rows)


def gaps_sheet(gaps: Sequence[Gap], labels: Mapping[str, str]) -> Sheet:
    """A line for every two systems."""
    rows = tuple(
        (
            f"{labels.get(each.first, each.first)} − {labels.get(each.second, each.second)}",
            each.scale,
            each.metric,
            value(each.found.mean, each.found.plain),
            value(each.found.value, each.found.interval),
            value(each.found.correlation, None),
            _decides(each),
        )
        for each in gaps
    )
    head = ("difference", "listeners", "metric", "ratings alone", "with the metric", "ρ", "more ratings to decide")
    return Sheet("Differences, prompt by prompt", head, rows)


def _decides(gap: Gap) -> str:
    if gap.decided:
        return "none: decided"
    return MISSING if gap.more is None else f"about {gap.more:,.0f}"


def estimate_notes(found: Sequence[Estimated]) -> list[str]:
    """Whether the metric helps at all, in words."""
    notes = []
    for metric, scale in dict.fromkeys((each.metric, each.scale) for each in found):
        own = [each.found for each in found if (each.metric, each.scale) == (metric, scale)]
        seen = [abs(each.correlation) for each in own if each.correlation is not None]
        if not any(each.unrated for each in own):
            notes.append(
                f"{metric}: has no value of a clip that is not rated, so there is nothing to combine; a table of "
                "metrics says in a column system whose its other clips are"
            )
        elif not seen or max(seen) < HELPS_FROM:
            said = f"ρ is at most {max(seen):.2f}" if seen else "no correlation can be told"
            notes.append(f"{metric} does not help with {scale}: {said}, and below {HELPS_FROM} it is hardly worth it")
        elif min(seen) < HELPS_FROM:
            notes.append(f"{metric} helps with {scale} for some systems only: ρ is {min(seen):.2f} to {max(seen):.2f}")
    return notes


def leaderboard_sheet(board: Leaderboard) -> Sheet:
    """A board of votes as it was published."""
    rows = tuple(
        (
            row.system,
            f"{row.score:.0f} [{row.low:.0f}, {row.high:.0f}]",
            f"{row.votes:,}",
            MISSING if row.speed is None else f"{row.speed:g}",
        )
        for row in board.rows
    )
    return Sheet(board.title or board.name, ("system", "score", "votes", "seconds of sound per second"), rows)


def source_notes(ratings: Ratings | Leaderboard) -> list[str]:
    """Where ratings are from, and what is to be known of them."""
    told = [f"source: {ratings.source}"] if ratings.source else []
    told += [f"licence: {ratings.licence}"] if ratings.licence else []
    told += list(ratings.notes)
    blind = isinstance(ratings, Ratings) and not ratings.known_raters
    return [*told, UNKNOWN_RATERS] if blind else told
