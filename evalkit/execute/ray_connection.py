"""How a run reaches a cluster of Ray's, or starts one for itself that nobody else can reach.

Ray runs whatever code it is sent. A cluster that evalkit starts listens on 127.0.0.1 alone, asks for Ray's own token
(~/.ray/auth_token), and sends no figures of use anywhere; one that runs already is as its people made it.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import UserError
from evalkit.core.installed import version
from evalkit.core.interrupts import heed

AUTO = "auto"
LEAST, BELOW = (2, 55), (3, 0)
"""Versions of Ray that this is written for."""
_ANSWERS_WITHIN = 10.0
_FRAME, _SETTINGS = 9, 4
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])
_HERE = ("127.0.0.1", "localhost", "[::1]", "::1")
_INSTALL = "pip install 'evalkit-audio[ray]'"
_BEGIN = "`ray start --head` begins a cluster"
_TOKEN = "where the cluster asks for a token: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token has it"
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}  # no figures of use leave the machine


@dataclass(frozen=True)
class Connection:
    """Ray, connected; `printer` is its own where the connection is evalkit's, and None where it was there before."""

    ray: Any
    printer: Any = None

    def end(self) -> None:
        """Let go of the cluster, and end one that was started for the run."""
        if self.printer is not None:
            self.ray.shutdown()
            self.ray._private.worker.print_to_stdstream = self.printer


def require_ray() -> str:
    """The installed version. Raises UserError where there is none, or one that is too old or too new."""
    found = version("ray")
    if not found:
        raise UserError("the package ray is not installed", _INSTALL)
    numbers = re.match(r"(\d+)\.(\d+)", found)
    if numbers is None or not LEAST <= (int(numbers[1]), int(numbers[2])) < BELOW:
        least, below = (".".join(map(str, each)) for each in (LEAST, BELOW))
        raise UserError(f"the package ray is {found}, and {least} or later is needed, below {below}", _INSTALL)
    return found


def require_cluster(address: str) -> None:
    """Raises UserError where nobody answers at an address that was named, by --ray or by RAY_ADDRESS; nothing is
    imported for it."""
    if named := _named(address):
        _answered(address, named)


def connected(address: str) -> Connection:
    """The cluster of an address. For "auto" it is that of RAY_ADDRESS, or the one that runs on this machine, or one
    that is started for the run and listens on 127.0.0.1 alone.

    Raises UserError where it cannot be reached or started.
    """
    with _settings():
        import ray
        import ray.exceptions

        if ray.is_initialized():
            return Connection(ray)
        place = _place(address, ray)
        is_here = not place or place.rpartition(":")[0] in _HERE
        try:
            with _loopback(ray) if is_here else nullcontext():
                told = place or "local"
                if place and address == AUTO and not os.environ.get("RAY_ADDRESS"):
                    told = AUTO  # for which alone Ray takes this machine's token by itself
                ray.init(told, log_to_driver=False, logging_level=logging.CRITICAL, include_dashboard=False)
        except (ConnectionError, ValueError, RuntimeError, OSError, ray.exceptions.RayError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise UserError(f"--ray {address} cannot be used: {reason}", _TOKEN) from None
        if not place and any(node["NodeManagerAddress"] not in _HERE for node in ray.nodes()):
            ray.shutdown()
            raise UserError(f"--ray {address}: Ray {ray.__version__} would listen to the network", _BEGIN)
    heed()
    printer, ray._private.worker.print_to_stdstream = ray._private.worker.print_to_stdstream, _unsaid
    return Connection(ray, printer)


def _unsaid(data: Any, ignore_prefix: bool) -> None:
    """Ray prints what its servers say among a command's results, also where it was asked for silence."""


def outlook() -> tuple[bool, str]:
    """Whether `--ray auto` would find a cluster or could start one, and which; none is started for it."""
    try:
        require_ray()
    except UserError as error:
        return False, str(error)
    try:
        import ray
    except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
        return False, f"cannot be imported: {type(error).__name__}: {error}"[:200]
    try:
        place = _place(AUTO, ray)
    except UserError as error:
        return False, f"{ray.__version__}; {error.message}"
    what = f"the cluster at {place}" if place else "one that is started on this machine for the run"
    return True, f"{ray.__version__}; --ray auto takes {what}"


def _place(address: str, ray: Any) -> str:
    """HOST:PORT of the cluster that is meant, "" where none runs. Raises UserError where nobody answers there."""
    if named := _named(address):
        _answered(address, named)
        return named
    place = _running(ray)
    with suppress(UserError):  # which one left behind that has ended
        _answered(address, place)
        return place
    return ""


def _named(address: str) -> str:
    return os.environ.get("RAY_ADDRESS", "").strip() if address == AUTO else address


def _answered(address: str, place: str) -> None:
    """Raises UserError where nobody answers at HOST:PORT."""
    said = f"RAY_ADDRESS={place}" if address == AUTO else f"--ray {address}"
    host, _, port = place.rpartition(":")
    if not host.strip("[]") or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII):
        raise UserError(f"{said}: is no address of a cluster", "HOST:6379, or none, so that one is started here")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_WITHIN) as connection:
            is_ray = _answers_as_ray(connection)
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(f"{said}: nobody answers: {error}", _BEGIN) from None
    if not is_ray:
        raise UserError(f"{said}: what answers there is no cluster of Ray's", _BEGIN)


def _answers_as_ray(connection: socket.socket) -> bool:
    """Does the other end greet as a gRPC server does (RFC 9113, 3.4: by a frame of its settings)? Ray itself would wait
    minutes for one that does not. Behind TLS, which Ray is told of by a variable, nothing is said here."""
    if os.environ.get("RAY_USE_TLS", "").lower() in ("1", "true"):
        return True
    connection.sendall(_GREETING)
    head = connection.recv(_FRAME)
    return len(head) == _FRAME and head[3] == _SETTINGS


def _running(ray: Any) -> str:
    """The address that the last cluster on this machine has left in a file, "" where none did.

    In /tmp anybody may leave one, and what its server answers is unpickled here: it has to be this person's or root's.
    """
    file = Path(ray._private.utils.get_ray_address_file(None))
    try:
        is_theirs = file.lstat().st_uid not in (os.getuid(), 0)
    except OSError:
        return ""
    return "" if is_theirs else str(ray._private.utils.read_ray_address() or "")


@contextmanager
def _loopback(ray: Any) -> Iterator[None]:
    """Ray's own servers and clients keep to 127.0.0.1, which it has a switch for on desktops alone."""
    constants = ray._private.ray_constants
    before, constants.ENABLE_RAY_CLUSTER = constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _settings() -> Iterator[None]:
    """Ray tells its workers to import from the working folder before all else, and puts a handler for SIGTERM in the
    place of ours: for the block the folder is one in which nobody leaves code, and afterwards the handler is ours."""
    before = {name: os.environ.get(name) for name in _QUIET}
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    os.environ.update(_QUIET)
    try:
        with chdir(Path(os.sep)):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if is_main and handler is not None:
            signal.signal(signal.SIGTERM, handler)
