"""One GET over http or https, from a byte onwards, and nothing else.

No other scheme is ever opened, neither asked for nor through a redirect. A redirect from https to http is refused, and
one that leads further inwards or to another port (addresses.py). A token goes to its own scheme, host and port, along
redirects that never left these, and nowhere else. Every wait has a limit, and all of them together have one
(patience.py).
"""

from __future__ import annotations

import http.client
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any, Protocol
from urllib.parse import quote, urljoin, urlsplit

import evalkit
from evalkit.core.errors import UserError
from evalkit.fetch.addresses import DEFAULT_PORTS, Place, admit, connect, reach_of_name
from evalkit.fetch.patience import Patience, Watch

TIMEOUT = 15.0
"""Seconds without a byte after which a connection counts as broken."""

MOST_REDIRECTS = 5

_SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)")
_LENGTH = re.compile(r"[0-9]{1,18}")


class Refused(UserError):
    """What a server will not give: `status`, and the hub's own word for the reason, or ""."""

    def __init__(self, url: str, status: int, code: str) -> None:
        why = {401: "asks for an account", 403: "forbids it", 404: "has no such file", 410: "has removed it"}
        hint = "accept its licence on its page and download it there" if status in (401, 403) else ""
        super().__init__(f"{url}: the server {why.get(status, 'refuses')} (http {status})", hint)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Credential:
    """A token for the server of `url`; no repr shows it."""

    url: str
    token: str = field(repr=False)

    def fits(self, url: str) -> bool:
        """Is this the scheme, host and port that the token is for?"""
        return _server(url) == _server(self.url)

    def sign(self, request: urllib.request.Request) -> None:
        """Send the token with this request; urllib copies no such header to where it is redirected."""
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")


class BrokenOff(Exception):
    """A transfer that ended early, for a reason that may pass; what has arrived is kept."""


