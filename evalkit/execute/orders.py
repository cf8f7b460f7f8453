"""What a worker is told to load: by name and in JSON, never an object, so that it crosses processes and machines.

The worker finds the code and the weights by itself, as this process found them, and compares them with the digests that
it is told: what is another thing there is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.text import short_digest
from evalkit.embed.base import Embedder
from evalkit.execute.wire import plain, restored
from evalkit.generators.base import Generator, Options, Timeouts


@dataclass(frozen=True)
class GeneratorOrder:
    """A generator. `model` is what was typed; `weights` {name: path}, `checkpoint` and `random_weights` as on the
    command line; `digest` is that of its weights and `code` that of its code, None where it has none; `timeouts` are
    those that were asked for, if any."""

    model: str
    weights: Mapping[str, str]
    checkpoint: str | None
    random_weights: bool
    digest: str | None
    code: str | None
    dtype: str
    options: Options
    timeouts: Timeouts | None = None

    def told(self) -> dict[str, Any]:
        """As JSON. Raises TypeError for options that no JSON can say."""
        found: dict[str, Any] = plain(asdict(self))
        return found


def generator_order(told: Mapping[str, Any]) -> GeneratorOrder:
    """The order that `told` was made of."""
    found = restored(dict(told))
    timeouts = found.pop("timeouts")
    return GeneratorOrder(**found, timeouts=None if timeouts is None else Timeouts(**timeouts))


def build(order: GeneratorOrder) -> Generator:
    """The generator of an order, not yet loaded. Raises UserError where it is another one here than it was there."""
    from evalkit.generators.load import load_generator, own_code

    paths = {name: Path(path) for name, path in order.weights.items()}
    checkpoint = None if order.checkpoint is None else Path(order.checkpoint)
    generator = load_generator(order.model, paths, checkpoint, order.random_weights)
    for what, here, there in (
        ("weights", generator.spec.weights, order.digest),
        ("code", own_code(order.model, generator), order.code),
    ):
        if here != there:
            raise UserError(
                f"{order.model}: its {what} are not those that the run began with", "type the command again"
            )
    return generator


@dataclass(frozen=True)
class JudgeOrder:
    """An embedder: the suite's `name` of its weights, the `target` that the registry knows, {name: path} of files
    that take the place of the known ones, and its `key`, "" where nobody has loaded it yet."""

    name: str
    target: str
    weights: Mapping[str, str]
    key: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "target": self.target, "weights": dict(self.weights), "key": self.key}


def judge_order(told: Mapping[str, Any]) -> JudgeOrder:
    """The order that `told` was made of."""
    return JudgeOrder(str(told["name"]), str(told["target"]), dict(told["weights"]), str(told["key"]))


def require_judge(order: JudgeOrder, judge: Embedder) -> None:
    """Raises UserError where the judge here is another one than was ordered."""
    if order.key not in ("", judge.spec.key):
        here = short_digest(judge.spec.weights)
        raise UserError(f"{order.name}: its weights ({here}) are not those that the run has", "type the command again")


def open_judge(order: JudgeOrder, device: str) -> Embedder:
    """The embedder of an order. Raises as `embed.load.load_embedder` does."""
    from evalkit.embed.load import load_embedder

    return load_embedder(order.target, device, {name: Path(path) for name, path in order.weights.items()})
