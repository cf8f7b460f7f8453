"""What else is not here for a run that cannot be planned: told with the rest, instead of one command later."""

from __future__ import annotations

from contextlib import suppress

from evalkit.core.errors import UserError
from evalkit.core.faults import Gathering
from evalkit.core.plugins import running
from evalkit.embed.base import is_own
from evalkit.fetch.weights import WITHOUT_FILE, locate
from evalkit.generators.base import ChecksFiles, Generator
from evalkit.run.config import RunConfig
from evalkit.store.layout import RunFolder
from evalkit.suites.load import load_outline
from evalkit.suites.pinned import require_reference

_OTHER_FILES = ("--checkpoint ", "--weights ")
"""Words that name files: where one of them is wrong, it is not said that the published ones are missing."""


def look_for_missing(config: RunConfig, generator: Generator | None, wrong: Gathering) -> None:
    """Add to `wrong` a place where no run can be, the weights and the references that are missing, and last the one
    command that brings them.

    Nothing is loaded; of a suite without a manifest, and of a model that is not known, nothing is looked for.
    """
    if config.out is not None:
        with wrong.look():
            RunFolder(config.out).require_files()
    unread = {option for option in _OTHER_FILES for each in config.wrong if each.message.startswith(option)}
    if generator is not None and isinstance(generator, ChecksFiles) and not unread:
        with wrong.look(), running(f"{config.model}: check_files() failed"):
            generator.check_files()
    if not isinstance(config.suite, str):
        return
    with suppress(UserError):  # what is wrong with the manifest itself is told already
        for chosen in load_outline(config.suite).metrics.values():
            with wrong.look():
                needed = not is_own(chosen.embedded_by) and chosen.weights not in WITHOUT_FILE
                if needed and "--weights " not in unread:
                    locate(chosen.weights, config.weights)
            with wrong.look():
                require_reference(chosen)
    if generator is not None:
        tell_of_fetch(config, wrong)


def tell_of_fetch(config: RunConfig, wrong: Gathering) -> None:
    """Add the one command that brings what is missing, where that is more than one thing."""
    if isinstance(config.suite, str) and sum("evalkit fetch" in each.hint for each in wrong.errors) > 1:
        command = f"evalkit fetch for run --model {config.model} --suite {config.suite}"
        wrong.add(UserError("what is not here can be brought by one command", command))
