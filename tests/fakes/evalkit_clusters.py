"""Clusters of several nodes on this machine, which listen on 127.0.0.1 alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""What a process has to know to have a say in one of these clusters."""
ROOT = Path(__file__).resolve().parents[2]
_ALL = {
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "fakes")]),
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore",
}


def add_node(cluster: Any, cores: int, **around: str) -> Any:
    """One more node, with variables of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**_ALL, **around}.items():
            patch.setenv(name, value)
        patch.chdir(os.sep)
        return cluster.add_node(
            num_cpus=cores, node_ip_address="127.0.0.1", include_dashboard=False, object_store_memory=80 << 20
        )


@contextmanager
def started(cores: Sequence[int], around: Sequence[Mapping[str, str]] = ()) -> Iterator[Any]:
    """A cluster with one node for each of these numbers of cores; this process has its token."""
    from ray._raylet import Config
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TOKEN.items():
            patch.setenv(name, value)
        Config.initialize("")  # which was read when Ray was imported
        try:
            for number, each in enumerate(cores):
                add_node(cluster, each, **(around[number] if around else {}))
            yield cluster
        finally:
            cluster.shutdown()
