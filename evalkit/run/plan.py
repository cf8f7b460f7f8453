"""From what was asked for to a fixed list of work: the items, their batches, and the run's identity.

The run id is the digest of everything that decides a sound or a number, so the same command names the
same folder, and typing it again is the resume. What decides neither (how the report looks, how many
failures are allowed) is not in it. The code of a model of somebody's own is; that of their metrics is not, as another
metric needs no other sounds (`run/manifest.py`). Library versions are not in it either, as an upgrade must not orphan
a long run; they are recorded, and a resume under other versions is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import evalkit
from evalkit.audio.folders import sound_files
from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering, together
from evalkit.core.ids import digest_json, item_seed, sound_name
from evalkit.core.jsonio import read_json
from evalkit.core.paths import typed
from evalkit.core.text import part_of
from evalkit.core.threads import DEFAULT
from evalkit.fetch.digests import files_read, remembered_sha256
from evalkit.fetch.published import FAMILIES, PUBLISHED, TOKENIZERS, VGGISH_PCA, family_names, stands_for
from evalkit.fetch.weights import MINIS, WITHOUT_FILE
from evalkit.generators.about import NAME as ABOUT
from evalkit.generators.about import about_folder
from evalkit.generators.base import GENERATORS, ChecksOptions, Generator, GeneratorSpec, Options
from evalkit.generators.contract import checked_spec
from evalkit.generators.folder import PREFIX, Found, describe, find
from evalkit.generators.load import load_generator, own_code
from evalkit.generators.templates import NONE, OPTION, template_note
from evalkit.run.config import RunConfig
from evalkit.run.missing import look_for_missing
from evalkit.run.options import by_content, choose_options, faults_of_options
from evalkit.store.layout import RunFolder, run_folder
from evalkit.suites.base import Prompt, Suite
from evalkit.suites.load import load_suite

RUNS = Path("runs")
_ID_DIGITS = 12
DEFAULT_SECONDS = 10.0
"""How long a model's sound is where the suite does not say; less where the model makes less."""
RANDOM = "random"
"""The size of a model whose weights are random: its scores say nothing of the model whose architecture it has."""


@dataclass(frozen=True)
class Item:
    """One sound to make: number `sample` (from 0) of the `samples` of its prompt. `key` is the digest of what the sound
    depends on beside the run's identity. `lyrics` are what a model is told that reads any, "" for another."""

    prompt: Prompt
    seed: int
    key: str
    sample: int = 0
    samples: int = 1
    lyrics: str = ""

    @property
    def name(self) -> str:
        """What no other sound of the run is called: the prompt's id, where that has but one sound."""
        return sound_name(self.prompt.id, self.sample, self.samples)


@dataclass(frozen=True)
class Plan:
    """A run before any work is done. `items` are in the suite's order, the sounds of a prompt together; `batches` are
    in the order of work: every prompt's first sound in the batches that a run of one sound each has, then every second.

    Either `generator` makes the sounds, or `found` holds the files that are scored where they lie.
    """

    config: RunConfig
    suite: Suite
    model: GeneratorSpec
    generator: Generator | None
    found: Found | None
    items: Sequence[Item]
    batches: Sequence[Sequence[Item]]
    preset: str
    options: Options
    identity: Mapping[str, object]
    run_id: str
    folder: RunFolder

    @property
    def size(self) -> str:
        """ "random" where the weights are, "mini" where the model or the suite is a mini: such a number never stands
        beside a full one."""
        if self.model.size == RANDOM:
            return RANDOM
        return "mini" if "mini" in (self.model.size, self.suite.size) else self.suite.size


def make_plan(config: RunConfig) -> Plan:
    """The plan of a command. Raises UserError for all unknown names, options and prompts that the model cannot do."""
    is_folder = config.model.startswith(PREFIX) and config.model != PREFIX
    wrong, found = Gathering(config.wrong), dict[str, Any]()
    for key, choose in (("suite", _with_suite), ("model", _look_at_folder if is_folder else choose_model)):
        with wrong.look():
            found[key] = choose(config)
    if wrong.errors:
        look_for_missing(config, getattr(found.get("model"), "generator", None), wrong)
        wrong.settle()
    if is_folder:
        return _folder_plan(*found["suite"])
    config, suite, _ = found["suite"]
    return _generator_plan(config, suite, found["model"])


