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
from evalkit.core.tables import Report, Table

HUB = "https://huggingface.co"

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
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

_KINDS = {
    GitSource: ("repo", "commit", "path", "blob"),
    HubSource: ("hub", "revision", "file"),
    UrlSource: ("url",),
}
SOURCE_KEYS = ("repo", "commit", "path", "blob", "hub", "revision", "file", "url", "sha256")
_SHAPES = {
    "repo": _NAME,
    "hub": _NAME,
    "commit": _REVISION,
    "revision": _REVISION,
    "blob": _HEX[40],
    "sha256": _HEX[64],
}


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
    """The source that a table describes; `where` names the table in errors. Raises UserError as `read_source` tells."""
    read = Table(table, Report(where))
    source = read_source(read)
    read.settle()
    assert source is not None, "a source that is none is told"
    return source


def read_source(table: Table) -> Source | None:
    """The source that a manifest's table describes; None where something about it is told.

    That is a key that is unknown or absent, a digest that is none, a path that leads outwards, and an address that is
    not plain http or https.
    """
    table.knows(*SOURCE_KEYS)
    texts = {key: table.text(key, empty=key == "sha256") for key in SOURCE_KEYS if table.holds(key)}
    kind = _kind(table, texts)
    for key, form in _SHAPES.items():
        if texts.get(key) and not form.fullmatch(texts[key]):
            table.fault(key, f"{key} of a source cannot be {texts[key][:80]!r}")
    for key in ("path", "file"):
        if key in texts and _leads_outwards(PurePosixPath(texts[key])):
            table.fault(key, f"the path of a source cannot be {texts[key][:120]!r}")
    if "url" in texts:
        with table.at("url"):
            require_plain_url(texts["url"], "url of a source")
    if kind is None or table.rest() or not table.is_sound:
        return None
    source: Source = kind(**texts)
    lies = place(source)
    if len(lies.parts) < 2 or _leads_outwards(lies):
        table.fault("", f"the path of a source cannot be {str(lies)[:120]!r}")
        return None
    return source


def _kind(table: Table, given: Mapping[str, str]) -> type[GitSource] | type[HubSource] | type[UrlSource] | None:
    """The kind of source that these keys describe, wholly or with some missing, which is told; None for a mixture."""
    kind = max(_KINDS, key=lambda kind: len(given.keys() & _KINDS[kind]))
    others = given.keys() - {*_KINDS[kind], *(("sha256",) if kind is not GitSource else ())}
    missing = [key for key in _KINDS[kind] if key not in given]
    if not others and not missing:
        return kind
    if others or not given.keys() - {"sha256"}:
        named = ", ".join(sorted(given)) or "none"
        forms = "{repo, commit, path, blob}, {hub, revision, file} or {url, sha256}"
        table.fault("", f"a source has the keys {forms}, not {named}")
    else:
        form = ", ".join(_KINDS[kind])
        table.fault("", f"a source has the keys {{{form}}}, and {', '.join(map(repr, missing))} is missing")
    return None


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


def _leads_outwards(path: PurePosixPath) -> bool:
    """Is there a `..` in it, an absolute or empty part, or what another file system reads as a separator?"""
    bad = any(part in ("..", "/", "~") or part.startswith(".part-") for part in path.parts)
    strange = re.search(r"[\x00-\x1f\x7f\\:*?\"<>|]|%2[eEfF]|%5[cC]", str(path))
    return bad or path.is_absolute() or not path.parts or strange is not None
