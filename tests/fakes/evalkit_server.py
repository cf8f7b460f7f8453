"""A web server on this machine for tests of downloads: files by path, and what is to go wrong with them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO


@dataclass
class Served:
    """`files` {path: content}. `faults` {path: what the next requests meet, one each}:

    "drop:N" ends the connection after N bytes of the body; "hang:N" sends N bytes and then nothing, for
    as long as the test runs; "500" and other numbers are that status; "to:URL" redirects there.
    `raw` {path: what writes the whole answer, one for each of the next requests}. `ranges` False ignores Range. `log`
    holds (path, Range header, status) of each request, with status 0 for a raw answer.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    raw: dict[str, list[Callable[[BinaryIO], None]]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    log: list[tuple[str, str, int]] = field(default_factory=list)
    url: str = ""

    def asked(self, path: str) -> list[tuple[str, int]]:
        return [(span, status) for each, span, status in self.log if each == path]


@contextmanager
def serving() -> Iterator[Served]:
    """A server for the block; `Served.url` is its address."""
    served = Served()
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if served.raw.get(self.path):
                served.log.append((self.path, self.headers.get("Range", ""), 0))
                self.close_connection = True
                with suppress(OSError):  # the reader has gone
                    served.raw[self.path].pop(0)(self.wfile)
                return
            faults = served.faults.get(self.path, [])
            fault = faults.pop(0) if faults else ""
            if fault.isdigit() or self.path not in served.files or fault.startswith("to:"):
                self._empty(int(fault) if fault.isdigit() else 302 if fault else 404, fault.removeprefix("to:"))
                return
            self._content(served.files[self.path], fault)

        def _empty(self, status: int, location: str) -> None:
            served.log.append((self.path, self.headers.get("Range", ""), status))
            self.send_response(status)
            for name, value in served.headers.items():
                self.send_header(name, value)
            if status == 302:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _content(self, content: bytes, fault: str) -> None:
            etag = f'"{hashlib.md5(content).hexdigest()}"'
            span = self.headers.get("Range", "") if served.ranges else ""
            if self.headers.get("If-Range", etag) != etag:
                span = ""
            start = int(span.removeprefix("bytes=").rstrip("-")) if span else 0
            status = 206 if span and start < len(content) else 416 if span else 200
            served.log.append((self.path, self.headers.get("Range", ""), status))
            body = content[start:] if status != 416 else b""
            self.send_response(status)
            if served.etags:
                self.send_header("ETag", etag)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if status == 416:
                self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self._send(body, fault)

        def _send(self, body: bytes, fault: str) -> None:
            kind, _, count = fault.partition(":")
            try:
                self.wfile.write(body[: int(count)] if kind in ("drop", "hang") else body)
                self.wfile.flush()
            except OSError:
                return  # the reader was killed
            if kind == "hang":
                ended.wait(60)
            if kind in ("drop", "hang"):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield served
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
