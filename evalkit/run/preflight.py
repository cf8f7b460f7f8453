"""What can be known to fail before the work: done first, so that an hour of sounds does not end in a file that is none.

Everything that can be looked at without a network is, and all that is wrong is told at once: the run's place, the
device, weights and references. Only then each embedder's weights are loaded once. That some load is remembered by the
stamp of their files under EVALKIT_HOME, so it costs once per file, not once per run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering, together
from evalkit.core.ids import digest_json
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.plugins import BrokenPlugin
from evalkit.embed.base import family_of, is_own
from evalkit.execute.base import Executor
from evalkit.execute.bench import Identity, Kind, identity, kind_of
from evalkit.fetch.home import FEATURES, evalkit_home, writable_home
from evalkit.fetch.weights import WITHOUT_FILE
from evalkit.metrics.base import METRICS, Metric
from evalkit.metrics.kl_passt import JOINED
from evalkit.run.embedders import open_embedder, order_of, targets
from evalkit.run.executors import is_shared
from evalkit.run.generate import require_means
from evalkit.run.lookers import NOTES, Lookers
from evalkit.run.manifest import changed_model, finished, metric_codes, open_manifest, stamps
from evalkit.run.missing import tell_of_fetch
from evalkit.run.plan import Plan
from evalkit.run.progress import Progress
from evalkit.run.references import References, open_references
from evalkit.run.remembered import remember, remembered
from evalkit.run.score import load_metrics
from evalkit.run.until import baseline_of
from evalkit.suites.pinned import require_references


@dataclass(frozen=True)
class Ready:
    """What the work needs and was found to be usable; `broken` {metric: reason} are those whose own code fails."""

    metrics: Mapping[str, Metric]
    broken: Mapping[str, str]
    references: References


@dataclass(frozen=True)
class Looked:
    """What a look at a run before its work found: `stamps` {weights name: stamp of its files}, `codes` {metric: digest
    of its code}, and what is `ready` (None where the run is finished, or only sounds are to be made)."""

    stamps: Mapping[str, str]
    codes: Mapping[str, str]
    ready: Ready | None


def look(plan: Plan, stage: Literal["generate", "score"], progress: Progress, hands: Executor | None = None) -> Looked:
    """`hands` are those that will do the work, where they are there to look already.

    Raises UserError with everything that is known to end the run: its place, the device, weights and references
    that are not here or cannot be used. Networks are loaded last, and only where nothing else is wrong."""
    if stage == "score":
        with closing(Lookers(plan, hands)) as lookers:
            return _look(plan, progress, lookers)
    wrong = Gathering()
    with wrong.look():
        _require_place_and_means(plan, progress)
    with wrong.look():
        baseline_of(plan)
    wrong.settle()
    return Looked({}, {}, None)


def _look(plan: Plan, progress: Progress, lookers: Lookers) -> Looked:
    wrong, stamped, codes = Gathering(), dict[str, str](), dict[str, str]()
    with wrong.look():
        _require_place_and_means(plan, progress)
    with wrong.look():
        baseline_of(plan)
    with wrong.look():
        stamped = stamps(plan, progress)
    with wrong.look():
        require_references(plan.suite)
    if not all(METRICS.is_builtin(name) for name in plan.suite.metrics):
        wrong.settle()  # nobody else's code is imported for a run that cannot be
    with wrong.look():
        codes = metric_codes(plan, progress)
    with wrong.look():
        opened = open_manifest(plan)
        if not wrong.errors and finished(opened, plan, stamped, codes):
            return Looked(stamped, codes, None)
    return Looked(stamped, codes, _ready(plan, stamped, progress, wrong, lookers))


def _require_place_and_means(plan: Plan, progress: Progress) -> None:
    """A run that is new is not begun in vain; one that is there may be finished, and need no device and no weights."""
    together(plan.folder.require_files, lambda: None if plan.folder.run_json.exists() else require_means(plan))
    for sentence in changed_model(plan):
        progress.note(sentence)


def make_ready(plan: Plan, stamps: Mapping[str, str], progress: Progress) -> Ready:
    """`stamps` {weights name: stamp of its files}.

    Raises UserError for references that cannot be used or were made with other weights, or an EVALKIT_HOME that cannot
    be written, and for weights that do not load, all of them.
    """
    with closing(Lookers(plan, None)) as lookers:
        return _ready(plan, stamps, progress, Gathering(), lookers)


def _ready(plan: Plan, stamps: Mapping[str, str], progress: Progress, wrong: Gathering, lookers: Lookers) -> Ready:
    """`wrong` is what was found before, which is told with the rest."""
    with wrong.look():
        writable_home(*FEATURES)
    metrics, broken = load_metrics(plan, wrong)
    for reason in broken.values():
        progress.note(f"{reason}; it will have no number, and the others will")
    references = References()
    with wrong.look():
        references = open_references(plan, metrics, progress)
    for name, metric in metrics.items():
        with wrong.look():
            _require_family(plan, name, metric, family_of(plan.suite.metrics[name].embedded_by))
    if plan.generator is not None:
        tell_of_fetch(plan.config, wrong)
    wrong.settle()
    for sentence in references.notes:
        progress.note(sentence)
    loaded = _kinds(plan, stamps, progress, wrong, lookers)
    for name in metrics:
        if plan.suite.metrics[name].weights in loaded:
            with wrong.look():
                _require_fit(plan, name, metrics[name], loaded[plan.suite.metrics[name].weights], references)
    wrong.settle()
    return Ready(metrics, broken, references)


def _kinds(
    plan: Plan, stamps: Mapping[str, str], progress: Progress, wrong: Gathering, lookers: Lookers
) -> dict[str, Kind]:
    """What is known of each embedder that loads; that it does not is gathered. One is loaded where that is not known of
    these files, by workers where there are such."""
    found = {name: kind for name, stamp in stamps.items() if (kind := _known(plan, name, stamp)) is not None}
    unknown = [name for name in stamps if name not in found]
    by_workers = [name for name in unknown if is_shared(plan.config) and name not in WITHOUT_FILE]
    looks: dict[str, Callable[[], tuple[Identity, Kind]]] = {name: partial(_loaded, plan, name) for name in unknown}
    if by_workers:
        with progress.step(f"load {', '.join(by_workers)}"):
            answers = lookers.look([order_of(plan, name) for name in by_workers])
        looks |= {name: partial(_answered, answer) for name, answer in zip(by_workers, answers, strict=True)}
    for name, loaded in looks.items():
        with wrong.look():
            try:
                with nullcontext() if name in by_workers else progress.step(f"load {name}"):
                    who, found[name] = loaded()
            except BrokenPlugin as error:
                progress.note(f"{error}; its metrics will have no number, and the others will")
                continue
            _keep(plan, name, stamps[name], who, found[name])
    return found


def _answered(answer: tuple[Identity, Kind] | UserError) -> tuple[Identity, Kind]:
    if isinstance(answer, UserError):
        raise answer
    return answer


def _note(name: str, stamp: str) -> Path:
    return evalkit_home().joinpath(*NOTES) / f"{digest_json([name, stamp, 1])[:32]}.json"


def _known(plan: Plan, name: str, stamp: str) -> Kind | None:
    """What an earlier look at these files found; None where there was none, or workers could not be told who it is."""
    if is_shared(plan.config) and not is_own(targets(plan)[name]) and remembered(name, stamp) is None:
        return None
    with suppress(UserError, LookupError, TypeError, ValueError):
        said = read_json(_note(name, stamp))
        return Kind(int(said["dimensions"]), str(said["family"]), bool(said["text"]))
    return None


def _keep(plan: Plan, name: str, stamp: str, who: Identity, kind: Kind) -> None:
    if not is_own(targets(plan)[name]):
        remember(name, stamp, who)
    with suppress(OSError):
        write_json(_note(name, stamp), {"name": name, **asdict(kind)})


def _loaded(plan: Plan, name: str) -> tuple[Identity, Kind]:
    embedder = open_embedder(plan, name, "cpu")
    return identity(embedder), kind_of(embedder)


def _require_family(plan: Plan, name: str, metric: Metric, family: str) -> None:
    """Raises UserError where one of evalkit's own metrics is of another family than its embedder; "" is not known."""
    weights = plan.suite.metrics[name].weights
    joined = plan.suite.metrics[name].options.get("rows") == JOINED  # whose judge is another one of the same network
    if family and METRICS.is_builtin(name) and family not in (metric.card.family, *(["passt_rows"] if joined else [])):
        wrong = f"{name} is of {metric.card.family}, and {weights} is of {family}"
        raise UserError(
            f"suite {plan.suite.name}: {wrong}: the number would be another one under its name",
            f'give it one of its own: [metrics.my_{name.split("_")[0]}] like = "{name}" and weights = "{weights}"',
        )


def _require_fit(plan: Plan, name: str, metric: Metric, kind: Kind, references: References) -> None:
    """Raises UserError where a metric is of another family than the embedder that it names, needs text from one that
    reads none, or compares with a file of other dimensions."""
    chosen = plan.suite.metrics[name]
    weights, own = chosen.weights, is_own(chosen.embedded_by)
    _require_family(plan, name, metric, kind.family if own or family_of(chosen.embedded_by) else "")
    if metric.card.text and not kind.text:
        raise UserError(f"suite {plan.suite.name}: {name} compares with text, and {weights} reads none")
    found = {len(references.sets[name].mean)} if name in references.sets else set()
    found |= {len(row) for row in references.pairs.get(name, {}).values()}
    if found - {kind.dimensions}:
        wrong = f"{chosen.reference}: has {min(found - {kind.dimensions})} dimensions"
        hint = f"make it with {weights}, or name the weights that it was made with"
        raise UserError(f"{wrong}, and {weights} gives {kind.dimensions}", hint)
