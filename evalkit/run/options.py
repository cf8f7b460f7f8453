"""A model's options as they were asked for: a preset, changes laid over it, and files by what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.faults import Gathering
from evalkit.core.ids import digest_file
from evalkit.core.paths import absent, typed
from evalkit.core.plugins import running
from evalkit.generators.base import ChecksOptions, GeneratorSpec, Options
from evalkit.generators.templates import NONE, OPTION, fault_of_template, template_of, without_template
from evalkit.run.config import RunConfig


def choose_options(spec: GeneratorSpec, preset: str | None, changes: Mapping[str, object]) -> tuple[str, Options]:
    """The preset's name and its options with the changes laid over; an option whose value is a file's path comes out
    absolute. Raises UserError for all unknown names, and all files that are not there."""
    name, wrong = preset or spec.default_preset, Gathering()
    if name and name not in spec.presets:
        wrong.add(unknown_name(f"preset of {spec.name}", name, spec.presets))
    for key, value in changes.items():
        fault = _fault_of_option(spec, name, key, value)
        if fault is not None:
            wrong.add(fault)
    wrong.settle()
    options = dict(spec.presets.get(name, {}))
    for follower, leader in spec.follows.items():
        if changes.get(leader, options.get(leader)) != options.get(leader):
            options.pop(follower, None)
    options |= {key: str(typed(str(each)).absolute()) if key in spec.files else each for key, each in changes.items()}
    if spec.templates:
        options.setdefault(OPTION, NONE)
    elif _is_template(spec, OPTION):
        options.pop(OPTION, None)
    return name, options


def model_options(spec: GeneratorSpec, options: Options) -> Options:
    """The options that the model itself is told: a template is put before its prompts, and is none of them."""
    return without_template(options) if spec.templates else options


def _is_template(spec: GeneratorSpec, key: str) -> bool:
    """Is this the template's name, and no option of a model's own that is called the same?"""
    own = {*spec.further, *(each for options in spec.presets.values() for each in options)}
    return key == OPTION and (bool(spec.templates) or key not in own)


def _fault_of_option(spec: GeneratorSpec, preset: str, key: str, value: object) -> UserError | None:
    """What is wrong with an option, whatever the model makes of its value: that it has none of this name in the preset
    (in any, where there is no such preset), or that the file which it names is not there."""
    if _is_template(spec, key):
        return fault_of_template(spec, value)
    presets = [spec.presets[preset]] if preset in spec.presets else spec.presets.values()
    known = {*spec.further, *(each for options in presets for each in options)}
    if key not in known:
        return unknown_name(f"option of {spec.name}", key, known)
    path = typed(str(value)).absolute() if key in spec.files else None
    if path is None or path.is_file():
        return None
    return UserError(f"{key}: no such file: {path}" if not path.is_symlink() else f"{key}: {absent(path)}")


def faults_of_options(generator: ChecksOptions, spec: GeneratorSpec, config: RunConfig) -> list[UserError]:
    """What the model itself finds wrong with the options that it has; where nobody knows which preset was meant, what
    it finds wrong with them in each."""
    name = config.preset or spec.default_preset
    usable = {key: value for key, value in config.changes.items() if _fault_of_option(spec, name, key, value) is None}
    found: list[Gathering] = []
    for preset in (name,) if name in spec.presets or not name else spec.presets:
        own = {key: value for key, value in usable.items() if _fault_of_option(spec, preset, key, value) is None}
        found.append(Gathering())
        with found[-1].look(), running(f"model {config.model!r}: check_options() failed"):
            generator.check_options(model_options(spec, choose_options(spec, preset or None, own)[1]))
    in_each = set.intersection(*({str(each) for each in gathering.errors} for gathering in found))
    return [each for each in found[0].errors if str(each) in in_each]


def by_content(spec: GeneratorSpec, options: Options) -> dict[str, object]:
    """The options as they decide a sound: a file by its bytes, wherever it lies, and a template by its fields."""
    found = {key: digest_file(Path(str(value))) if key in spec.files else value for key, value in options.items()}
    return found | ({OPTION: dict(template_of(spec, options))} if spec.templates else {})
