"""The Hugging Face hub on 127.0.0.1: what huggingface_hub and evalkit ask of it, and whatever can go wrong.

Listings answer to anybody, files of a gated repository to those whose token may read them. Large files (`lfs`) are a
redirect to `localhost`: to a client that is another host, as the real hub's store is.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from evalkit_process import finish

GOOD, POWERLESS = "hf_good", "hf_powerless"
"""A token that may read everything, and one that the hub knows and that may read nothing gated."""

LARGE = 4096
"""Bytes from which on a file is one of LFS."""


@dataclass
class Stored:
    """A repository: `files` {path: content} at `commit`, which `main` is. `moved` is where it was renamed to."""

    files: dict[str, bytes]
    commit: str
    gated: bool = False
    private: bool = False
    moved: str = ""


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    span: str
    token: bool
    status: int


@dataclass
class FakeHub:
    """`cuts` (bytes, times): so often a content ends after so many bytes; `stall`: after so many of one comes silence,
    and `stalled` is set. `flipped` {path}: one byte is another than the listing says. `entries` is the listing in place
    of the true one, `next_page` where it goes on."""

    repositories: dict[str, Stored] = field(default_factory=dict)
    cuts: tuple[int, int] = (0, 0)
    stall: int = 0
    stalled: threading.Event = field(default_factory=threading.Event)
    flipped: set[str] = field(default_factory=set)
    entries: list[dict[str, Any]] | None = None
    next_page: str = ""
    log: list[Asked] = field(default_factory=list)
    url: str = ""

    def add(self, name: str, folder: Path | dict[str, bytes], revision: str = "main", gated: bool = False) -> Stored:
        """Publish a folder's files; `revision` is the commit, or "main" for one of the hub's choice."""
        if isinstance(folder, Path):
            paths = [path for path in folder.rglob("*") if path.is_file()]
            folder = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        commit = revision if len(revision) == 40 else hashlib.sha1(name.encode()).hexdigest()
        self.repositories[name] = Stored(folder, commit, gated)
        return self.repositories[name]

    def asked(self, part: str) -> list[Asked]:
        return [each for each in self.log if part in each.path]


def entry(path: str, content: bytes) -> dict[str, Any]:
    """A file in a listing."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    told: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob}
    if len(content) >= LARGE:
        sha256 = hashlib.sha256(content).hexdigest()
        told["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
    return told


class _Refusal(Exception):
    def __init__(self, status: int, code: str = "", message: str = "refused") -> None:
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_GET(self) -> None:
        try:
            self._route()
        except _Refusal as refusal:
            headers = {"X-Error-Message": refusal.message} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            self._answer(refusal.status, json.dumps({"error": refusal.message}).encode(), headers)

    do_HEAD = do_GET

    def _route(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        parts = path.split("/")
        if parts[0] == "lfs":
            self._lfs(parts[1])
        elif parts[:2] == ["api", "models"] and len(parts) >= 4:
            self._api("/".join(parts[2:4]), parts[4:])
        elif len(parts) > 4 and parts[2] == "resolve":
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            raise _Refusal(404, "", "no such page")

    @property
    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _repository(self, name: str) -> Stored:
        if self._token not in ("", GOOD, POWERLESS):
            raise _Refusal(401, "", "Invalid credentials in Authorization header")
        found = self.hub.repositories.get(name)
        if found is None or (found.private and self._token != GOOD):
            raise _Refusal(404 if self._token else 401, "RepoNotFound", "Repository not found")
        return found

    def _api(self, name: str, rest: list[str]) -> None:
        stored = self._repository(name)
        if stored.moved:
            self._answer(307, b"", {"Location": self.path.replace(name, stored.moved)})
            return
        revision = rest[1] if len(rest) > 1 else "main"
        if revision not in ("main", stored.commit):
            raise _Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if rest[:1] == ["tree"]:
            entries = self.hub.entries or [entry(path, content) for path, content in sorted(stored.files.items())]
            links = {"Link": f'<{self.hub.next_page}>; rel="next"'} if self.hub.next_page else {}
            self._answer(200, json.dumps(entries).encode(), links)
            return
        told = {"id": name, "modelId": name, "sha": stored.commit, "private": stored.private, "tags": []}
        siblings: list[dict[str, Any]] = [{"rfilename": path} for path in sorted(stored.files)]
        if parse_qs(urlsplit(self.path).query).get("blobs") == ["true"]:
            for each in siblings:
                made = entry(each["rfilename"], stored.files[each["rfilename"]])
                lfs = made.get("lfs")
                each |= {"size": made["size"], "blobId": made["oid"]}
                each |= {"lfs": {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": 134}} if lfs else {}
        more = {"gated": "auto" if stored.gated else False, "downloads": 0, "siblings": siblings}
        self._answer(200, json.dumps(told | more).encode())

    def _resolve(self, name: str, revision: str, path: str) -> None:
        stored = self._repository(name)
        if stored.moved:
            self._answer(307, b"", {"Location": f"/{stored.moved}/resolve/{revision}/{path}"})
            return
        if stored.gated and self._token != GOOD:
            raise _Refusal(403 if self._token else 401, "GatedRepo", "Access to this model is restricted")
        if revision not in ("main", stored.commit):
            raise _Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if path not in stored.files:
            raise _Refusal(404, "EntryNotFound", "Entry not found")
        content, told = stored.files[path], entry(path, stored.files[path])
        headers = {"X-Repo-Commit": stored.commit, "Accept-Ranges": "bytes"}
        if "lfs" in told:
            port = self.server.server_address[1]
            headers |= {"Location": f"http://localhost:{port}/lfs/{told['lfs']['oid']}", "ETag": f'"{told["oid"]}"'}
            headers |= {"X-Linked-Etag": f'"{told["lfs"]["oid"]}"', "X-Linked-Size": str(len(content))}
            self._answer(302, b"", headers)
            return
        self._content(path, content, headers | {"ETag": f'"{told["oid"]}"'})

    def _lfs(self, sha256: str) -> None:
        for stored in self.hub.repositories.values():
            for path, content in stored.files.items():
                if len(content) >= LARGE and hashlib.sha256(content).hexdigest() == sha256:
                    self._content(path, content, {"ETag": f'"{sha256}"', "Accept-Ranges": "bytes"})
                    return
        raise _Refusal(404, "", "no such content")

    def _content(self, path: str, content: bytes, headers: dict[str, str]) -> None:
        if path in self.hub.flipped:
            content = content[:-1] + bytes([content[-1] ^ 1])
        span = self.headers.get("Range", "")
        start = int(span.removeprefix("bytes=").partition("-")[0]) if span else 0
        if span and start >= len(content):
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        if span:
            headers |= {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self._answer(206 if span else 200, content[start:], headers, cut=True)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: bool = False) -> None:
        asked = Asked(self.command, self.path, self.headers.get("Range", ""), bool(self._token), status)
        self.hub.log.append(asked)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        most, times = self.hub.cuts
        with suppress(OSError):  # the reader has gone
            if cut and times and len(body) > most:
                self.hub.cuts = most, times - 1
                self.wfile.write(body[:most])
                self.close_connection = True
                return
            if cut and 0 < self.hub.stall < len(body):
                self.wfile.write(body[: self.hub.stall])
                self.wfile.flush()
                self.hub.stalled.set()
                self.close_connection = True
                threading.Event().wait(20)
                return
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@contextmanager
def serving_hub() -> Iterator[FakeHub]:
    """A hub for the block; `FakeHub.url` is what HF_ENDPOINT is to name."""
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def typed(folder: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    """evalkit itself in a process of its own: exit code, stdout, stderr. What hubs say is read there at import."""
    return finish(folder, *words, module="evalkit", **environment)


def online(hub: FakeHub, folder: Path, token: str = "", **more: str) -> dict[str, str]:
    """The environment of a process that has this hub, a cache and a home of its own, and perhaps a token."""
    own = {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "HF_HUB_CACHE": str(folder / "hf" / "hub")}
    off = {"EVALKIT_OFFLINE": "", "HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "", "EVALKIT_MIRROR": ""}
    return own | off | {"HF_TOKEN": token, "no_proxy": "127.0.0.1,localhost"} | more
