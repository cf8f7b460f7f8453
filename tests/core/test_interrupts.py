"""A stop is a stop: whatever catches its exception, whoever calls back, whichever signal it is."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import evalkit
from evalkit.core.interrupts import SIGNALS, asked, heed, heeded, held


def send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.fixture(autouse=True)
def _a_terminal() -> None:
    """A test run in the background of a script ignores Ctrl-C, and one under nohup that its terminal was closed."""
    for number in SIGNALS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_is_a_keyboard_interrupt_and_handlers_are_as_before_afterwards(number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), heeded():
        send(number)
    assert signal.getsignal(number) is before


def test_a_stop_that_was_swallowed_is_raised_again_by_every_heed() -> None:
    with heeded():
        heed()
        try:
            send(signal.SIGTERM)
        except KeyboardInterrupt:
            assert asked()
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                heed()
    heed()


def test_what_is_ignored_stays_ignored() -> None:
    """nohup, and the background of a script."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with heeded():
            send(signal.SIGHUP)
            heed()
            assert not asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_that_a_library_took_away_are_put_back() -> None:
    with pytest.raises(KeyboardInterrupt), heeded():
        signal.signal(signal.SIGINT, lambda number, frame: None)
        send(signal.SIGINT)
        heed()
        send(signal.SIGINT)


def test_signals_wait_while_they_are_held_with_our_handlers_or_pythons_own() -> None:
    for around in (heeded, held):
        reached = False
        with pytest.raises(KeyboardInterrupt), around(), held():
            send(signal.SIGINT)
            reached = True
        assert reached
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Interrupted:
    """A sound file in memory during whose reading or writing Ctrl-C is pressed, as libsndfile calls back."""

    def __init__(self) -> None:
        self.file = io.BytesIO()
        self.pressed = False

    def write(self, data: bytes) -> int:
        if not self.pressed:
            self.pressed = True
            send(signal.SIGINT)
        return self.file.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def test_ctrl_c_inside_a_callback_from_c_is_not_printed_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `held` is for: without it, this very call goes on, and its traceback is printed."""
    printed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)

    def write() -> None:
        soundfile.write(_Interrupted(), np.zeros(20000, np.float32), 8000, format="WAV")

    with heeded():
        write()
        assert printed, "such an exception is no longer dropped: held() may go"
        printed.clear()
    with pytest.raises(KeyboardInterrupt), heeded(), held():
        write()
    assert not printed


def test_other_threads_are_left_alone() -> None:
    found: list[BaseException] = []

    def work() -> None:
        try:
            with heeded(), held():
                heed()
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not found


# A signal that comes between two calls of Python waits for the end of the second: neither script sleeps long at once.
STUBBORN = """
import sys, time
from evalkit.core.interrupts import heeded
with heeded():
    while True:
        try:
            if len(sys.argv) == 1: print("ready", flush=True)
            while True: time.sleep(0.01)
        except KeyboardInterrupt: sys.argv.append("stopped")
"""


@pytest.mark.parametrize(("pause", "ends"), [(0.1, False), (1.3, True)])
def test_a_second_ctrl_c_ends_at_once_but_not_a_doubled_one(pause: float, ends: bool) -> None:
    """Some wrappers pass on what the whole group had already."""
    environment = {**os.environ, "PYTHONPATH": str(Path(evalkit.__file__).parent.parent)}
    heard: Callable[[], None] = lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None  # noqa: E731
    child = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=heard,
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    time.sleep(pause)
    child.send_signal(signal.SIGINT)
    try:
        _, told = child.communicate(timeout=1.0 if not ends else 20)
        assert ends and child.returncode == 130 and told == "\nevalkit: stopped at once\n"
    except subprocess.TimeoutExpired:
        assert not ends
    finally:
        child.kill()
        child.wait()


LEAVING = """
import sys, time
from evalkit.core.interrupts import leaving
print("said")
leaving(3)
print("ready", file=sys.stderr, flush=True)
while True: time.sleep(0.01)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_on_the_way_out_a_signal_changes_nothing_but_the_time(number: int) -> None:
    """Neither the exit code, nor what was printed into a pipe and not flushed yet."""
    environment = {**os.environ, "PYTHONPATH": str(Path(evalkit.__file__).parent.parent)}
    child = subprocess.Popen(
        [sys.executable, "-c", LEAVING], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in SIGNALS] and None,
    )  # fmt: skip
    assert child.stderr is not None and child.stderr.readline() == "ready\n"
    child.send_signal(number)
    out, told = child.communicate(timeout=20)
    assert (child.returncode, out, told) == (3, "said\n", "")


IN_A_TEXT = """
import sys
from evalkit.core.interrupts import heeded, leaving
try:
    with heeded():
        exec("import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)")
except KeyboardInterrupt:
    leaving(130)
    sys.exit(130)
"""


def test_a_stop_inside_a_text_that_python_evaluates_has_the_exit_code_of_any_other(tmp_path: Path) -> None:
    """Dataclasses are made of such texts, so a Ctrl-C during an import would end `python -m evalkit` by a signal."""
    (tmp_path / "stopped.py").write_text(IN_A_TEXT)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(evalkit.__file__).parent.parent}"}
    done = subprocess.run([sys.executable, "-m", "stopped"], env=environment, capture_output=True, check=False)
    assert done.returncode == 130, done.stderr


_SLOW_END = """
import os, time
from evalkit.core import interrupts
interrupts.entering()
class Slow:
    def __del__(self, write=os.write, sleep=time.sleep):
        write(1, b"going")
        sleep(1)
slow = Slow()
interrupts.leaving(0)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_python_puts_its_libraries_away_changes_no_exit_code(number: int) -> None:
    """Else a build whose time runs out just then calls a finished run a failed one."""
    process = subprocess.Popen([sys.executable, "-c", _SLOW_END], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.read(5) == b"going"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 0
