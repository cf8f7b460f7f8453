"""The difference of two runs on one metric, with its error: the one arithmetic behind board, `compare` and `check`.

What the prompts alone decide is common to both runs, and cancels where the difference is taken before the error:

- a mean of prompts is compared prompt by prompt, over the prompts that both have, a source of several prompts being the
  unit (`stats.paired`);
- a kernel distance by the parts that each source and each reference sound has in it, as the U-statistic that the
  difference is (`stats.relative`), where both sides' files hold them; those of older ones do not;
- any other statistic of the whole set (a Frechet distance) by the jackknife of the difference over the folds
  of sources that both sides have left out: v_k = a_k - b_k for each fold k, and the variance of these;
- else the two errors are taken as independent, which for runs on the same prompts is wider than the truth.

The p value is two-sided, of no difference, of Student's t (the normal where an error is taken as known): of the same
error as the interval, so that the two never disagree, and without the floor that flipping signs has, below which no
adjustment for a large board could bring it (9,999 draws end at 0.0001, six sources at 0.03). Where every prompt or fold
differs by the same amount there is no spread to tell an error from, which is not to have none: then the signs of the
sources' differences tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from evalkit.comparison.record import Record, number

if TYPE_CHECKING:
    from evalkit.stats.relative import Influences

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """current - baseline with its standard error and ends (None where none can be had), the degrees of freedom
    of that error (None where it is taken as known), and the two-sided p of no difference. `alike`: every
    prompt, or every fold, differs by the same amount, so that no error can be told."""

    value: float
    error: float | None
    low: float | None
    high: float | None
    method: str
    p: float | None = None
    freedom: float | None = None
    alike: bool = False

    @property
    def is_clear(self) -> bool:
        """Can no difference be excluded? By the interval; where no spread is there to make one of, by the signs."""
        if self.low is None or self.high is None:
            return self.alike and self.value != 0 and self.p is not None and self.p <= 1 - LEVEL
        return self.low > 0 or self.high < 0


def difference(metric: str, run: Record, baseline: Record) -> Difference:
    """`run` minus `baseline` in a metric of which both have a value. Where a prompt's sounds failed on one side, it is
    the mean difference of the others. Whether the two can be compared says `comparison.likeness`."""
    current, base = run.metrics[metric], baseline.metrics[metric]
    value = float(current["value"]) - float(base["value"])
    shared = shared_prompts(metric, run, baseline)
    if shared:
        here, there = ({i: float(score["per_prompt"][i]) for i in shared} for score in (current, base))
        if len(shared) < max(len(current["per_prompt"]), len(base["per_prompt"])):
            value = math.fsum(here[i] - there[i] for i in shared) / len(shared)
        return _paired(value, here, there, run.groups)
    parts = _influences(current), _influences(base)
    if parts[0] and parts[1]:
        by_parts = _paired_parts(value, parts[0], parts[1])
        if by_parts is not None:
            return by_parts
    # The same sources in the same folds; with a failed item it might not be the same items.
    if run.groups == baseline.groups and current.get("n_failed") == 0:
        left = leave_outs(current), leave_outs(base)
        if left[0] is not None and left[1] is not None and len(left[0]) == len(left[1]):
            return _paired_folds(value, left[0], left[1])
    return _independent(value, _error(current), _error(base))


def _independent(value: float, here: _Error | None, there: _Error | None) -> Difference:
    """Both sides' errors added up, with Welch's degrees of freedom where each side has its own. The method says
    "intervals" where a side's error had to be read off the width of one."""
    if here is None or there is None:
        return Difference(value, None, None, None, "none")
    error = math.hypot(here.se, there.se)
    freedom = None
    if here.freedom and there.freedom and error > 0:
        freedom = error**4 / (here.se**4 / here.freedom + there.se**4 / there.freedom)
    from evalkit.stats.paired import two_sided_p, two_sided_quantile

    reach = two_sided_quantile(LEVEL, freedom) * error
    p = two_sided_p(value, error, freedom)
    method = "independent errors" if here.stated and there.stated else "independent intervals"
    return Difference(value, error, value - reach, value + reach, method, p, freedom)


def _paired(
    value: float, here: Mapping[str, float], there: Mapping[str, float], groups: Mapping[str, str]
) -> Difference:
    from evalkit.stats.intervals import clustered_mean
    from evalkit.stats.paired import paired_difference, two_sided_p

    ids = sorted(here)
    sources = [groups[i] for i in ids]
    ends = clustered_mean([here[i] - there[i] for i in ids], sources, LEVEL)
    if ends is None or _no_error(ends.se, value, [*here.values(), *there.values()]):
        p = paired_difference([here[i] for i in ids], [there[i] for i in ids], sources, level=LEVEL).p
        return Difference(value, None, None, None, "paired", p, alike=ends is not None)
    p = two_sided_p(value, ends.se, ends.freedom)
    return Difference(value, ends.se, ends.low, ends.high, "paired", p, ends.freedom)


