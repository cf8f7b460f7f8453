"""A worker that misbehaves as its prompts say: the words of `Drill.MOODS`; anything else is a good sound."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

RATE = 8000


class BadRequest(Exception):
    pass


class Drill:
    def __init__(self, name):
        self.name = name

    def load(self, device, dtype, weights):
        print("a library that prints while it loads")
        if self.name == "broken-load":
            raise FileNotFoundError("no checkpoint at all")
        if self.name == "dead-load":
            os._exit(7)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # left behind on purpose

    def generate(self, prompts, seconds, seeds, options):
        for prompt in prompts:
            mood = getattr(self, "mood_" + prompt.split()[0], None)
            if mood is not None:
                mood(prompts)
        sounds = [self.sound(prompt, length, seed) for prompt, length, seed in zip(prompts, seconds, seeds)]  # noqa: B905
        return sounds, RATE, {"sample": 0.0, "decode": float("nan")}

    def sound(self, prompt, seconds, seed):
        noise = np.random.default_rng(seed).uniform(-0.3, 0.3, (2, round(seconds * RATE))).astype(np.float32)
        kinds = {"flat": noise[0], "mono": noise[:1], "double": noise.astype(np.float64), "short": noise[:, ::2].copy()}
        if prompt.startswith("nan"):
            noise[1, 5] = np.nan
        return kinds.get(prompt.split()[0], noise)

    def mood_killed(self, prompts):
        print("\x1b[31mthe last words\r of this worker", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    def mood_ended(self, prompts):
        os._exit(3)

    def mood_once(self, prompts):
        """Dies the first time alone: the prompt names a file that remembers."""
        mark = Path(prompts[0].split()[1])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def mood_hung(self, prompts):
        time.sleep(600)

    def mood_deaf(self, prompts):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)

    def mood_oom(self, prompts):
        if len(prompts) > 1 or "always" in prompts[0]:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    def mood_raise(self, prompts):
        raise ValueError("this prompt is too hard\nsecond line")

    def mood_wrong(self, prompts):
        raise BadRequest("no option is called so")

    def mood_printing(self, prompts):
        print("noise on stdout", "x" * 100_000, flush=True)
        os.write(1, b"\xff\x00 not even text\n")

    def mood_huge(self, prompts):
        """A file of 8 GB (sparse) where a second of sound was asked for."""
        self.after_writing(lambda path: os.truncate(path, 8 << 30))

    def mood_link(self, prompts):
        self.after_writing(lambda path: (path.unlink(), path.symlink_to("/etc/passwd")))

    def mood_changed(self, prompts):
        self.after_writing(lambda path: path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0"))

    def mood_babble(self, prompts):
        os.write(int(sys.argv[4]), b"\xff\xff\xff\x7f and so on")

    def mood_fewer(self, prompts):
        del prompts[-1]

    def after_writing(self, change):
        session = sys.modules["__main__"].Session
        write = session._write

        def changed(self, number, place, sound):
            told = write(self, number, place, sound)
            change(self._folder / told["name"])
            session._write = write
            return told

        session._write = changed


def build(name):
    return Drill(name)
