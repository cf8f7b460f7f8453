"""`evalkit.suites`: the suites at hand, or one of them with its prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

from evalkit.api.listing import Listing
from evalkit.api.taken import parameters_checked
from evalkit.api.words import parameters_named
from evalkit.api.work import LOG
from evalkit.core.plugins import BrokenPlugin
from evalkit.suites.base import Outline, Suite
from evalkit.suites.load import load_outline, load_suite, suite_names
from evalkit.suites.pinned import is_here, pinned_files


@dataclass(frozen=True)
class SuiteFacts:
    """What a suite says by itself. `size` is "mini" or "full", `prompts` and `seconds` of sound what it asks for (None:
    not stated), `state` "here" or "not fetched", `metrics` their names."""

    name: str
    title: str
    version: str
    size: str
    protocol: str
    prompts: int
    seconds: float | None
    state: str
    metrics: list[str]


@overload
def suites(name: None = None) -> Listing[SuiteFacts]: ...
@overload
def suites(name: str) -> Suite: ...


@parameters_checked
@parameters_named()
def suites(name: str | None = None) -> Listing[SuiteFacts] | Suite:
    """List the suites, or read one.

    Parameters
    ----------
    name : str, optional
        A suite's name, or the path of a manifest.

    Returns
    -------
    Listing of SuiteFacts, or Suite
        All suites, whose `table()` is a pandas table; or the one that is named, with its `prompts` (`id`, `text`,
        `seconds`, `group`, `labels`) and `metrics`.

    Raises
    ------
    UserError
        For an unknown name, an unreadable manifest, or prompts that are not fetched yet.

    Examples
    --------
    >>> import evalkit
    >>> [each.name for each in evalkit.suites() if each.size == "mini"]
    ['mini']
    >>> evalkit.suites("mini").prompts[0].text
    'A baby crying'
    """
    if name is not None:
        return load_suite(name)
    found, broken = every_suite()
    for reason in broken.values():
        LOG.warning("%s", reason)
    return Listing(found, ("name", "version", "size", "protocol", "prompts", "seconds", "state", "title"))


def every_suite() -> tuple[list[SuiteFacts], dict[str, str]]:
    """The suites by name, and {name: reason} of those of installed packages that cannot be imported."""
    found: list[SuiteFacts] = []
    broken: dict[str, str] = {}
    for each in suite_names():
        try:
            outline = load_outline(each)
            found.append(suite_facts(outline, fetched(outline, each)))
        except BrokenPlugin as error:  # of an installed package; the others are listed
            broken[each] = str(error)
    return found, broken


def fetched(outline: Outline, name: str) -> Suite | None:
    """The suite with its prompts, or None where they are not fetched."""
    return None if outline.pinned is not None and not is_here(outline.pinned) else load_suite(name)


def suite_facts(outline: Outline, suite: Suite | None) -> SuiteFacts:
    """What is known of a suite whose prompts may not be here."""
    each = outline.columns.seconds
    stated = None if isinstance(each, str) else float(each) * outline.stated
    return SuiteFacts(
        name=outline.name,
        title=outline.title,
        version=outline.version,
        size=outline.size,
        protocol=outline.protocol,
        prompts=outline.stated if suite is None else len(suite.prompts),
        seconds=stated if suite is None else round(sum(prompt.seconds for prompt in suite.prompts), 3),
        state="here" if all(is_here(file) for file in pinned_files(outline)) else "not fetched",
        metrics=sorted(outline.metrics),
    )
