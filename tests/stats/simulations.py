"""Do the intervals hold, and does the gate see what it says it sees? Measured on worlds whose truth is known.

    python tests/stats/simulations.py            # some ten minutes; writes reports/simulations.md

A world is a Gaussian with a power-law spectrum. A source has a centre, its clips scatter around it, and the
frames of a clip follow each other (a first-order autoregression), as sounds do. The metric and the gate are
the very ones of evalkit, given features instead of audio. `test_simulations.py` holds the figures to their bounds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import differences
import listeners
import looks
import numpy as np
import shares
import sounds_of_a_prompt as sounds

from evalkit.comparison.record import Record
from evalkit.metrics.base import Metric, MetricInputs, MetricResult, SetReference
from evalkit.metrics.coverage_openl3 import METRIC as COVERAGE
from evalkit.metrics.density_openl3 import METRIC as DENSITY
from evalkit.metrics.fd_inf_openl3 import METRIC as FD_INF
from evalkit.metrics.fd_openl3 import METRIC as FD
from evalkit.metrics.is_passt import METRIC as IS
from evalkit.metrics.kad_openl3 import METRIC as KAD
from evalkit.run.gate import Comparison, check
from evalkit.run.score import as_json
from evalkit.stats.frechet import factors_of_covariance, frechet_distance
from evalkit.suites.references import set_from_features

Result = TypeVar("Result")

REPORT = Path(__file__).resolve().parents[2] / "reports" / "simulations.md"
DRAWS = 200
FOLLOWING = 0.6
"""How like a frame is to the one before it in the same clip."""


@dataclass(frozen=True)
class World:
    """`sources` of `clips` clips of `frames` frames in `d` dimensions. Shares of variance lie in the source,
    the clip and the frame; `shift` and `stretch` are how far generated sounds are from real ones."""

    name: str
    d: int
    sources: int
    clips: int
    frames: int
    shares: tuple[float, float, float] = (0.4, 0.3, 0.3)
    shift: float = 0.3
    stretch: float = 1.15
    heavy: bool = False

    @property
    def ids(self) -> list[str]:
        return [f"{source}-{clip}" for source in range(self.sources) for clip in range(self.clips)]

    @property
    def groups(self) -> list[str]:
        return [f"s{source}" for source in range(self.sources) for _ in range(self.clips)]

    @property
    def spread(self) -> np.ndarray:
        return np.arange(1, self.d + 1, dtype=np.float64) ** -0.6

    def centres(self, rng: np.random.Generator) -> np.ndarray:
        """(sources, 1, 1, d): what a prompt alone decides, shared by every model that is given it."""
        return math.sqrt(self.shares[0]) * rng.standard_normal((self.sources, 1, 1, self.d))

    def around(self, centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(sources, clips, frames, d) around the centres, of unit variance, before the spectrum."""
        clips = math.sqrt(self.shares[1]) * rng.standard_normal((len(centres), self.clips, 1, self.d))
        noise = rng.standard_normal((len(centres), self.clips, self.frames, self.d))
        steps = [noise[:, :, 0]]
        for frame in range(1, self.frames):
            steps.append(FOLLOWING * steps[-1] + math.sqrt(1 - FOLLOWING**2) * noise[:, :, frame])
        rows = centres + clips + math.sqrt(self.shares[2]) * np.stack(steps, axis=2)
        if self.heavy:
            rows = rows * np.sqrt(5 / rng.chisquare(7, (len(centres), 1, 1, 1)))
        return rows

    def features(self, rows: np.ndarray, loss: float = 0.0) -> list[np.ndarray]:
        """One (frames, d) float32 array per clip; `loss` moves them further from the real ones."""
        moved = rows * self.spread * (self.stretch + 0.1 * loss) + (self.shift + 0.2 * loss) * self.spread
        return list(moved.reshape(-1, self.frames, self.d).astype(np.float32))

    def reference(self, seed: int = 999) -> SetReference:
        """A large set of real sounds, the same every time: an interval takes it as given."""
        rng = np.random.default_rng(seed)
        wide = World(self.name, self.d, 800, 1, self.frames, self.shares)
        rows = wide.around(wide.centres(rng), rng) * self.spread
        return set_from_features(list(rows.reshape(-1, self.frames, self.d).astype(np.float32)))

    def true_distance(self) -> float:
        """The Frechet distance of endless generated sounds from the stored reference, in closed form."""
        stored = self.reference()
        spread = np.square(self.stretch * self.spread)
        generated = factors_of_covariance(self.shift * self.spread, np.diag(spread), 10**9)
        return frechet_distance(generated, factors_of_covariance(stored.mean, stored.covariance, stored.frames))

    def inputs(self, features: Sequence[np.ndarray], reference: SetReference | None) -> MetricInputs:
        return MetricInputs(self.ids, self.groups, features, set_reference=reference)


