"""Threads of a run: a worker computes with as many as the process that it works for, linear algebra included."""

from __future__ import annotations

import os

import pytest

from evalkit.core.threads import environment, limited_to

NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY")


@pytest.mark.parametrize("around", [{}, {"OMP_NUM_THREADS": "2"}, {"OPENBLAS_NUM_THREADS": "3"}])
def test_a_worker_started_within_the_limit_computes_as_one_started_before(
    around: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is torch's. NumPy's threads were set when it was imported, here by what stands around: a worker with
    others gives features that differ in their last bits, and a run from Python had another FD with workers."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    told = {**before, **environment(1)}
    with limited_to(1):
        assert {**os.environ, **environment(1)} == told
        assert dict(os.environ) == told, "nor has another program that is started within"
    assert dict(os.environ) == before
