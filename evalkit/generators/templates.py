"""Prompt templates: the fields that a model was trained to find before a caption, `TrackType: SFX, rain on a tin roof`.

A template is data of its model (`GeneratorSpec.templates`): {name: {field: value}}. A preset may name one as its option
`prompt_template`, `--prompt-template` names another, or `none`. It decides the sound, and so the run's id. Only the
model is told it: metrics of text hear the suite's own caption, as stable-audio-metrics' CLAP score does, so that scores
with and without a template, and those of other models, are on one scale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from evalkit.core.errors import UserError, unknown_name
from evalkit.core.text import part_of
from evalkit.generators.base import GeneratorSpec, Options, Template

OPTION = "prompt_template"
NONE = "none"


def template_of(spec: GeneratorSpec, options: Options) -> Template:
    """The fields of the template that the options name; none where they name none."""
    return spec.templates.get(str(options.get(OPTION)), {})


def templated(template: Template, prompt: str) -> str:
    """The prompt after the template's fields, without those that it has itself: what it says of them stands."""
    fields = [f"{field}: {value}" for field, value in template.items() if not _says(prompt, field)]
    return ", ".join(filter(None, [*fields, prompt]))


def without_template(options: Options) -> dict[str, object]:
    """The options that the network itself is given."""
    return {key: value for key, value in options.items() if key != OPTION}


def fault_of_template(spec: GeneratorSpec, name: object) -> UserError | None:
    """What is wrong with the template that was asked of this model, None where nothing is: every model takes none."""
    if isinstance(name, str) and (name == NONE or name in spec.templates):
        return None
    if spec.templates:
        return unknown_name(f"prompt template of {spec.name}", str(name), [*spec.templates, NONE])
    told = f"--prompt-template {name}: {spec.name} has no prompt templates, its prompts go in as they are"
    return UserError(told, f"leave it out, or say --prompt-template {NONE}")


def template_note(spec: GeneratorSpec, options: Options, prompts: Sequence[str]) -> str:
    """What a run tells of its template, "" for a model that knows of none."""
    if not spec.templates:
        return ""
    template = template_of(spec, options)
    if not template:
        return f"prompts go in as they are; the model knows --prompt-template {', '.join(spec.templates)}"
    own = sum(any(_says(prompt, field) for field in template) for prompt in prompts)
    kept = f"; {part_of(own, len(prompts), 'prompt', 'says', 'say')} a field by itself, which stands" if own else ""
    return f'prompts go in as "{templated(template, "PROMPT")}" (--prompt-template {options[OPTION]}){kept}'


def _says(prompt: str, field: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(field)}\s*:", prompt, re.IGNORECASE) is not None


def faults_of_templates(templates: Mapping[str, Template], presets: Mapping[str, Options]) -> list[str]:
    """What is wrong with a model's templates, and with what its presets name of them; without any, an option of this
    name is the model's own affair."""
    found = [f"templates has {NONE!r}, which stands for no template"] if NONE in templates else []
    for preset, options in presets.items():
        name = options.get(OPTION, NONE)
        if templates and not (isinstance(name, str) and (name == NONE or name in templates)):
            found.append(f"presets[{preset!r}] names a prompt_template that is none of its templates")
    return found
