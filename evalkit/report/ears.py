"""What listeners said as columns of the leaderboard: means of ratings and scores of votes beside the metrics, ranked by
the listeners' own differences, in one family with all comparisons of the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.comparison.difference import LEVEL, Difference
from evalkit.comparison.ranks import Pair
from evalkit.core.text import count
from evalkit.ratings.collected import Collected
from evalkit.ratings.heard import Heard, HeardScale, heard
from evalkit.report.cards import Meaning
from evalkit.report.records import Estimate, RunRecord

PREFIX = "listeners:"
_BLIND = {
    False: "Who was asked, in which rooms, with which headphones; listeners of another study may be stricter.",
    True: "How good the sounds are: a score says how often listeners preferred one run's to the others' here.",
}


@dataclass(frozen=True)
class Ears:
    """Collected ratings and what they come to, scale by scale."""

    collected: Collected
    scales: tuple[HeardScale, ...]

    def beside(self, record: RunRecord) -> RunRecord:
        """The run with the listeners' numbers among its scores; as it was where they did not hear it."""
        found = {
            PREFIX + scale.asked.name: _estimate(self.collected, scale, own)
            for scale in self.scales
            for own in scale.heard
            if own.system == record.run_id
        }
        return replace(record, scores={**record.scores, **found}) if found else record

    def meaning(self, metric: str) -> Meaning | None:
        """What a column of listeners means, None for any other."""
        scale = self._scale(metric)
        if scale is None:
            return None
        asked = scale.asked
        unit = "preference, logits" if scale.votes else f"{asked.low:g} to {asked.high:g}"
        compares = "two sounds of one prompt" if scale.votes else "each sound"
        return Meaning(
            metric=metric,
            title=f"{asked.title}, listeners",
            direction="higher",
            unit=unit,
            compares=f"{count(self.collected.listeners, 'listener')} judged {compares}: {asked.question}",
            blind_to=_BLIND[scale.votes],
            citation="",
            headline=True,
            biased_by_n=False,
            known=True,
        )

    def differences(self, metric: str, runs: Sequence[str]) -> Mapping[Pair, Difference] | None:
        """{places of two runs: the first minus the second}, None for a column that is not the listeners'."""
        scale = self._scale(metric)
        if scale is None:
            return None
        place = {run: at for at, run in enumerate(runs)}
        found = {}
        for (one, other), each in scale.differences.items():
            if one in place and other in place:
                first, second = place[one], place[other]
                found[min(first, second), max(first, second)] = each if first < second else _turned(each)
        return found

    def _scale(self, metric: str) -> HeardScale | None:
        return next((each for each in self.scales if PREFIX + each.asked.name == metric), None)


def ears_of(collected: Collected) -> Ears:
    """What the ratings come to."""
    return Ears(collected, tuple(heard(collected)))


def _turned(one: Difference) -> Difference:
    low, high = (None if end is None else -end for end in (one.high, one.low))
    return replace(one, value=-one.value, low=low, high=high)


def _estimate(collected: Collected, scale: HeardScale, own: Heard) -> Estimate:
    ends = own.interval
    return Estimate(
        value=own.value,
        low=None if ends is None else ends.low,
        high=None if ends is None else ends.high,
        se=None if ends is None else ends.se,
        level=LEVEL,
        method="" if ends is None else ends.method,
        n=own.ratings,
        n_failed=0,
        n_reference=None,
        protocol=f"study {collected.study}",
        weights="",
        code="",
        direction="higher",
        headline=True,
        warnings=scale.notes,
        listeners=own.listeners,
    )
