"""One Ray cluster for all tests of this folder that want one: two nodes, which listen on 127.0.0.1 alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from evalkit_drills import around


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes with four cores each, to which this process is connected."""
    pytest.importorskip("ray")
    from evalkit_clusters import started

    from evalkit.execute.ray_connection import connected

    with started([4, 4]) as found:
        connection = connected(found.address)
        yield found.address
        connection.end()


@pytest.fixture
def variables_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of the cluster has this test's folders: its nodes were started before."""
    monkeypatch.setattr("evalkit.run.executors.environment", around)


Prepare = Callable[[str], None]


@pytest.fixture
def prepare(request: pytest.FixtureRequest) -> Prepare:
    """`prepare(name)` makes sure that what an executor of that name needs is there."""

    def prepare(name: str) -> None:
        if name == "ray":
            request.getfixturevalue("cluster")
            request.getfixturevalue("variables_travel")

    return prepare
