"""What embeds for a suite: evalkit's own networks by their weights' names, and embedders of somebody's own."""

from __future__ import annotations

from evalkit.core.own_code import module_file
from evalkit.core.registry import Registry
from evalkit.embed.base import EMBEDDERS, Embedder, is_own
from evalkit.execute.bench import Identity
from evalkit.execute.orders import JudgeOrder, open_judge
from evalkit.fetch.weights import WITHOUT_FILE
from evalkit.run.plan import Plan
from evalkit.run.progress import Progress


def targets(plan: Plan) -> dict[str, str]:
    """weights name, as the suite has it -> the name or target of the embedder."""
    return {chosen.weights: chosen.embedded_by for chosen in plan.suite.metrics.values()}


def modules(plan: Plan) -> list[str]:
    """The modules of evalkit's in which its embedders are, of those that have weights."""
    found = {target for name, target in targets(plan).items() if name not in WITHOUT_FILE}
    return sorted({EMBEDDERS.module(target) for target in found if EMBEDDERS.is_builtin(target)})


def own_stamps(plan: Plan, progress: Progress) -> dict[str, str]:
    """weights name -> digest of the code, for the embedders of somebody's own; each is imported for it, and a suite's
    is told before. Raises UserError where nothing is there."""
    found = {}
    for name, target in targets(plan).items():
        if is_own(target):
            tell_of_code(plan, EMBEDDERS, name, target, progress)
            from evalkit.embed.load import embedder_code

            found[name] = embedder_code(target) or "none"
    return found


def tell_of_code(plan: Plan, registry: Registry, name: str, target: str, progress: Progress) -> None:
    """Say which code of which file a suite has evalkit run: whoever wrote it may be a stranger."""
    if registry.is_code(target):
        file = module_file(registry.module(target)) or "no such file"
        progress.note(f"suite {plan.suite.name} names code, which is imported now: {name} ({file})")


def open_embedder(plan: Plan, name: str, device: str) -> Embedder:
    """The embedder of a weights name, with what --weights says of it. Raises as `embed.load.load_embedder` does."""
    return open_judge(order_of(plan, name), device)


def order_of(plan: Plan, name: str, known: Identity | None = None) -> JudgeOrder:
    """What a worker is told of the embedder of a weights name; also who it has to be, where that is `known`."""
    target, given = targets(plan)[name], plan.config.weights
    chosen = {**given, target: given[name]} if name in given else given
    paths = {each: str(path) for each, path in chosen.items()}
    return JudgeOrder(name, target, paths, "" if known is None else known.key)
