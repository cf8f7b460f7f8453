"""Generation in this process: one bad prompt, one full memory, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from evalkit.core.errors import UserError
from evalkit.execute.base import Batch, Fault, Job, Request, Sound
from evalkit.execute.inline import Inline, produce
from evalkit.generators.base import GenBatch, Generator, GeneratorSpec, Options


class Fake:
    """Raises what it is told to when a batch holds more than `fits` prompts or a prompt called `bad`."""

    spec = GeneratorSpec("fake", "fake", 10, 1, 10.0)

    def __init__(self, fits: int = 99, error: BaseException | None = None, returned: object = None) -> None:
        self.fits, self.error, self.returned = fits, error, returned
        self.calls: list[list[str]] = []
        self.events: list[str] = []

    def load(self, device: str, dtype: str) -> None:
        self.events.append("load")

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Options
    ) -> GenBatch:
        self.calls.append(list(prompts))
        if len(prompts) > self.fits:
            raise MemoryError("CUDA out of memory")
        if self.error is not None and "bad" in prompts:
            raise self.error
        if self.returned is not None:
            return self.returned  # type: ignore[return-value]
        return GenBatch([np.full((1, 3), seed, np.float32) for seed in seeds], 10, {"sample": 0.4})

    def close(self) -> None:
        self.events.append("close")


def job(fake: Generator) -> Job:
    return Job(fake, "cpu", "float32", {})


def requests(*prompts: str) -> list[Request]:
    return [Request(prompt, 0.3, number) for number, prompt in enumerate(prompts)]


def test_the_generator_is_loaded_for_the_first_batch_and_not_without_one() -> None:
    fake = Fake()
    assert list(Inline().run(job(fake), [])) == [] and fake.events == []
    assert len(list(Inline().run(job(fake), [Batch(0, requests("a")), Batch(1, requests("b"))]))) == 2
    assert fake.events == ["load", "close"]


def test_one_bad_prompt_costs_itself_alone() -> None:
    fake = Fake(error=ValueError("too hard\nand long"))
    results = produce(job(fake), requests("a", "bad", "c"))
    assert results[1] == Fault("error", "ValueError: too hard")
    assert [r.samples[0, 0] for r in results if isinstance(r, Sound)] == [0, 2]
    assert fake.calls == [["a", "bad", "c"], ["a"], ["bad"], ["c"]]


def test_a_full_memory_halves_the_failing_batch_only() -> None:
    fake = Fake(fits=2)
    results = produce(job(fake), requests(*"abcde"))
    assert [r.samples[0, 0] for r in results if isinstance(r, Sound)] == [0, 1, 2, 3, 4]
    assert fake.calls == [list("abcde"), list("ab"), list("cde"), ["c"], list("de")]


def test_what_does_not_fit_alone_is_a_named_fault() -> None:
    assert produce(job(Fake(fits=0)), requests("a")) == [Fault("oom", "MemoryError: CUDA out of memory")]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SystemExit(3), "SystemExit: the model called sys.exit(3)"),
        (SystemExit(), "SystemExit: the model called sys.exit(None)"),
        (GeneratorExit(), "GeneratorExit: (no message)"),
    ],
)
def test_a_model_that_exits_costs_its_item_and_not_the_run(error: BaseException, told: str) -> None:
    results = produce(job(Fake(error=error)), requests("a", "bad"))
    assert isinstance(results[0], Sound) and results[1] == Fault("error", told)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("no such option")])
def test_ctrl_c_and_a_wrong_option_are_no_item_failures(error: BaseException) -> None:
    with pytest.raises(type(error)):
        produce(job(Fake(error=error)), requests("bad", "b"))


@pytest.mark.parametrize("returned", [GenBatch([], 10, {}), 7, GenBatch([1, 2], 10, {}), GenBatch([1], 10, {"x": "y"})])  # type: ignore[list-item, dict-item]
def test_an_answer_of_the_wrong_form_is_a_fault_of_its_items(returned: object) -> None:
    results = produce(job(Fake(returned=returned)), requests("a"))
    assert len(results) == 1 and isinstance(results[0], Fault) and results[0].kind == "error"
