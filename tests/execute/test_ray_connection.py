"""How a cluster is addressed: what a person who typed `ray start --head` expects of `--ray auto`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from evalkit.core.errors import UserError
from evalkit.execute import ray_connection

SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """HOST:PORT at which somebody listens, and answers so to the first words of whoever comes; None: not at all."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                held.append(connection)
                if answer is not None:
                    connection.recv(100)
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)

    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for each in held:
        each.close()


@pytest.fixture
def place() -> Iterator[str]:
    """HOST:PORT of what greets as a cluster does."""
    with listening(SETTINGS) as found:
        yield found


@pytest.mark.parametrize(
    ("answer", "told"),
    [(None, "nobody answers: timed out"), (b"", "is no cluster"), (b"HTTP/1.1 400 Bad Request\r\n", "is no cluster")],
)
@pytest.mark.parametrize("by", ["--ray", "RAY_ADDRESS"])
def test_what_is_no_cluster_is_told_in_moments(
    answer: bytes | None, told: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself waits for three minutes, and ends the process then."""
    monkeypatch.setattr(ray_connection, "_ANSWERS_WITHIN", 0.3)
    with listening(answer) as place:
        monkeypatch.setenv("RAY_ADDRESS", place)
        with pytest.raises(UserError, match=rf"^{by}[ =]{place}: .*{told}"):
            ray_connection.require_cluster(place if by == "--ray" else "auto")


@pytest.mark.parametrize(("address", "named", "told"), [("auto", False, "auto"), ("auto", True, ""), ("", False, "")])
def test_the_cluster_that_runs_here_is_asked_for_by_the_name_for_which_ray_takes_its_token(
    place: str, address: str, named: bool, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ray start` makes a cluster that asks for ~/.ray/auth_token where there is one; by HOST:PORT it would refuse."""
    ray = pytest.importorskip("ray")
    asked: list[str] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # other tests of this process may have connected it
    monkeypatch.setattr(ray_connection, "_running", lambda ray: place)
    monkeypatch.setattr(ray_connection, "_answers_as_ray", lambda connection: True)
    monkeypatch.setattr(ray, "init", lambda address, **options: asked.append(address))
    if named:
        monkeypatch.setenv("RAY_ADDRESS", place)
    else:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
    connection = ray_connection.connected(address or place)
    ray._private.worker.print_to_stdstream = connection.printer
    assert asked == [told or place]