def memory_plan(config: RunConfig) -> Plan:
    """The plan of sounds that are handed over one by one, and lie on no disk; `config.model` is what they are called.
    Raises UserError as `make_plan` does."""
    wrong = Gathering(config.wrong)
    with wrong.look():
        config, suite, _ = _with_suite(config)
        _refuse_unused_weights(config, suite, ())
    wrong.settle()
    spec = GeneratorSpec(config.model, "memory", 0, 0, float("inf"), size="none", weights="")
    items, identity = _items(config, suite), _common_identity(config, suite, spec)
    run_id, folder = _place(config, suite.name, spec.name, identity)
    return Plan(config, suite, spec, None, None, items, [items], "", {}, identity, run_id, folder)


def _with_suite(config: RunConfig) -> tuple[RunConfig, Suite, Sequence[Prompt]]:
    """The config with its weights by their own names, the suite as far as `limit` goes, and the prompts beyond."""
    suite = config.suite if isinstance(config.suite, Suite) else load_suite(config.suite, config.weights)
    config = replace(config, weights=_by_their_own_names(config.weights, suite))
    others = () if config.limit is None else suite.prompts[config.limit :]
    if config.limit is not None:
        suite = replace(suite, prompts=suite.prompts[: config.limit])
    if not suite.prompts:
        raise UserError(f"suite {suite.name!r} has no prompts")
    return config, suite, others


@dataclass(frozen=True)
class Model:
    """A generator that was asked for, and how."""

    generator: Generator
    spec: GeneratorSpec
    preset: str
    options: Options


def choose_model(config: RunConfig) -> Model:
    """The model of a command, not yet loaded. Raises UserError for all that is wrong with its name and its options."""
    generator = load_generator(config.model, config.weights, config.checkpoint, config.random_weights)
    spec, wrong = checked_spec(generator, config.model), Gathering()
    chosen: list[tuple[str, Options]] = []
    with wrong.look():
        chosen.append(choose_options(spec, config.preset, config.changes))
    for fault in faults_of_options(generator, spec, config) if isinstance(generator, ChecksOptions) else ():
        wrong.add(fault)
    wrong.settle()
    return Model(generator, spec, *chosen[0])


def _generator_plan(config: RunConfig, suite: Suite, model: Model) -> Plan:
    generator, spec, preset, options = model.generator, model.spec, model.preset, model.options
    seconds = min(DEFAULT_SECONDS, spec.max_seconds)
    unsaid = not all(prompt.seconds for prompt in suite.prompts)
    if unsaid:
        note = f"{seconds:g} s for each prompt of which nothing says how long (--seconds S)"
        spec, suite = replace(spec, notes=(*spec.notes, note)), _with_lengths(suite, seconds)
    template = template_note(spec, options, [prompt.text for prompt in suite.prompts])
    spec = replace(spec, notes=(*spec.notes, *filter(None, (template, *_notes_on_prompts(spec, suite.prompts)))))
    items = _items(config, suite, spec.lyrics)
    together(partial(_refuse_unused_weights, config, suite, spec.needs), partial(_refuse_too_long, spec, suite.prompts))
    size = config.batch_size or spec.batch_size
    identity = {
        **_common_identity(config, suite, spec),
        "preset": preset,
        "options": by_content(spec, options),
        "seed": config.seed,
        "dtype": config.dtype,
        "batch_size": size,
    }
    if unsaid:
        identity["seconds"] = seconds
    if any(item.lyrics for item in items):  # which are no part of the suite, as most models read none
        identity["lyrics"] = digest_json([[item.prompt.id, item.lyrics] for item in items])
    code = own_code(config.model, generator)
    if code is not None:  # evalkit's own models have none, and their runs the ids that they always had
        identity["code"] = code
    run_id, folder = _place(config, suite.name, spec.name, identity)
    batches = _batches(items, size)
    return Plan(config, suite, spec, generator, None, items, batches, preset, options, identity, run_id, folder)


