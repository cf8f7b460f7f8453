"""How a cluster is addressed: what a person who typed `ray start --head` expects of `--ray auto`."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from evalkit.execute import ray_connection


@pytest.fixture
def place() -> Iterator[str]:
    """HOST:PORT at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(("address", "named", "told"), [("auto", False, "auto"), ("auto", True, ""), ("", False, "")])
def test_the_cluster_that_runs_here_is_asked_for_by_the_name_for_which_ray_takes_its_token(
    place: str, address: str, named: bool, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ray start` makes a cluster that asks for ~/.ray/auth_token where there is one; by HOST:PORT it would refuse."""
    ray = pytest.importorskip("ray")
    asked: list[str] = []
    monkeypatch.setattr(ray_connection, "_running", lambda ray: place)
    monkeypatch.setattr(ray, "init", lambda address, **options: asked.append(address))
    if named:
        monkeypatch.setenv("RAY_ADDRESS", place)
    else:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
    connection = ray_connection.connected(address or place)
    ray._private.worker.print_to_stdstream = connection.printer
    assert asked == [told or place]