@dataclass(frozen=True)
class Coverage:
    """How often an interval held the mean of the value over all draws; `width` is the mean half-width over
    1.96 standard deviations of the value, so 1 where the interval is as wide as it should be."""

    world: str
    metric: str
    share: float
    width: float
    expected: float


def coverage(world: World, metric: Metric, draws: int = DRAWS, seed: int = 1) -> Coverage:
    """The coverage of a metric's interval for its expected value at this number of clips."""
    reference, rng = world.reference(), np.random.default_rng(seed)
    results = []
    for _ in range(draws):
        features = world.features(world.around(world.centres(rng), rng))
        results.append(metric.compute(world.inputs(_seen(metric, features), reference)))
    return _covered(world.name, metric.card.name, results)


def _seen(metric: Metric, features: list[np.ndarray]) -> list[np.ndarray]:
    """What the metric is given: frames, or class probabilities made of them."""
    if metric.card.family != "passt":
        return features
    logits = [3.0 * each.mean(axis=0)[:16] for each in features]
    return [(np.exp(each - each.max()) / np.exp(each - each.max()).sum())[None] for each in logits]


def _covered(world: str, metric: str, results: Sequence[MetricResult]) -> Coverage:
    values = np.array([each.value for each in results])
    lows, highs = (np.array([getattr(each, end) for each in results], dtype=float) for end in ("low", "high"))
    expected = float(values.mean())
    share = float(((lows <= expected) & (expected <= highs)).mean())
    width = float((highs - lows).mean() / 2 / (1.96 * values.std(ddof=1)))
    return Coverage(world, metric, share, width, expected)


@dataclass(frozen=True)
class Power:
    """A gate held against truth: the smallest loss that it `stated` (mean over pairs of runs), the one that it
    really called worse 4 times of 5 (`found`), the share called worse at the stated one, and the share called
    worse where there was no loss at all (`false`)."""

    world: str
    metric: str
    method: str
    stated: float
    found: float
    at_stated: float
    false: float

    @property
    def ratio(self) -> float:
        return self.stated / self.found


SHARES = (0.6, 0.85, 1.1, 1.4)
"""Losses that are tried, in parts of what the gate is about to state."""


def gate_power(world: World, draws: int = DRAWS, seed: int = 2, paired: bool = True, metric: Metric = FD) -> Power:
    """Pairs of runs of the same prompts, scored by a distance of sets: a baseline, and a later run with a known true
    loss. A kernel distance answers for other references too, so each pair has one of its own."""
    reference, rng = world.reference(), np.random.default_rng(seed)
    redrawn = metric is KAD
    losses = _losses(world, reference, rng, metric)
    told = []
    for draw in range(draws):
        centres = world.centres(rng)
        first, second = world.around(centres, rng), world.around(centres, rng)
        reference = world.reference(1000 + draw) if redrawn else reference
        base = _scored(world, first, 0.0, reference, paired, metric)
        told.append([check(_scored(world, second, loss, reference, paired, metric), base)[0] for loss in losses])
    values = np.array([[each.current for each in row] for row in told], dtype=float).mean(axis=0)
    return _power(world.name, told, values - values[0])


def prompt_power(name: str, sources: int, clips: int, draws: int = DRAWS, seed: int = 3) -> Power:
    """The same for a metric that is a mean of prompts, as KL: skewed values, alike within a source."""
    rng = np.random.default_rng(seed)
    world = World(name, 1, sources, clips, 1)
    unit = 2.8 * math.sqrt(2 * (0.3 + 0.3 / clips) / sources)
    true = np.array([0.0, *(unit * share for share in SHARES)])
    told = []
    for _ in range(draws):
        prompt = np.repeat(rng.gamma(2.0, 1.0, sources), clips)
        runs = [prompt + _alike(rng, sources, clips) for _ in range(2)]
        base = _record(world, _mean_score(world, runs[0]))
        told.append([check(_record(world, _mean_score(world, runs[1] + loss)), base)[0] for loss in true])
    return _power(name, told, true)