def _notes_on_prompts(spec: GeneratorSpec, prompts: Sequence[Prompt]) -> Iterator[str]:
    """What is made of the prompts otherwise than they say."""
    least = spec.least_seconds or 0.0
    short = sum(prompt.seconds < least for prompt in prompts)
    if short:
        made = f"the beginnings of {least:g} s, the shortest that {spec.name} makes"
        yield f"{part_of(short, len(prompts), 'prompt', 'asks', 'ask')} for less: what is made are {made}"
    sung = sum(bool(prompt.lyrics) for prompt in prompts)
    if sung and not spec.lyrics:
        theirs = f"those of {part_of(sung, len(prompts), 'prompt')}"
        yield f"{spec.name} reads no lyrics: {theirs} have no part in its sounds"
    elif sung < len(prompts) and spec.lyrics and sung:
        yield f"{part_of(len(prompts) - sung, len(prompts), 'prompt', 'has', 'have')} no lyrics: to be instrumental"


def _with_lengths(suite: Suite, seconds: float) -> Suite:
    """The suite, with `seconds` for each prompt of which nothing says how long."""
    return replace(suite, prompts=[replace(prompt, seconds=prompt.seconds or seconds) for prompt in suite.prompts])


def _look_at_folder(config: RunConfig) -> None:
    """Raises UserError for all that is wrong with a folder of sounds, whatever the prompts are."""
    wrong, path, made = Gathering(), config.model.removeprefix(PREFIX), "a folder's audio is made already"
    changed = {key for key, value in config.changes.items() if (key, value) != (OPTION, NONE)}
    wrong.require(OPTION not in changed, f"--prompt-template changes how audio is made; {made}")
    others = config.preset or changed - {OPTION}
    wrong.require(not others, f"--preset and --set change how audio is made; {made}")
    wrong.require(
        not (config.checkpoint or config.random_weights), f"--checkpoint and --random-weights make audio; {made}"
    )
    with wrong.look():
        sound_files(typed(path))
    with wrong.look():
        about_folder(typed(path), config.about)
    wrong.settle()


def _folder_plan(config: RunConfig, suite: Suite, others: Sequence[Prompt]) -> Plan:
    _refuse_unused_weights(config, suite, ())
    items = _items(config, suite)
    path = typed(config.model.removeprefix(PREFIX))
    found = find(path, [prompt.id for prompt in suite.prompts], [prompt.id for prompt in others], config.samples)
    about = about_folder(path, config.about)
    if about is not None:
        told = f"{config.about or path / ABOUT}: these sounds are said to be of {about.name}"
        found = replace(found, about=about, notes=(*found.notes, told))
    spec = _as_it_was_made(describe(path, found), path)
    # The file is part of the item: a gap that was filled, or a file that was exchanged, is another item.
    items = [replace(item, key=digest_json([item.key, found.digests.get(item.name)])) for item in items]
    identity = _common_identity(config, suite, spec)
    if about is not None:
        identity["about"] = about.said
    run_id, folder = _place(config, suite.name, spec.name, identity)
    return Plan(config, suite, spec, None, found, items, [items], "", {}, identity, run_id, folder)


def _items(config: RunConfig, suite: Suite, sung: bool = False) -> list[Item]:
    """The items; where the model is told lyrics (`sung`), with them."""
    samples = range(config.samples)
    return [_item(prompt, config.seed, each, config.samples, sung) for prompt in suite.prompts for each in samples]


def _item(prompt: Prompt, run_seed: int, sample: int, samples: int, sung: bool) -> Item:
    seed, lyrics = item_seed(run_seed, prompt.id, sample), prompt.lyrics if sung else ""
    key = digest_json([prompt.id, prompt.text, prompt.seconds, seed, *filter(None, (lyrics,))])
    return Item(prompt, seed, key, sample, samples, lyrics)


