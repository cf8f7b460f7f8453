"""Models that do not go on as a run wants it: they exit, catch every exception, hang, or change the working folder."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import evalkit_fakes

from evalkit.generators.base import GenBatch


def sleep() -> None:
    """A minute, in small steps: a signal that comes between two calls of Python waits for the end of the second."""
    for _ in range(6000):
        time.sleep(0.01)


class Obedient(evalkit_fakes.Moody):
    """Moody, one prompt at a time; a prompt with "here" is met by `act` first."""

    spec = replace(evalkit_fakes.Moody.spec, name="stops", batch_size=1)

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Mapping[str, object]
    ) -> GenBatch:
        if any("here" in prompt for prompt in prompts):
            Path("reached").touch()
            self.act()
        return super().generate(prompts, seconds, seeds, options)

    def act(self) -> None: ...


class Exits(Obedient):
    """A library that calls sys.exit."""

    def act(self) -> None:
        sys.exit(3)


class ExitsQuietly(Obedient):
    def act(self) -> None:
        sys.exit()


class Generates(Obedient):
    """An exception that is no Exception."""

    def act(self) -> None:
        raise GeneratorExit


class ExitsAtLoad(evalkit_fakes.Moody):
    def load(self, device: str, dtype: str) -> None:
        sys.exit(3)


class Swallows(Obedient):
    """Catches Ctrl-C and calls it something else."""

    def act(self) -> None:
        try:
            sleep()
        except:  # noqa: E722 - as models do
            raise RuntimeError("something went wrong") from None


class SwallowsSilently(Obedient):
    """Catches Ctrl-C and goes on, with whatever it had by then."""

    def act(self) -> None:
        with suppress(BaseException):
            sleep()


class SwallowsAtLoad(evalkit_fakes.Moody):
    """Catches Ctrl-C while it loads, and calls it something else."""

    def load(self, device: str, dtype: str) -> None:
        Path("reached").touch()
        try:
            sleep()
        except:  # noqa: E722 - as models do
            raise RuntimeError("something went wrong") from None


class Wanders(Obedient):
    """A library that changes the working folder."""

    def act(self) -> None:
        os.chdir("/")


class Waits(Obedient):
    """Takes its time for every prompt, and for its autoencoder."""

    def autoencoder(self, device: str, dtype: str) -> None:
        Path("reached").touch()
        sleep()

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Mapping[str, object]
    ) -> GenBatch:
        Path("reached").touch()
        sleep()
        return super().generate(prompts, seconds, seeds, options)


class Sleeps(Obedient):
    """Waits for what never comes."""

    spec = replace(Obedient.spec, batch_size=4)

    def act(self) -> None:
        threading.Event().wait()


class Spins(Sleeps):
    def act(self) -> None:
        while True:
            pass


class Stubborn(Sleeps):
    """Waits, and catches whatever ends the waiting."""

    def act(self) -> None:
        while True:
            with suppress(BaseException):
                sleep()


class InC(Sleeps):
    """Waits in C for a lock that it holds itself, whatever signal comes."""

    library: type[ctypes.CDLL] = ctypes.CDLL

    def act(self) -> None:
        lock, library = ctypes.create_string_buffer(128), self.library(None)
        library.pthread_mutex_lock(lock)
        library.pthread_mutex_lock(lock)


class InCAlone(InC):
    """The same, and no other thread of Python can run meanwhile."""

    library = ctypes.PyDLL


class SleepsAtLoad(Sleeps):
    def load(self, device: str, dtype: str) -> None:
        threading.Event().wait()
