"""What evalkit looks at before it relies on a generator: its spec, its methods, and what it returns.

A record of the wrong types would be found out by whatever comes upon it first, hours later and far away; here it is one
line that names the field, what it holds, and what it should hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalkit.core.fields import Fields, is_number, is_whole
from evalkit.core.plugins import BrokenPlugin, running
from evalkit.generators.base import GenBatch, Generator, GeneratorSpec, Memory
from evalkit.generators.templates import faults_of_templates

SIZES = ("mini", "full", "none", "random")
METHODS = ("generate", "close")


def checked_spec(generator: Generator, name: str) -> GeneratorSpec:
    """The spec of a generator, its numbers as plain ones. Raises BrokenPlugin, which tells all that is wrong with it
    and calls the model `name`."""
    with running(f"model {name!r}: its spec cannot be read"):
        spec: object = getattr(generator, "spec", None)
    if not isinstance(spec, GeneratorSpec):
        told = "has no `spec`" if spec is None else f"its spec is a {type(spec).__name__}"
        raise BrokenPlugin(f"model {name!r}: {told}, expected a GeneratorSpec")
    fields = Fields(spec)
    values: dict[str, Any] = {
        "name": fields.text("name"),
        "family": fields.text("family"),
        "sample_rate": fields.whole("sample_rate", 1),
        "channels": fields.whole("channels", 1),
        "max_seconds": fields.real("max_seconds"),
        "window_seconds": fields.real("window_seconds", optional=True),
        "size": fields.one_of("size", SIZES),
        "weights": fields.text("weights", optional=True),
        "revision": fields.text("revision", empty=True),
        "licence": fields.text("licence", empty=True),
        "gated": fields.flag("gated"),
        "parameters": fields.whole("parameters", 0, optional=True),
        "needs": fields.names("needs"),
        "presets": fields.presets("presets"),
        "default_preset": fields.text("default_preset", empty=True),
        "further": fields.options("further"),
        "files": fields.names("files"),
        "follows": fields.options("follows"),
        "templates": fields.presets("templates"),
        "notes": fields.names("notes"),
        "batch_size": fields.whole("batch_size", 1),
        "least_seconds": fields.real("least_seconds", optional=True),
        "lyrics": fields.flag("lyrics"),
    }
    if values["default_preset"] and values["default_preset"] not in values["presets"]:
        known = ", ".join(values["presets"]) or "there is none"
        fields.fault(f"default_preset is {values['default_preset']!r}, expected the name of a preset ({known})")
    for fault in faults_of_templates(values["templates"], values["presets"]):
        fields.fault(fault)
    if fields.faults:
        raise BrokenPlugin(f"model {name!r}: its spec is not as it should be: {'; '.join(fields.faults)}")
    return replace(spec, **values)


def require_methods(generator: object) -> None:
    """Raises BrokenPlugin where a model that was loaded cannot be asked or closed."""
    missing = [f"{each}()" for each in METHODS if not callable(getattr(generator, each, None))]
    if missing:
        told = f"{type(generator).__name__} has no {' and no '.join(missing)}"
        raise BrokenPlugin(told, "a generator has load, generate and close")


def answer_fault(made: object, count: int) -> str:
    """What is wrong with the answer to a call for `count` prompts as a whole, "" where nothing is."""
    if not isinstance(made, GenBatch):
        return f"generate() returned {_named(made)}, expected a GenBatch"
    audio: Any = made.audio
    if not hasattr(audio, "__len__"):
        return f"the batch's audio is {_named(audio)}, expected a list of one array per prompt"
    if len(audio) != count:
        return f"the generator returned {len(audio)} sounds for {count} prompts"
    memory: Any = made.memory
    if memory is None or (isinstance(memory, Memory) and is_whole(memory.peak) and is_whole(memory.held)):
        return ""
    told = repr(memory)[:60] if isinstance(memory, Memory) else _named(memory)
    return f"the batch's memory is {told}, expected a Memory of whole numbers of bytes, or None"


def clock_fault(timings: object) -> str:
    """What is wrong with the seconds of a batch's parts, "" where nothing is."""
    if not isinstance(timings, Mapping):
        return f"the batch's timings are {_named(timings)}, expected a mapping of parts to seconds"
    for part, seconds in timings.items():
        if not isinstance(part, str) or not (is_number(seconds) and 0 <= float(seconds) < math.inf):
            return f"the batch's timings hold {part!r}: {seconds!r:.40}, expected seconds of 0 or more"
    return ""


def _named(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