def _alike(rng: np.random.Generator, sources: int, clips: int) -> np.ndarray:
    shared = np.repeat(rng.standard_normal(sources), clips)
    return math.sqrt(0.3) * shared + math.sqrt(0.3) * rng.standard_normal(sources * clips)


def _power(world: str, told: Sequence[Sequence[Comparison]], true: np.ndarray) -> Power:
    """`true` (losses,) is the loss behind each column of `told`, the first of them 0."""
    worse = np.array([[each.verdict == "worse" for each in row] for row in told]).mean(axis=0)
    claims = np.array([[each.detectable for each in row] for row in told], dtype=float).mean(axis=0)
    # The true loss that equals what the gate states for runs with that loss.
    stated = float(np.interp(0.0, true - claims, true))
    found = float(np.interp(0.8, np.maximum.accumulate(worse), true))
    first = told[0][0]
    return Power(
        world, first.metric, first.method, stated, found, float(np.interp(stated, true, worse)), float(worse[0])
    )


def _losses(world: World, reference: SetReference, rng: np.random.Generator, metric: Metric) -> list[float]:
    """Strengths of damage whose true losses lie around what the gate states: none, and `SHARES` of it."""
    centres = world.centres(rng)
    base = _scored(world, world.around(centres, rng), 0.0, reference, True, metric)
    rows = world.around(centres, rng)
    here, there = (check(_scored(world, rows, loss, reference, True, metric), base)[0] for loss in (0.0, 0.2))
    slope = (float(there.current or 0) - float(here.current or 0)) / 0.2
    return [0.0, *(float(here.detectable or 0) / slope * share for share in SHARES)]


def _scored(
    world: World, rows: np.ndarray, loss: float, reference: SetReference, paired: bool, metric: Metric
) -> Record:
    result = metric.compute(world.inputs(world.features(rows, loss), reference))
    score = as_json(result, "lower", 0, "simulated", "none")
    kept = score if paired else {**score, "leave_outs": []}
    return _record(world, {**kept, "per_prompt": {}}, metric.card.name)


def _mean_score(world: World, values: np.ndarray) -> dict[str, object]:
    per_prompt = dict(zip(world.ids, values.tolist(), strict=True))
    result = MetricResult(float(values.mean()), None, None, 0.95, "", len(values), 0, per_prompt)
    return {**as_json(result, "lower", 0, "simulated", "none"), "per_prompt": per_prompt}


def _record(world: World, score: dict[str, object], metric: str = "mean of prompts") -> Record:
    suite = dict.fromkeys(("name", "version", "digest", "protocol", "size"), "simulated")
    groups = dict(zip(world.ids, world.groups, strict=True))
    return Record("simulated", "success", suite, {}, "r", groups, {metric: {**score, "embedder": "none"}})


SONGS = World("200 sources, 1 clip of 10 frames, d = 64", 64, 200, 1, 10)
CAPTIONS = World("100 sources, 5 clips of 6 frames each, d = 96", 96, 100, 5, 6)
SMALL = World("64 sources, 1 clip of 7 frames, d = 128 (suite mini's size)", 128, 64, 1, 7)
UNLIKE = World("200 sources of very unlike level, 1 clip of 10 frames, d = 64", 64, 200, 1, 10, heavy=True)
SAME = World("300 sources, 1 clip of 10 frames, d = 64, no distance at all", 64, 300, 1, 10, shift=0.0, stretch=1.0)
"""The least favourable case: the distance is all bias, and its spread is of second order."""

WORLDS = (SONGS, CAPTIONS, SMALL, UNLIKE)
GATED = (SONGS, CAPTIONS, SMALL)
BIASED = (SONGS, CAPTIONS, SMALL, SAME)
FURTHER: tuple[Metric, ...] = (KAD, DENSITY, COVERAGE, IS)


def _coverage_table(rows: Sequence[Coverage]) -> list[str]:
    lines = ["| metric | world | expected value | covered | half-width / (1.96 sd) |", "|---|---|---|---|---|"]
    lines += [f"| {r.metric} | {r.world} | {r.expected:.4g} | {r.share:.3f} | {r.width:.2f} |" for r in rows]
    return lines


