"""A model whose process meets with accidents: what a prompt says happens to whichever process has it in hand.

`once` in a prompt lets it happen the first time only, which a file in $EVALKIT_DRILLS remembers across processes.
$DRILL_LOAD is what happens in loading. A sound depends on its whole batch in its last bits, as on real devices.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from evalkit.audio.clip import Clip
from evalkit.core.errors import MissingWeights
from evalkit.core.ids import digest_bytes
from evalkit.core.threads import environment
from evalkit.embed.base import EmbedderSpec
from evalkit.generators.base import GenBatch, GeneratorSpec

RATE = 8000


class Drilled:
    """Sounds of a level that the seed decides."""

    spec = GeneratorSpec("drilled", "drilled", RATE, 2, 30.0, size="none", batch_size=2)

    def load(self, device: str, dtype: str) -> None:
        _note("loads", str(os.getpid()))
        accident(os.environ.get("DRILL_LOAD", ""), 1)

    def generate(
        self, prompts: Sequence[str], seconds: Sequence[float], seeds: Sequence[int], options: Mapping[str, object]
    ) -> GenBatch:
        _note("calls", " + ".join(prompts))
        for prompt in prompts:
            accident(prompt, len(prompts))
        time.sleep(float(os.environ.get("DRILL_DELAY", "0")))
        neighbours = (sum(seeds) % 97) * 2.0**-23
        audio = [_sound(length, seed) + np.float32(neighbours) for length, seed in zip(seconds, seeds, strict=True)]
        return GenBatch(audio, RATE, {"sample": 0.0})

    def close(self) -> None:
        accident(os.environ.get("DRILL_CLOSE", ""), 1)


class Judge:
    """A mean and a spread, with weights that $DRILL_JUDGE names."""

    def __init__(self) -> None:
        weights = os.environ.get("DRILL_JUDGE", "one")
        self.spec = EmbedderSpec("drilled-judge", "drilled", 2, digest_bytes(weights.encode()))

    def embed(self, clips: Sequence[Clip]) -> list[np.ndarray]:
        return [np.array([[clip.samples.mean(), clip.samples.std()]], np.float32) for clip in clips]


def accident(what: str, together: int) -> None:
    """What the words say, to this process."""
    if "once" in what and not _first(what):
        return
    if "kill" in what:
        os.kill(os.getpid(), signal.SIGKILL)
    if "last" in what:  # after the answer is out
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL)).start()
    if "until embedded" in what:  # which another worker has to do
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(Path(os.environ["EVALKIT_HOME"]).rglob("*.npy")):
            time.sleep(0.01)
    if "exit" in what:
        os._exit(3)
    if "orphan" in what:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    if "missing" in what:
        raise MissingWeights("weights of drilled are not here", "evalkit fetch drilled")
    if "raise" in what:
        raise ValueError("this prompt is too hard")
    if "oom" in what and (together > 1 or "alone" in what):
        raise MemoryError("CUDA out of memory")
    if "hang" in what:
        time.sleep(600)
    while "deaf" in what:  # to whatever interrupts it
        with suppress(BaseException):
            time.sleep(600)
    if "stuck" in what:  # in C, with the interpreter's lock, so that not even a signal's handler runs
        ctypes.PyDLL(None).sleep(600)
    if "frozen" in what:
        os.kill(os.getpid(), signal.SIGSTOP)


def write_drill(folder: Path, prompts: Sequence[str], judge: bool = False) -> Path:
    """A suite of these prompts, a quarter of a second each, under measures that load nothing, or under a `judge` of
    this file's; returns its manifest."""
    rows = [f'p{number},"{text}",0.25' for number, text in enumerate(prompts)]
    (folder / "drill.csv").write_text("\n".join(["id,prompt,seconds", *rows]) + "\n", encoding="utf-8")
    head = 'name = "drill"\ntitle = "Drill"\nversion = "1"\nprotocol = "drill-1"\nsize = "mini"\nlicence = ""\n'
    metrics = [f'[metrics.{name}]\nweights = "sound"' for name in ("silence_share", "bandwidth", "side_mid")]
    if judge:
        metrics = ['[metrics.drilled]\nlike = "is_passt"\nweights = "evalkit_drills:Judge"']
    suite = "\n".join([head + 'citation = ""\n[prompts]\nfile = "drill.csv"', *metrics])
    (folder / "drill.toml").write_text(suite, encoding="utf-8")
    return folder / "drill.toml"


def content(run: Path) -> dict[str, bytes]:
    """The bytes of a run's scores and of each sound."""
    files = [run / "scores.json", *sorted((run / "audio").iterdir())]
    return {file.name: file.read_bytes() for file in files}


def _sound(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (2, round(seconds * RATE))).astype(np.float32)


def _first(what: str) -> bool:
    try:
        (Path(os.environ["EVALKIT_DRILLS"]) / "".join(filter(str.isalnum, what))).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _note(name: str, line: str) -> None:
    with (Path(os.environ["EVALKIT_DRILLS"]) / name).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def around(threads: int) -> dict[str, str]:
    """A worker on a cluster has the folders of a test and its accidents: its node was started before."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(("EVALKIT_", "DRILL_"))}
    return {**environment(threads), **ours}


def main() -> None:
    """`python -m evalkit_drills run ...` is `evalkit run ...`."""
    from evalkit.cli.main import main as evalkit
    from evalkit.run import executors

    executors.environment = around
    sys.exit(evalkit())


if __name__ == "__main__":
    main()