class _Body(Protocol):
    def read1(self, n: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Reply:
    """A server's answer. `start` is where its bytes belong in the file, `total` the file's size if stated.

    `complete` says that the file ends where the asked part would begin. `stated` is the sha256 that the hub
    announces for the file, "" where it does not.
    """

    start: int
    total: int | None
    validator: str
    stated: str
    complete: bool
    body: _Body
    watch: Watch

    def read(self, count: int) -> bytes:
        """Whatever has arrived, up to `count` bytes, b"" at the end. Raises BrokenOff where the connection fails, or
        patience ends."""
        with _told(self.watch):
            piece = self.body.read1(count)
        self.watch.patience.earn(len(piece))
        return piece


@contextmanager
def get(
    url: str, start: int, validator: str, patience: Patience, credential: Credential | None = None
) -> Iterator[Reply]:
    """The file at `url` from byte `start`, if it is still the one of `validator` (ETag or date); else from 0.

    Raises Refused, a UserError, where the server refuses for good, BrokenOff where trying again may help.
    """
    request = urllib.request.Request(url, headers={"User-Agent": f"evalkit/{evalkit.__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if validator:
            request.add_header("If-Range", validator)
    watch = Watch(patience)
    redirects = _SafeRedirects(watch, credential if credential and credential.fits(url) else None)
    if redirects.credential:
        redirects.credential.sign(request)
    with watch.watching():
        with _told(watch):
            try:
                answer = redirects.opener().open(request, timeout=_wait(watch))
            except urllib.error.HTTPError as error:
                if error.code != 416 or not start:
                    error.close()
                    raise _refusal(url, error.code, error.headers.get("X-Error-Code", "")) from None
                answer = error
        with answer:
            yield _reply(url, answer.status, answer.headers, redirects.stated, answer, watch)


def _wait(watch: Watch) -> float:
    return max(min(TIMEOUT, watch.patience.left), 0.01)


@contextmanager
def _told(watch: Watch) -> Iterator[None]:
    """What a library says of a failed connection as BrokenOff, also where it took an ended one for an end."""
    try:
        yield
    except (http.client.HTTPException, OSError) as error:
        raise BrokenOff(watch.patience.why if watch.expired else _reason(error)) from None
    if watch.expired:
        raise BrokenOff(watch.patience.why)


class _Guarded(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens connections to looked-at addresses only, and keeps where the last one went."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self.place: Place | None = None

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._made(http.client.HTTPConnection, req), req)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._made(http.client.HTTPSConnection, req), req)

    def _made(self, kind: Callable[..., Any], req: urllib.request.Request) -> Any:
        """A class of connections for a request: http.client calls `_create_connection` with the place to connect to,
        which is the proxy's where there is one."""
        url, before = req.full_url, self.place
        aim = urlsplit(url)
        proxied = req.host != aim.netloc

        def connected(address: tuple[str, int], timeout: float, source: object) -> socket.socket:
            made, place = connect(url, *address, None if proxied else before, timeout)
            self._watch.hold(made)
            if proxied:
                place = Place(url, reach_of_name(aim.hostname or ""), aim.port or DEFAULT_PORTS[aim.scheme])
                admit(before, place)
            self.place = place
            return made

        def make(host: str, **given: Any) -> Any:
            connection = kind(host, **given)
            connection._create_connection = connected
            return connection

        return make


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a few redirects to http and https only; keeps the digest that the hub states on the way.

    urllib itself reads a redirect's body to its end, however long that is, and leaves what is wrong with a target to
    ValueErrors.
    """

    def __init__(self, watch: Watch, credential: Credential | None = None) -> None:
        self._watch, self.stated, self._left = watch, "", MOST_REDIRECTS
        self.credential = credential

    def opener(self) -> urllib.request.OpenerDirector:
        """An opener without the handlers of file:, ftp: and data: that urllib adds by default."""
        opener = urllib.request.OpenerDirector()
        handlers: tuple[Any, ...] = (
            urllib.request.ProxyHandler(),
            _Guarded(self._watch),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            self,
        )
        for handler in handlers:
            opener.add_handler(handler)
        return opener

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: HTTPMessage) -> Any:
        fp.close()
        target = _target(req.full_url, headers.get("Location", ""))
        self._left -= 1
        if self._left < 0:
            raise UserError(f"{req.full_url}: leads on and on, after {MOST_REDIRECTS} redirects to {target[:120]!r}")
        found = _SHA256.fullmatch(headers.get("X-Linked-ETag", ""))
        self.stated = found[1] if found else self.stated
        onwards: Any = self.redirect_request(req, fp, code, msg, headers, target)
        if self.credential and not self.credential.fits(target):
            self.credential = None  # not on the way back either
        if self.credential:
            self.credential.sign(onwards)
        return self.parent.open(onwards, timeout=_wait(self._watch))

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _target(url: str, location: str) -> str:
    """The absolute address that a redirect of `url` leads to. Raises UserError for what is none of http or https."""
    try:
        target = quote(urljoin(url, location), safe="%/:=&?~#+!$,;'@()*[]")
        aim = urlsplit(target)
        fits = bool(aim.hostname) and "@" not in aim.netloc and (aim.port is None or aim.port > 0)
    except ValueError:
        target, fits, aim = location, False, urlsplit("")
    downgraded = urlsplit(url).scheme == "https" and aim.scheme == "http"
    if not fits or downgraded or aim.scheme not in DEFAULT_PORTS:
        raise UserError(f"{url}: leads to {target[:120]!r}, which is refused")
    return target


def _reply(url: str, status: int, headers: HTTPMessage, stated: str, body: Any, watch: Watch) -> Reply:
    if headers.get("Content-Encoding", "identity") != "identity":
        raise UserError(f"{url}: the server sends it as {headers['Content-Encoding'][:40]!r}, not as it is")
    validator = headers.get("ETag", "")
    if not validator or validator.startswith("W/"):
        validator = headers.get("Last-Modified", "")
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    total = int(found[3]) if found and found[3] != "*" else None
    if status == 416:
        return Reply(0, total, validator, stated, True, body, watch)
    if status == 206:
        if found is None or found[1] is None:
            raise BrokenOff("the server answers with a part without saying which")
        first, last = int(found[1]), int(found[2])
        if last < first or (total is not None and last >= total):
            raise UserError(f"{url}: the server sends bytes {first} to {last} of {total}, which cannot be")
        return Reply(first, total, validator, stated, False, body, watch)
    return Reply(0, _stated_length(url, headers), validator, stated, False, body, watch)


def _stated_length(url: str, headers: HTTPMessage) -> int | None:
    """The body's length, None where the server does not state one. Raises UserError for what is none."""
    lengths = {length.strip() for length in headers.get_all("Content-Length", [])}
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        told = " and ".join(sorted(repr(length[:40]) for length in lengths))
        raise UserError(f"{url}: the server states a length of {told} bytes, which cannot be")
    chunked = headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
    return int(lengths.pop()) if lengths and not chunked else None


def _refusal(url: str, status: int, code: str) -> Exception:
    return BrokenOff(f"the server answers {status}") if status in _AGAIN else Refused(url, status, code[:40])


def _server(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme)


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__)
