"""One GET over http or https, from a byte onwards, and nothing else.

No other scheme is ever opened, neither asked for nor through a redirect, and a redirect from https to http is
refused. No credentials are sent. Every wait has a limit.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

import evalkit
from evalkit.core.errors import UserError

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""

_SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


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

    def read(self, count: int) -> bytes:
        """Whatever has arrived, up to `count` bytes, b"" at the end. Raises BrokenOff where the connection fails."""
        try:
            return self.body.read1(count)
        except (http.client.HTTPException, OSError) as error:
            raise BrokenOff(_reason(error)) from None


@contextmanager
def get(url: str, start: int, validator: str) -> Iterator[Reply]:
    """The file at `url` from byte `start`, if it is still the one of `validator` (ETag or date); else from 0.

    Raises UserError where the server refuses for good, BrokenOff where trying again may help.
    """
    request = urllib.request.Request(url, headers={"User-Agent": f"evalkit/{evalkit.__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if validator:
            request.add_header("If-Range", validator)
    redirects = _SafeRedirects()
    try:
        answer = _opener(redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            error.close()
            raise _refusal(url, error.code) from None
        answer = error
    except (http.client.HTTPException, OSError) as error:
        raise BrokenOff(_reason(error)) from None
    with answer:
        yield _reply(url, answer.status, answer.headers, redirects.stated, answer)


def _opener(redirects: urllib.request.HTTPRedirectHandler) -> urllib.request.OpenerDirector:
    """An opener without the handlers of file:, ftp: and data: that urllib adds by default."""
    opener = urllib.request.OpenerDirector()
    handlers: tuple[Any, ...] = (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        redirects,
    )
    for handler in handlers:
        opener.add_handler(handler)
    return opener


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https only; keeps the digest that the hub states on the way."""

    stated = ""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        scheme, before = urlsplit(newurl).scheme, urlsplit(req.full_url).scheme
        if scheme not in ("http", "https") or (before == "https" and scheme == "http"):
            raise UserError(f"{req.full_url}: leads to {newurl[:120]!r}, which is refused")
        found = _SHA256.fullmatch(headers.get("X-Linked-ETag", ""))
        self.stated = found[1] if found else self.stated
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: HTTPMessage) -> Any:
        """urllib itself refuses other schemes with an HTTPError of the redirect's code; ours names the target."""
        target = headers.get("Location", "")
        if urlsplit(target).scheme not in ("", "http", "https"):
            raise UserError(f"{req.full_url}: leads to {target[:120]!r}, which is refused")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _reply(url: str, status: int, headers: HTTPMessage, stated: str, body: Any) -> Reply:
    if headers.get("Content-Encoding", "identity") != "identity":
        raise UserError(f"{url}: the server sends it as {headers['Content-Encoding'][:40]!r}, not as it is")
    validator = headers.get("ETag", "")
    if not validator or validator.startswith("W/"):
        validator = headers.get("Last-Modified", "")
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    total = int(found[2]) if found and found[2] != "*" else None
    if status == 416:
        return Reply(0, total, validator, stated, True, body)
    if status == 206:
        if found is None or found[1] is None:
            raise BrokenOff("the server answers with a part without saying which")
        return Reply(int(found[1]), total, validator, stated, False, body)
    length = headers.get("Content-Length", "")
    return Reply(0, int(length) if length.isdecimal() else None, validator, stated, False, body)


def _refusal(url: str, code: int) -> Exception:
    if code in _AGAIN:
        return BrokenOff(f"the server answers {code}")
    why = {401: "asks for an account", 403: "forbids it", 404: "has no such file", 410: "has removed it"}
    hint = "accept its licence on its page and download it there" if code in (401, 403) else ""
    return UserError(f"{url}: the server {why.get(code, 'refuses')} (http {code})", hint)


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner or type(inner).__name__)
