"""A pinned source: where one file is published, and what its bytes must be.

Three kinds, written in a manifest as a table:

    {repo = "owner/name", commit = "40 hex digits", path = "load/x.csv", blob = "40 hex digits"}
    {hub = "owner/name", revision = "commit", file = "model.safetensors", sha256 = "optional"}
    {url = "https://...", sha256 = "optional"}

The first is a file of a public GitHub repository, checked by its git blob id: the sha1 of `blob <size>`, a
NUL and the content. The second is a file of the Hugging Face hub. Where no digest is stated, the sha256 of
the first download is kept in a lock file and enforced from then on (`evalkit.fetch.digests`).

Manifests come from outside: whatever would leave the folder that files are kept in, or would ask for
anything but http and https, is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from evalkit.core.errors import UserError

HUB = "https://huggingface.co"

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_STRANGE = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|%]")
_HEX = {40: re.compile(r"[0-9a-f]{40}"), 64: re.compile(r"[0-9a-f]{64}")}


@dataclass(frozen=True)
class Digest:
    """What a file's bytes must be: `kind` is "blob" (git's sha1) or "sha256", `value` its hex digits."""

    kind: str
    value: str


@dataclass(frozen=True)
class GitSource:
    """A file of a public GitHub repository at a commit (or a branch, as the blob id decides)."""

    repo: str
    commit: str
    path: str
    blob: str


@dataclass(frozen=True)
class HubSource:
    """A file of a repository on the Hugging Face hub; `blob` is its git blob id where a listing states that."""

    hub: str
    revision: str
    file: str
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True)
class Repository:
    """A repository on the hub at a commit or branch: what a model needs of it, or `files` alone, each (name, sha256).

    A sha256 is "" where nobody states it.
    """

    hub: str
    revision: str
    files: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.files)

    @property
    def address(self) -> str:
        """What it is called in the lock file, whichever endpoint or mirror serves it."""
        return f"{HUB}/{self.hub}/tree/{self.revision}"


@dataclass(frozen=True)
class UrlSource:
    """A file at an address of its own."""

    url: str
    sha256: str = ""


Source = GitSource | HubSource | UrlSource


def address(source: Source, endpoint: str = "") -> str:
    """Where upstream serves the file; one of the hub at another `endpoint` than the hub's own."""
    match source:
        case GitSource():
            return f"https://raw.githubusercontent.com/{source.repo}/{source.commit}/{quote(source.path)}"
        case HubSource():
            return f"{endpoint or HUB}/{source.hub}/resolve/{source.revision}/{quote(source.file)}"
        case UrlSource():
            return source.url


def place(source: Source) -> PurePosixPath:
    """Where the file lies in a mirror, and under EVALKIT_HOME/sources: no part of it leads outwards.

    `github/<owner>/<name>/<commit>/<path>`, `huggingface.co/<owner>/<name>/<revision>/<file>`, or
    `<host>/<path>` of another address.
    """
    match source:
        case GitSource():
            return PurePosixPath("github", source.repo, source.commit, source.path)
        case HubSource():
            return PurePosixPath("huggingface.co", source.hub, source.revision, source.file)
        case UrlSource():
            parts = urlsplit(source.url)
            return PurePosixPath(parts.netloc.lower().replace(":", "_"), parts.path.lstrip("/"))


def pinned(source: Source) -> Digest | None:
    """The digest that the source states, if it states one."""
    if not isinstance(source, UrlSource) and source.blob:
        return Digest("blob", source.blob)
    if isinstance(source, GitSource):
        return None
    return Digest("sha256", source.sha256) if source.sha256 else None


def identity(source: Source) -> str:
    """What stands for the file in a suite's digest: its content where that is stated, else its address."""
    digest = pinned(source)
    return address(source) if digest is None else f"{digest.kind}:{digest.value}"


def parse_source(table: Mapping[str, object], where: str) -> Source:
    """The source that a manifest's table describes; `where` names the table in errors.

    Raises UserError for a key that is unknown or absent, a digest that is none, a path that leads outwards,
    and an address that is not plain http or https.
    """
    texts = {key: _text(value, key, where) for key, value in table.items()}
    match frozenset(texts) - {"sha256"}:
        case keys if keys == {"repo", "commit", "path", "blob"} and "sha256" not in texts:
            git = GitSource(**texts)
            _fits(git.repo, _NAME, "repo", where)
            _fits(git.commit, _REVISION, "commit", where)
            _fits(git.blob, _HEX[40], "blob", where)
            source: Source = git
        case keys if keys == {"hub", "revision", "file"}:
            hub = HubSource(**texts)
            _fits(hub.hub, _NAME, "hub", where)
            _fits(hub.revision, _REVISION, "revision", where)
            source = hub
        case keys if keys == {"url"}:
            source = UrlSource(**texts)
            require_plain_url(source.url, f"{where}: url of a source")
        case _:
            forms = "{repo, commit, path, blob}, {hub, revision, file} or {url, sha256}"
            raise UserError(f"{where}: a source has the keys {forms}, not {', '.join(sorted(texts)) or 'none'}")
    if texts.get("sha256"):
        _fits(texts["sha256"], _HEX[64], "sha256", where)
    _require_inside(place(source), where)
    return source


def _text(value: object, key: str, where: str) -> str:
    if not isinstance(value, str) or (not value and key != "sha256"):
        raise UserError(f"{where}: {key} of a source must be text")
    return value


def _fits(value: str, form: re.Pattern[str], key: str, where: str) -> None:
    if not form.fullmatch(value):
        raise UserError(f"{where}: {key} of a source cannot be {value[:80]!r}")


def require_plain_url(url: str, where: str) -> None:
    """Raises UserError, which begins with `where`, for an address with anything but scheme, host, port and path."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        plain = plain and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        plain = False
    if not plain:
        raise UserError(f"{where}: must be http(s)://host/path without a query or account, not {url[:80]!r}")


def _require_inside(path: PurePosixPath, where: str) -> None:
    """No `..`, no absolute or empty part, nothing that another file system reads as a separator."""
    text = str(path)
    bad = any(part in ("..", "/", "~") or part.startswith(".part-") for part in path.parts)
    if (
        bad
        or path.is_absolute()
        or len(path.parts) < 2
        or re.search(r"[\x00-\x1f\x7f\\:*?\"<>|]|%2[eEfF]|%5[cC]", text)
    ):
        raise UserError(f"{where}: the path of a source cannot be {text[:120]!r}")