def _batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Longest first: what does not fit into memory shows in the first batch. No batch holds two sounds of a prompt, so
    that a further sound per prompt changes none of the batches before it, nor a last bit of their sounds."""
    batches: list[Sequence[Item]] = []
    samples = items[0].samples
    for sample in range(samples):
        ordered = sorted(items[sample::samples], key=lambda item: -item.prompt.seconds)
        batches += [ordered[first : first + size] for first in range(0, len(ordered), size)]
    return batches


def _by_their_own_names(given: Mapping[str, Path], suite: Suite) -> dict[str, Path]:
    """`openl3`, `passt` and `clap` stand for whichever published weights of that family the suite names.

    Raises UserError where it names none of them (a file given in vain is a mistake), or where one is given twice.
    """
    used = dict.fromkeys(plan.weights for plan in suite.metrics.values())
    scorers = {each for family in FAMILIES for each in family_names(family)}
    weights: dict[str, Path] = {}
    for name, path in given.items():
        meant = stands_for(name, used) or ([] if name in scorers or name in FAMILIES else [name])
        if not meant:
            hint = f"it names {', '.join(sorted(used))}: say --weights with one of these"
            raise UserError(f"--weights {name}: would have no effect, as suite {suite.name} names other weights", hint)
        for each in meant:
            if each in weights:
                raise UserError(f"--weights: {each} is given twice", "a family's name stands for it too")
            weights[each] = path
    return weights


def _refuse_unused_weights(config: RunConfig, suite: Suite, needs: Sequence[str]) -> None:
    """A misspelt --weights name must not be silently without effect; `needs` are the model's further weights."""
    known = {*MINIS, *PUBLISHED, *GENERATORS.names(), *(plan.weights for plan in suite.metrics.values())}
    known |= {*needs, config.model}
    for name in config.weights:
        if name in WITHOUT_FILE:
            raise UserError(f"--weights {name}: {name} measures without a network, so there is nothing to replace")
        if name not in known:
            raise unknown_name("weights file", name, known)


def _as_it_was_made(spec: GeneratorSpec, folder: Path) -> GeneratorSpec:
    """The spec of a scored folder; one that evalkit filled with random weights stays marked as that."""
    for record in (folder / "run.json", folder.absolute().parent / "run.json"):
        with suppress(UserError, AttributeError, LookupError, TypeError):
            if record.is_file() and read_json(record)["model"].get("size") == RANDOM:
                return replace(spec, name=f"{spec.name}+random", size=RANDOM)
    return spec


def _refuse_too_long(spec: GeneratorSpec, prompts: Sequence[Prompt]) -> None:
    long = [prompt for prompt in prompts if prompt.seconds > spec.max_seconds]
    if long:
        count, first = f"{len(long)} of {len(prompts)}", f"the first {long[0].id!r} for {long[0].seconds:g} s"
        message = f"{spec.name} makes at most {spec.max_seconds:g} s; {count} prompts ask for more, {first}"
        raise UserError(message, "choose another model or suite")


def _common_identity(config: RunConfig, suite: Suite, spec: GeneratorSpec) -> dict[str, object]:
    named = {plan.weights for plan in suite.metrics.values()} | {*TOKENIZERS.values(), VGGISH_PCA}
    scorers = {name: _digest_path(path) for name, path in config.weights.items() if name in named}
    return {
        "evalkit": evalkit.__version__,
        "model": spec.name,
        "family": spec.family,
        "weights": spec.weights,
        "suite": [suite.name, suite.version, suite.digest],
        "prompts": len(suite.prompts),
        "device": config.device.partition(":")[0],
        "scored with": scorers,
        **({"samples": config.samples} if config.samples > 1 else {}),
        **({"threads": config.threads} if config.threads != DEFAULT else {}),
    }


def _place(config: RunConfig, suite: str, model: str, identity: Mapping[str, object]) -> tuple[str, RunFolder]:
    run_id = digest_json(identity)[:_ID_DIGITS]
    return run_id, run_folder(RUNS, suite, model, run_id) if config.out is None else RunFolder(config.out)


def _digest_path(path: Path) -> str:
    """Digest of a file's bytes, or of the names and bytes of those of a folder that its network is read from."""
    if path.is_file():
        return remembered_sha256(path)
    return digest_json({str(each.relative_to(path)): remembered_sha256(each) for each in files_read(path)})
