"""The Hugging Face hub: its address and the person's token as huggingface_hub knows them, what a repository holds, and
what its refusals mean in one line.

Variables hold as people know them: HF_ENDPOINT, HF_TOKEN (or `hf auth login`), HF_HUB_OFFLINE and
TRANSFORMERS_OFFLINE beside EVALKIT_OFFLINE. The transfer is evalkit's own (`fetch/download.py`), as the library's
neither resumes from one process to the next nor checks what arrived.

The token goes to the endpoint's own scheme, host and port, and only after that has refused to answer without: a stale
one closes nobody out of what is public. A listing with a token is one answer: huggingface_hub would send its headers to
whatever address a server calls the next page.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from evalkit.core.errors import UserError
from evalkit.core.paths import MOST_ENTRIES
from evalkit.fetch.hub_selection import LARGEST as LARGEST
from evalkit.fetch.hub_selection import HubFile, checked
from evalkit.fetch.sources import Digest, Repository, require_plain_url
from evalkit.fetch.switches import is_on

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile, RepoSibling

SECONDS = 60.0
"""How long the hub may take over one listing."""

COMMIT = re.compile(r"[0-9a-f]{40}")

_TOKEN = re.compile(r"[!-~]{1,4096}")
_SWITCHES = ("EVALKIT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_WITHOUT_ACCOUNT = (401, 403, 404)
_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Listing:
    """What a repository holds at a commit."""

    commit: str
    gated: bool
    files: tuple[HubFile, ...]


def endpoint() -> str:
    """HF_ENDPOINT, else the hub's own address. Raises UserError where it is no plain http(s) address."""
    from huggingface_hub import constants

    found = str(constants.ENDPOINT).rstrip("/")
    require_plain_url(found, "HF_ENDPOINT")
    return found


def token() -> str:
    """The person's token, "" where there is none. Raises UserError where it is none that could be sent."""
    from huggingface_hub import constants, get_token

    if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
        return ""
    try:
        found = get_token() or ""
    except Exception as error:  # noqa: BLE001 - asks notebooks, identity services and files, each with errors of its own
        raise UserError(f"the hub's token cannot be read: {type(error).__name__}", _LOG_IN) from None
    if found and not _TOKEN.fullmatch(found):
        raise UserError("the hub's token holds characters that no token has", f"is HF_TOKEN quoted? {_LOG_IN}")
    return found


def forbidden_by(to_a_mirror: bool = False) -> str:
    """The switch that forbids the network, "" where none does. Who sets one of the hub's wants to stay off the network,
    whoever publishes the file; a mirror that a person names is forbidden by evalkit's own switch alone."""
    names = _SWITCHES[:1] if to_a_mirror else _SWITCHES
    return next((name for name in names if is_on(name)), "")


def page(hub: str) -> str:
    """The page of a repository, where its licence is accepted."""
    return f"{endpoint()}/{hub}"


def listing(repository: Repository) -> Listing:
    """What the hub says of a repository at its revision. Raises UserError, in one line, where it is not to be had or
    says what cannot be."""
    switch = forbidden_by()
    if switch:
        raise UserError(f"{repository.hub} is not here, and {switch} forbids asking the hub", f"unset {switch}")
    with _in_silence():
        return _within(SECONDS, lambda: _with_or_without(repository))


def refusal(source: Repository, status: int, code: str, sent: bool, file: str = "") -> UserError:
    """What an answer of the hub means: its `status`, its X-Error-Code, and whether a token was `sent`."""
    hub, revision = source.hub, source.revision
    if code == "GatedRepo" and not sent:
        way = f"accept its licence on {page(hub)} with an account of yours, then {_LOG_IN}"
        return UserError(f"{hub} is gated, and there is no token here", way)
    if code == "GatedRepo":
        rights = 'a fine-grained one needs "Read access to contents of all public gated repos you can access"'
        return UserError(
            f"{hub} is gated, and your token may not read it", f"accept its licence on {page(hub)}; {rights}"
        )
    if code == "RevisionNotFound":
        return UserError(f"{hub} has no revision {revision}", f"{page(hub)} lists them")
    if code == "EntryNotFound":
        return UserError(f"{hub} has no file {file} at {revision}", "it may have been moved or removed")
    if status == 401 and sent and code != "RepoNotFound":
        return UserError("the hub does not know your token", f"has it expired? {_LOG_IN}")
    if status in _WITHOUT_ACCOUNT:
        why = (
            "does not exist, or is private and your token may not read it" if sent else "does not exist, or is private"
        )
        return UserError(f"{page(hub)}: the repository {why}", "" if sent else f"for a private one, {_LOG_IN}")
    return UserError(f"{page(hub)}: the hub refuses (http {status})", "try again later")


