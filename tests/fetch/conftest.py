"""A server on this machine, and downloads that may reach it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from evalkit_server import Served, serving

from evalkit.fetch import download


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The server; the network is allowed, tries follow each other at once, EVALKIT_HOME is the test's own."""
    for switch in ("EVALKIT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(switch, "")
    monkeypatch.delenv("EVALKIT_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    with serving() as server:
        yield server
