"""Servers that lie about lengths, never end, say nothing, or lead elsewhere: one line each, soon; nothing is kept."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from evalkit_server import Served, serving

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.fetch import addresses, http, patience
from evalkit.fetch.addresses import Place, Reach, admit, reach_of, reach_of_name
from evalkit.fetch.download import Fetched, fetch
from evalkit.fetch.sources import UrlSource

CONTENT = bytes(range(256)) * 400
OK = b"HTTP/1.1 200 OK\r\n"
Answer = Callable[[BinaryIO], None]


class Quiet:
    def start(self, name: str, total: int | None, done: int) -> None: ...

    def advance(self, count: int) -> None: ...

    def finish(self) -> None: ...

    def note(self, text: str) -> None: ...


def said(*parts: bytes, every: float = 0.0) -> Answer:
    """Writes these bytes, one part after the other."""

    def write(out: BinaryIO) -> None:
        for part in parts:
            out.write(part)
            out.flush()
            time.sleep(every)

    return write


def get(url: str, folder: Path, content: bytes = CONTENT, largest: int = 1 << 20) -> Fetched:
    return fetch(UrlSource(url, digest_bytes(content)), folder / "f.bin", Quiet(), largest=largest)


def refused(served: Served, folder: Path, words: str, *answers: Answer) -> None:
    served.raw["/f.bin"] = list(answers)
    with pytest.raises(UserError, match=words) as told:
        get(f"{served.url}/f.bin", folder)
    assert "\n" not in str(told.value) and f"{served.url}/f.bin" in str(told.value)
    assert not (folder / "f.bin").exists()


@pytest.mark.parametrize("length", ["-5", "-0", "+5", "1e3", "0x10", "9" * 5000, "5, 6", "\u0663", " ", "NaN"])
def test_a_length_that_cannot_be_is_refused(served: Served, tmp_path: Path, length: str) -> None:
    """-5 counted as `not stated`, so whatever came until the connection ended was the file."""
    answer = said(OK + f"Content-Length: {length}\r\n\r\n".encode() + CONTENT)
    refused(served, tmp_path, "length of .* which cannot be", answer)


def test_two_lengths_are_refused(served: Served, tmp_path: Path) -> None:
    refused(served, tmp_path, "'5' and '6'", said(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"))


@pytest.mark.parametrize("span", ["7-3/10", "7-20/10", "5-9/3", "0-5/0"])
def test_a_part_that_cannot_be_is_refused(served: Served, tmp_path: Path, span: str) -> None:
    answer = said(f"HTTP/1.1 206 Partial\r\nContent-Range: bytes {span}\r\n\r\n".encode() + CONTENT)
    refused(served, tmp_path, "which cannot be", answer)


@pytest.mark.parametrize(
    "span", ["bytes 5-9/10", "bytes -5-9/10", "bytes */10", "pages 0-9/10", "", "bytes 9999999999999999999-9/*"]
)
def test_a_part_that_does_not_fit_is_asked_for_anew_and_not_for_ever(served: Served, tmp_path: Path, span: str) -> None:
    answer = said(f"HTTP/1.1 206 Partial\r\nContent-Range: {span}\r\n\r\n".encode() + CONTENT)
    refused(served, tmp_path, "broken off", *[answer] * 10)
    assert len(served.log) <= 4


def test_a_body_longer_than_stated_is_refused(served: Served, tmp_path: Path) -> None:
    head = b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/10\r\n\r\n"
    refused(served, tmp_path, "larger than the 10 bytes", said(head + CONTENT))


def test_a_body_without_an_end_is_refused_at_the_limit(served: Served, tmp_path: Path) -> None:
    """Without a length, and in chunks, one of them of negative size."""
    endless = [CONTENT] * 100
    refused(served, tmp_path, "larger than the 1048576", said(OK + b"\r\n", *endless))
    refused(
        served,
        tmp_path,
        "larger than the 1048576|broken off",
        said(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", *endless),
    )


def test_the_body_of_a_redirect_is_not_read(served: Served, tmp_path: Path) -> None:
    """urllib reads it to its end before it goes on."""
    served.files["/store"] = CONTENT
    sent: list[int] = []

    def endless(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 302 Found\r\nLocation: /store\r\n\r\n")
        for _ in range(2000):
            out.write(CONTENT)
            sent.append(len(CONTENT))

    served.raw["/f.bin"] = [endless]
    get(f"{served.url}/f.bin", tmp_path)
    assert sum(sent) < 100e6


@pytest.mark.parametrize(
    "answer",
    [
        said(b"", every=30),
        said(b"HTTP/1.1 200", every=30),
        said(*[b"X"] * 300, every=0.1),
        said(OK, *[b"X-Header: 1\r\n"] * 90, every=0.3),
        said(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 100, every=0.3),
        said(OK + b"\r\n", *[b"x"] * 300, every=0.1),
        said(OK + b"Content-Length: 999\r\n\r\n", *[b"x"] * 300, every=0.1),
        said(OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"0"] * 300, every=0.1),
        said(b"HTTP/1.1 302 Found\r\nLocation: /f.bin\r\n\r\n", every=30),
    ],
    ids=["nothing", "half a line", "status", "headers", "continue", "no length", "body", "chunk", "redirect"],
)  # fmt: skip
def test_a_server_that_takes_for_ever_is_given_up(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """Each byte came within the limit of one wait: a minute apart they are a file in a year. All tries together take
    the patience, of which there are 40 s."""
    assert patience.SECONDS < 60 and http.TIMEOUT < patience.SECONDS
    monkeypatch.setattr(patience, "SECONDS", 1.0)
    monkeypatch.setattr(http, "TIMEOUT", 0.7)
    began = time.monotonic()
    refused(served, tmp_path, "broken off|leads on and on", *[answer] * 50)
    assert time.monotonic() - began < 3.0


def test_a_slow_line_is_no_silent_server(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """20 kB/s for three times the patience."""
    monkeypatch.setattr(patience, "SECONDS", 0.6)
    pieces = [CONTENT[at : at + 2048] for at in range(0, len(CONTENT), 2048)][:20]
    content = b"".join(pieces)
    served.raw["/f.bin"] = [said(OK + f"Content-Length: {len(content)}\r\n\r\n".encode(), *pieces, every=0.1)]
    assert get(f"{served.url}/f.bin", tmp_path, content).size == len(content)


@pytest.fixture
def second() -> Iterator[Served]:
    with serving() as server:
        server.files["/f.bin"] = CONTENT
        yield server


def test_a_redirect_to_another_port_is_refused(served: Served, second: Served, tmp_path: Path) -> None:
    """Whatever else listens on this machine would be asked in the person's name."""
    served.files["/f.bin"] = CONTENT
    served.faults["/f.bin"] = [f"to:{second.url}/f.bin"]
    with pytest.raises(UserError, match=f"{served.url}/f.bin: leads to .*{second.url}.* another port"):
        get(f"{served.url}/f.bin", tmp_path)
    assert second.log == []


