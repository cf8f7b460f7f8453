"""Two processes on one run folder: the second is told, and a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import evalkit
from evalkit.core.errors import UserError
from evalkit.store.lock import locked

CODE = (
    "import sys, time; from pathlib import Path; from evalkit.store.lock import locked\n"
    "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


def test_the_second_process_is_told_who_holds_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "run" / ".lock"
    environment = {**os.environ, "PYTHONPATH": str(Path(evalkit.__file__).parent.parent)}
    holder = subprocess.Popen([sys.executable, "-c", CODE, str(path)], env=environment, stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    with pytest.raises(UserError, match=f"process {holder.pid}"), locked(path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(path):
        assert path.read_text() == f"{os.getpid()}\n"
    with locked(path):
        pass