def _with_or_without(repository: Repository) -> Listing:
    """The listing as anybody may see it, else as the person may."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return _ask(repository, False)
    except HfHubHTTPError as error:
        if error.response.status_code not in _WITHOUT_ACCOUNT:
            raise _told(repository, error, False) from None
        mine = token()
        if not mine:
            raise _told(repository, error, False) from None
    except Exception as error:  # noqa: BLE001
        raise _told(repository, error, False) from None
    try:
        return _ask(repository, mine)
    except Exception as error:  # noqa: BLE001
        raise _told(repository, error, True) from None


def _ask(repository: Repository, secret: str | bool) -> Listing:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFolder

    hub = HfApi(endpoint=endpoint(), token=secret, library_name="evalkit")
    signed = secret is not False
    told = hub.model_info(repository.hub, revision=repository.revision, timeout=SECONDS / 2, files_metadata=signed)
    commit = str(told.sha)
    if not COMMIT.fullmatch(commit) or (COMMIT.fullmatch(repository.revision) and commit != repository.revision):
        raise UserError(f"{page(repository.hub)}: the hub says that {repository.revision} is {commit[:80]!r}")
    entries = (told.siblings or ()) if signed else hub.list_repo_tree(repository.hub, revision=commit, recursive=True)
    # More than may be: the check of the list says so.
    found = [_file(each) for each in islice(entries, 2 * MOST_ENTRIES) if not isinstance(each, RepoFolder)]
    return Listing(commit, bool(told.gated), tuple(checked(found, page(repository.hub))))


def _file(entry: RepoFile | RepoSibling) -> HubFile:
    """A file of LFS by its sha256, any other by git's blob id: what its content will be held against."""
    path, size, lfs = entry.rfilename, -1 if entry.size is None else entry.size, entry.lfs
    if lfs is None:
        return HubFile(path, size, Digest("blob", entry.blob_id or ""))
    return HubFile(path, lfs.size if lfs.size == size else -1, Digest("sha256", lfs.sha256))


def _told(repository: Repository, error: Exception, sent: bool) -> UserError:
    """Whatever huggingface_hub or the network raises, as one line. 2.x raises its client's own errors bare."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, UserError):
        return error
    if isinstance(error, HfHubHTTPError):
        code = error.response.headers.get("X-Error-Code", "")
        return refusal(repository, error.response.status_code, code, sent)
    if isinstance(error, KeyError | TypeError | ValueError | AttributeError):
        return UserError(f"{page(repository.hub)}: the hub's answer is no listing", "is HF_ENDPOINT a hub?")
    why = type(error).__name__
    told = f"{page(repository.hub)}: the hub cannot be asked ({why})"
    return UserError(told, "is the network there? is HF_ENDPOINT right?")


def _within(seconds: float, call: Callable[[], _Answer]) -> _Answer:
    """What a call returns or raises. Raises UserError where it takes longer: a server may dribble for ever."""
    answers: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue()

    def ask() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again, in the other thread
            answers.put((None, error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise UserError(f"{endpoint()}: no listing within {seconds:g} s", "try again later") from None
    if error is not None:
        raise error
    found: _Answer = answer
    return found


@contextmanager
def _in_silence() -> Iterator[None]:
    """huggingface_hub prints what a server says in a header, and asks for a token in its own words."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