def test_a_redirect_within_the_host_is_followed_under_each_of_its_names(served: Served, tmp_path: Path) -> None:
    served.files |= {"/f.bin": b"", "/store": CONTENT}
    served.faults["/f.bin"] = [f"to:{served.url.replace('127.0.0.1', 'localhost')}/store"]
    assert get(f"{served.url}/f.bin", tmp_path).size == len(CONTENT)


INWARDS = ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]",
           "169.254.169.254", "[fe80::1]", "[64:ff9b::7f00:1]", "10.0.0.5", "192.168.1.1", "172.16.0.1", "[fd00::1]",
           "100.64.0.1", "[::ffff:10.0.0.5]", "[2002:a00:5::]")  # fmt: skip


@pytest.mark.parametrize("host", INWARDS)
def test_a_public_server_cannot_lead_inwards(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Nor under any spelling of the address: what is connected to is looked at, not what was written."""
    looked_at, asked = addresses.connect, []

    def connect(url: str, name: str, port: int, before: Place | None, seconds: float) -> tuple[socket.socket, Place]:
        asked.append(name)
        if before is None:  # the first server counts as a public one
            made, place = looked_at(url, name, port, None, seconds)
            return made, Place(url, Reach.PUBLIC, place.port)
        return looked_at(url, name, port, before, seconds)

    monkeypatch.setattr(http, "connect", connect)
    served.files["/f.bin"] = CONTENT
    port = served.url.rpartition(":")[2]
    served.faults["/f.bin"] = [f"to:http://{host}:{port}/f.bin"]
    with pytest.raises(UserError, match=r"leads to .*(this machine|private network).*refused"):
        get(f"{served.url}/f.bin", tmp_path)
    assert len(asked) == 2 and len(served.log) == 1


def test_a_name_is_looked_up_once_and_what_was_looked_at_is_connected_to(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public when it is checked, 127.0.0.1 when it is connected to. And one private address among
    public ones is enough."""
    resolve, asked = socket.getaddrinfo, []

    def rebinding(host: str, port: int, *given: object, **further: object) -> object:
        if host != "moving.test":
            return resolve(host, port, *given, **further)  # type: ignore[arg-type]
        asked.append(host)
        return resolve("192.0.2.1" if len(asked) == 1 else "127.0.0.1", port, type=socket.SOCK_STREAM)

    monkeypatch.setattr(addresses.socket, "getaddrinfo", rebinding)
    made: list[object] = []
    monkeypatch.setattr(addresses.socket.socket, "connect", lambda self, address: made.append(address))
    addresses.connect("http://moving.test/", "moving.test", 80, None, 1.0)[0].close()
    assert (asked, made) == (["moving.test"], [("192.0.2.1", 80)])
    both = [*resolve("8.8.8.8", 80, type=socket.SOCK_STREAM), *resolve("10.0.0.1", 80, type=socket.SOCK_STREAM)]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *given, **further: both)
    with pytest.raises(UserError, match="private network"):
        addresses.connect("http://both.test/", "both.test", 80, Place("http://x", Reach.PUBLIC, 80), 1.0)