def _paired_folds(value: float, here: Sequence[float], there: Sequence[float]) -> Difference:
    """The jackknife of the difference itself: what both sides share by their prompts cancels."""
    from evalkit.stats.intervals import jackknife_interval
    from evalkit.stats.paired import two_sided_p

    differences = [first - second for first, second in zip(here, there, strict=True)]
    ends = jackknife_interval(value, differences, LEVEL)
    if ends is None or _no_error(ends.se, value, [*here, *there]):
        return Difference(value, None, None, None, "paired jackknife", alike=ends is not None)
    p = two_sided_p(value, ends.se, len(differences) - 1)
    return Difference(value, ends.se, ends.low, ends.high, "paired jackknife", p, len(differences) - 1)


def _paired_parts(value: float, here: Influences, there: Influences) -> Difference | None:
    """None where the two are not of the same sources against the same reference, or of too few."""
    from evalkit.stats.paired import two_sided_p
    from evalkit.stats.relative import relative_interval

    same = here.sources.keys() == there.sources.keys() and len(here.reference) == len(there.reference)
    ends = relative_interval(value, here, there, LEVEL) if same else None
    if ends is None or ends.se == 0:
        return None
    p = two_sided_p(value, ends.se, ends.freedom)
    return Difference(value, ends.se, ends.low, ends.high, "paired U-statistic", p, ends.freedom)


def _influences(score: Mapping[str, Any]) -> Influences | None:
    """The parts that a score's file holds; None where it has none, or not all are numbers."""
    from evalkit.stats.relative import Influences

    sources, reference = score.get("influences"), score.get("reference_influences")
    if not isinstance(sources, dict) or not isinstance(reference, list | tuple):
        return None
    known = {name: part for name, each in sources.items() if (part := number(each)) is not None}
    rows = [part for each in reference if (part := number(each)) is not None]
    return Influences(known, rows) if (len(known), len(rows)) == (len(sources), len(reference)) else None


def leave_outs(score: Mapping[str, Any]) -> list[float] | None:
    """The score's values without each fold; None where it has none, as one from before they were kept."""
    found = score.get("leave_outs")
    values = [number(each) for each in found] if isinstance(found, list | tuple) else []
    finite = [value for value in values if value is not None]
    return finite if finite and len(finite) == len(values) else None


def shared_prompts(metric: str, run: Record, baseline: Record) -> list[str]:
    """The prompts that both sides have a value of, where theirs are means of prompts; else none."""
    current, base = run.metrics[metric], baseline.metrics[metric]
    if not (is_mean_of_prompts(current, run.samples) and is_mean_of_prompts(base, baseline.samples)):
        return []
    return sorted(current["per_prompt"].keys() & base["per_prompt"].keys() & run.groups.keys())


def is_mean_of_prompts(score: Mapping[str, Any], samples: int) -> bool:
    """Only then do per-prompt differences add up to the difference that is judged. `n` counts sounds, of which each
    prompt has up to `samples`."""
    value, n = number(score.get("value")), number(score.get("n"))
    values = [number(each) for each in score["per_prompt"].values()]
    finite = [each for each in values if each is not None]
    if value is None or n is None or not finite or len(finite) != len(values):
        return False
    if not len(finite) <= n <= samples * len(finite):
        return False
    return math.isclose(math.fsum(finite) / len(finite), value, rel_tol=1e-5, abs_tol=1e-9)


def _no_error(se: float, difference: float, values: Sequence[float]) -> bool:
    """Is a standard error only the rounding of the values that it was made from?"""
    return se <= 1e-14 * max(map(abs, values)) or se <= 1e-7 * abs(difference)


@dataclass(frozen=True)
class _Error:
    """A score's standard error and its degrees of freedom (None: taken as known); `stated` where its file states it."""

    se: float
    freedom: int | None
    stated: bool


def _error(score: Mapping[str, Any]) -> _Error | None:
    """The error of a score, None where it has none. That of a file from before errors were kept is read off the
    width of its interval, taken as normal (of a t interval that is a little more than its own)."""
    if "se" in score:
        se, freedom = number(score["se"]), score.get("freedom")
        known = freedom if isinstance(freedom, int) and not isinstance(freedom, bool) and freedom > 0 else None
        if se is not None or score.get("low") is None:
            return None if se is None else _Error(se, known, True)
    low, high, level = (number(score.get(key)) for key in ("low", "high", "level"))
    if low is None or high is None or level is None or not 0 < level < 1:
        return None
    return _Error(abs(high - low) / (2 * NormalDist().inv_cdf(0.5 + level / 2)), None, False)
