"""Which address a connection may go to: every one that a name stands for is looked at, and the one that was looked at
is connected to, so that a name cannot be public when it is asked about and private a moment later.

A person may name any server to start with: a mirror on their own machine or network. A server may lead on to others,
but not further inwards than it stands itself: a public one not into a private network, and none to the machine that
evalkit runs on or the addresses that only machines on one link have (169.254.169.254 tells secrets in clouds).
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from evalkit.core.errors import UserError

DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Reach(IntEnum):
    """Who can reach an address; a higher one is further inwards."""

    PUBLIC = 0
    NETWORK = 1
    MACHINE = 2


@dataclass(frozen=True)
class Place:
    """Where a connection goes for a `url`: who can reach the address that was looked at, and its port."""

    url: str
    reach: Reach
    port: int


def reach_of(address: str) -> Reach:
    """Of an IPv4 or IPv6 address as text; one that carries another inside it is as far as that one.

    Raises ValueError for what is no address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64 or (int(found) >> 32 == 0 and int(found) > 1):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return reach_of(str(inner))
    if found.is_loopback or found.is_link_local or found.is_unspecified or found.is_multicast:
        return Reach.MACHINE
    return Reach.PUBLIC if found.is_global else Reach.NETWORK


def reach_of_name(host: str) -> Reach:
    """Of a host that a proxy will look up: only what its name says can be known here."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        return reach_of(name)
    except ValueError:
        local = name == "localhost" or name.endswith(".localhost")
        return Reach.MACHINE if local else Reach.PUBLIC


def admit(before: Place | None, after: Place) -> None:
    """Raises UserError where a redirect from `before` may not lead to `after`.

    Its port is the one before, or the usual one of its scheme; outside the public net only the one before, or https
    in http's place.
    """
    if before is None:
        return
    if after.reach > before.reach:
        whose = "this machine or its link" if after.reach is Reach.MACHINE else "a private network"
        raise UserError(f"{before.url}: leads to {after.url[:120]!r}, an address of {whose}, which is refused")
    usual = after.port in DEFAULT_PORTS.values() and (after.reach is Reach.PUBLIC or before.port == 80)
    if after.port != before.port and not usual:
        raise UserError(f"{before.url}: leads to {after.url[:120]!r}, which is another port, and is refused")


def resolve(host: str, port: int, seconds: float) -> list[tuple[Any, ...]]:
    """What `getaddrinfo` says of a host, one entry per address. Raises OSError; TimeoutError after `seconds`."""
    answers: queue.Queue[list[Any] | OSError] = queue.Queue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # a name that no name server would take is a UnicodeError
            answers.put(error if isinstance(error, OSError) else OSError(f"no such host: {host[:80]!r}"))

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=max(seconds, 0.001))
    except queue.Empty:
        raise TimeoutError(f"no name server answers for {host[:80]!r}") from None
    if isinstance(found, OSError):
        raise found
    return found


def connect(url: str, host: str, port: int, before: Place | None, seconds: float) -> tuple[socket.socket, Place]:
    """A connected socket whose waits are limited to `seconds`, and where it leads.

    Raises UserError where any address of the host is one that `before` may not lead to, OSError where none answers.
    """
    found = resolve(host, port, seconds)
    places = [Place(url, reach_of(str(address[0])), port) for *_, address in found]
    for place in places:
        admit(before, place)
    failed: OSError = OSError(f"no such host: {host[:80]!r}")
    for (family, kind, protocol, _, address), place in zip(found, places, strict=True):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(seconds)
            made.connect(address)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failed = error
        else:
            return made, place
    raise failed