def test_how_far_inwards_an_address_is() -> None:
    for host in INWARDS[5:]:
        assert reach_of(host.strip("[]")) > Reach.PUBLIC, host
    for host in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"):
        assert reach_of(host) is Reach.PUBLIC, host
    assert reach_of("fe80::1%eth0") is Reach.MACHINE
    assert reach_of_name("localhost.") is reach_of_name("a.localhost") is reach_of_name("[::1]") is Reach.MACHINE
    assert reach_of_name("huggingface.co") is Reach.PUBLIC


def test_where_a_redirect_may_lead() -> None:
    """Outwards, sideways, to the usual ports; not to an odd one."""
    public, odd = Place("a", Reach.PUBLIC, 443), Place("a", Reach.PUBLIC, 8443)
    mirror, here = Place("a", Reach.NETWORK, 8080), Place("a", Reach.MACHINE, 8080)
    for before, after in (
        (public, public),
        (here, mirror),
        (mirror, public),
        (mirror, mirror),
        (odd, public),
        (None, here),
    ):
        admit(before, after)
    upgraded = Place("b", Reach.NETWORK, 443)
    admit(Place("a", Reach.NETWORK, 80), upgraded)
    for before, after in ((public, mirror), (mirror, here), (public, odd), (mirror, upgraded), (public, upgraded)):
        with pytest.raises(UserError, match="refused"):
            admit(before, after)


@pytest.mark.parametrize(
    "location",
    ["http://[::1", "http://h:99999/", "http://user:word@h/", "http://", "//", "gopher://h/", "javascript:x",
     "http://a\u00e9.test:0/", "file:/etc/passwd"],
)  # fmt: skip
def test_a_target_that_is_none_is_one_line(served: Served, tmp_path: Path, location: str) -> None:
    """Some of these were a ValueError with its traceback."""
    served.files["/f.bin"] = CONTENT
    answer = said(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode("latin-1"))
    refused(served, tmp_path, "refused|leads on and on", *[answer] * 50)


@pytest.mark.parametrize("location", ["http://" + "a" * 70 + ".test/", "http://a..b/", "http://\u00e9.test/", ""])
def test_a_host_that_no_name_server_would_take_is_one_line(served: Served, tmp_path: Path, location: str) -> None:
    port = served.url.rpartition(":")[2]
    answer = said(
        f"HTTP/1.1 302 Found\r\nLocation: {location.replace('test/', f'test:{port}/')}\r\n\r\n".encode("latin-1")
    )
    refused(served, tmp_path, "broken off|leads on and on|refused", *[answer] * 50)


def test_redirects_that_lead_in_a_circle_end(served: Served, tmp_path: Path) -> None:
    served.files["/f.bin"] = CONTENT
    served.faults["/f.bin"] = [f"to:{served.url}/f.bin"] * 50
    with pytest.raises(UserError, match="leads on and on"):
        get(f"{served.url}/f.bin", tmp_path)
    assert len(served.log) == http.MOST_REDIRECTS + 1


def test_a_proxy_is_asked_and_cannot_lead_inwards_by_name(
    served: Served, second: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy itself may be on this machine; names are its to look up, and where it says that a public one leads to
    localhost, it is not followed."""
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", second.url)
    second.files["http://public.test/f.bin"] = CONTENT
    assert get("http://public.test/f.bin", tmp_path).size == len(CONTENT)
    second.files["http://public.test/g.bin"] = CONTENT
    second.faults["http://public.test/g.bin"] = ["to:http://localhost/f.bin"]
    with pytest.raises(UserError, match="this machine"):
        get("http://public.test/g.bin", tmp_path / "second")