def _power_table(rows: Sequence[Power]) -> list[str]:
    lines = ["| metric | world | how compared | stated | found | stated / found | worse at stated | worse at no loss |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for r in rows:
        figures = f"{r.stated:.4g} | {r.found:.4g} | {r.ratio:.2f} | {r.at_stated:.3f} | {r.false:.3f}"
        lines.append(f"| {r.metric} | {r.world} | {r.method} | {figures} |")
    return lines


def _bias_table(distances: Sequence[Coverage], extrapolated: Sequence[Coverage]) -> list[str]:
    lines = ["| world | true distance | mean FD | mean FD∞ |", "|---|---|---|---|"]
    for world in BIASED:
        plain, beyond = (next(r.expected for r in rows if r.world == world.name) for rows in (distances, extrapolated))
        lines.append(f"| {world.name} | {world.true_distance():.4f} | {plain:.4f} | {beyond:.4f} |")
    return lines


def write_report(path: Path = REPORT, draws: int = DRAWS) -> None:
    """Run everything and write it down."""
    distances = [_told(coverage(world, FD, draws)) for world in (*WORLDS, SAME)]
    powers = [_told(gate_power(world, draws)) for world in GATED]
    powers += [_told(gate_power(world, draws, metric=KAD)) for world in (SONGS, SMALL)]
    powers += [_told(prompt_power(f"{n} sources, {k} clips each", n, k, draws)) for n, k in ((200, 1), (12, 5))]
    alone = [_told(gate_power(SONGS, draws, paired=False))]
    extrapolated = [_told(coverage(world, FD_INF, max(1, draws // 2))) for world in BIASED]
    further = [_told(coverage(world, metric, draws)) for metric in FURTHER for world in (SONGS, CAPTIONS)]
    sections = [_coverage_table(distances), _coverage_table([*extrapolated, *further])]
    sections.append(shares.table(_told(shares.told(10 * draws))))
    sections += [_power_table(powers), _power_table(alone), _bias_table(distances, extrapolated)]
    sections.append(differences.table(differences.told(2 * draws)))
    sections.append(sounds.table([_told(sounds.told(world, 5 * draws)) for world in sounds.WORLDS]))
    sections.append(looks.table(_told(looks.all_looks(2 * draws))))
    sections += listeners.tables(10 * draws)
    text = HEAD.format(draws=draws)
    for words, lines in zip(TEXTS, sections, strict=True):
        text += f"\n{words}\n\n" + "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")


def _told(result: Result) -> Result:
    """Said at once: the whole takes minutes."""
    print(result, flush=True)
    return result


HEAD = """# Do the intervals hold, and does the gate see what it says it sees?

Made by `python tests/stats/simulations.py`; `pytest -m slow tests/stats/test_simulations.py` holds the figures to
their bounds. Every world is drawn {draws} times: Gaussian features with a power-law spectrum, clips that scatter
around their source, frames that follow each other. The code under test is that of a run: metric, `scores.json`, gate.
With 200 draws a coverage of 0.95 is measured to within 0.03 (two standard errors).
"""

TEXTS = (
    """## The interval of FD-OpenL3

How often the 95 % interval holds the expected value *at this number of clips*. In the last world generated and real
sounds are the same: the distance is all bias, and the jackknife errs to the wide side.""",
    """## The intervals of the further metrics

As above; half as many draws for FD∞, which is the slowest.""",
    shares.TEXT,
    """## The gate's smallest detectable loss

Pairs of runs of the same prompts. *Stated* is what `evalkit check` prints (mean over pairs), *found* the true loss that
it called worse 4 times of 5. Without a loss, `worse` should come up 0.025 of the time.""",
    """The same where a baseline holds no leave-out values (written by an older evalkit): the two errors are taken as
independent, what the prompts share is not used, and the gate states more than it needs.""",
    """## The bias that FD∞ takes away

The true distance is that of endless generated clips from the stored reference.""",
    differences.TEXT,
    sounds.TEXT,
    looks.TEXT,
    *listeners.TEXTS,
)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=REPORT)
    parser.add_argument("--draws", type=int, default=DRAWS)
    options = parser.parse_args()
    write_report(options.out, options.draws)
