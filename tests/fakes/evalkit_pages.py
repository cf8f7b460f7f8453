"""What tests of pages share: a realistic run folder, made on the spot (short sounds, one fails), and a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.report.published import Figure, Settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip

PROMPTS = [
    ("dog-once", "A dog barks once, close by.", ["dog"]),
    ("rain-soft", "Soft rain falls on leaves for the whole clip.", ["rain"]),
    ("rooster-left", "A rooster crows on the left, faintly.", ["rooster"]),
    ("sea-dog", "Sea waves roll in while a dog barks twice in the distance.", ["sea waves", "dog"]),
    ("clock", "A clock ticks steadily.", ["clock tick"]),
    ("sneeze-right", "Someone sneezes on the right.", ["person sneeze"]),
    ("helicopter", "A helicopter passes overhead from left to right.", ["helicopter"]),
    ("fire-baby", "A fire crackles, then a baby cries loudly.", ["crackling fire", "crying baby"]),
]


def sound(place: int, seconds: float, rate: int) -> np.ndarray:
    """(2, samples) float32: a swept tone with bursts of noise, different for each place."""
    rng = np.random.default_rng(place)
    t = np.arange(int(seconds * rate)) / rate
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * (0.7 + 0.3 * place) * t)
    tone = np.sin(2 * np.pi * (200 + 150 * place + 300 * t / seconds) * t)
    noise = rng.standard_normal((2, t.size)) * (swell**4)
    return (0.25 * tone * swell + 0.12 * noise).astype(np.float32)


def estimate(value: float | None, half: float, direction: str, weights: str, n: int, n_failed: int) -> dict[str, Any]:
    known = value is not None
    return {
        "value": value,
        "low": value - half if value is not None else None,
        "high": value + half if value is not None else None,
        "level": 0.95,
        "method": "delete-a-group jackknife, 25 groups" if direction == "lower" else "clustered mean",
        "n": n,
        "n_failed": n_failed,
        "n_reference": 80,
        "protocol": "mini-1",
        "weights": weights,
        "direction": direction,
        "warnings": [] if known else ["the value is not a number"],
    }


FURTHER = {
    "kad_openl3": (12.3, 1.2, "lower"),
    "clipping_share": (0.00012, 0.00004, "lower"),
    "silence_share": (0.083, 0.02, "none"),
    "loudness_lufs": (-21.4, 1.1, "none"),
}


def with_further(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """A change for `make_run` that adds further measures to a run, two of them with values by prompt."""
    kl = scores["kl_passt"]
    for name, (value, half, direction) in FURTHER.items():
        told = {"headline": False, "protocol": kl["protocol"]}
        scores[name] = estimate(value, half, direction, "none", kl["n"], kl["n_failed"]) | told
    for row in rows:
        good = row["status"] == "ok"
        row |= {"silence_share": 0.1 if good else None, "loudness_lufs": -20.25 if good else None}


def prompt_rows(folder: Path, seed: int, fail: tuple[str, ...], prompts: list[Any]) -> list[dict[str, Any]]:
    """Rows of samples.parquet, with the wavs they name."""
    import soundfile

    rng = np.random.default_rng(seed)
    rows = []
    for place, (name, text, labels) in enumerate(prompts):
        seconds, rate = 1.0 + 0.25 * (place % 3), 16000
        row: dict[str, Any] = dict.fromkeys(("error", "audio", "sha256", "loudness", "kl_passt", "clap_score"))
        row |= dict.fromkeys(("sample_rate", "channels", "frames", "peak", "generate_seconds"))
        row |= {"id": name, "prompt": text, "seconds": seconds, "labels": labels, "group": name, "seed": 1000 + place}
        row |= {"status": "ok", "verdicts": ["clipped"] if place == 4 else []}
        if name in fail:
            row |= {"status": "failed", "error": "the generator returned NaN samples", "verdicts": ["not_finite"]}
        else:
            samples = sound(place + seed, seconds, rate)
            path = folder / "audio" / f"item-{place}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples.T, rate, subtype="PCM_24")
            row |= {"audio": f"audio/item-{place}.wav", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            row |= {"sample_rate": rate, "channels": 2, "frames": samples.shape[1], "peak": 0.8, "loudness": -21.5}
            row |= {"generate_seconds": 0.41 + 0.01 * place}
            row |= {"kl_passt": float(rng.gamma(2.0, 0.6)), "clap_score": float(rng.normal(0.31, 0.08))}
        rows.append(row)
    return rows


def run_facts(name: str, size: str, seed: int) -> dict[str, Any]:
    model = {"name": name, "family": "stable-audio", "size": "mini", "weights": "4f" * 32, "sample_rate": 16000}
    suite = {"name": "mini", "version": "1", "digest": "ab" * 32, "protocol": "mini-1", "size": size}
    keys = {"fd_openl3": "openl3-mini", "kl_passt": "passt-mini", "clap_score": "clap-mini"}
    return {
        "schema": 1,
        "status": "success",
        "run_id": f"{name}-7d1f{seed}",
        "command": ["evalkit", "run", "--model", name, "--suite", "mini"],
        "suite": suite | {"title": "Mini: ten everyday sounds"},
        "model": model | {"channels": 2, "licence": "MIT"},
        "preset": "dpmpp-3m-sde-50",
        "options": {"steps": 50, "cfg_scale": 6.0},
        "seed": seed,
        "samples_per_prompt": 1,
        "device": "cpu",
        "dtype": "float32",
        "versions": {
            "evalkit": "0.1.0",
            "python": "3.11.7",
            "torch": "2.13.0",
            "numpy": "2.4.6",
            "soundfile": "0.14.0",
        },
        "created": "2026-11-21T03:30:00Z",
        "seconds": {"generate": 41.2, "embed": 12.9, "score": 0.7},
        "speed": {
            "n": 6,
            "seconds_per_clip": 0.412,
            "real_time_factor": 0.31,
            "parts": {"text": 0.01, "sample": 0.3, "decode": 0.1},
            "warm_up": {"n": 4, "seconds": 2.5},
            "warm_up_included": False,
            "load_seconds": 3.25,
            "peak_bytes": 1610612736,
            "device": "cpu",
            "device_name": "Some Processor",
            "threads": 2,
            "dtype": "float32",
            "steps": 100,
            "best_of": 1,
            "batch_size": 8,
            "worker": {},
        },
        "metrics": {key: {"embedder": value, "weights": "9c" * 32} for key, value in keys.items()},
    }


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """As `runs_in`, of the test's own folder."""
    return runs_in(tmp_path)


def runs_in(place: Path) -> Callable[..., Path]:
    """make_run(name, fd=…, clap=…, size=…, fail=(ids), prompts=[…]) -> the run folder, in `place`/runs.

    `change(run_json, scores, rows)` may alter everything before it is written.
    """

    def make(
        name: str = "stable-audio-mini",
        *,
        fd: float | None = 118.4,
        clap: float | None = 0.312,
        size: str = "mini",
        seed: int = 0,
        fail: tuple[str, ...] = ("sneeze-right",),
        prompts: list[Any] | None = None,
        change: Callable[[dict[str, Any], dict[str, Any], list[dict[str, Any]]], None] | None = None,
    ) -> Path:
        import pyarrow
        from pyarrow import parquet

        folder = place / "runs" / f"{name}-{size}-{seed}".replace("/", "_")
        folder.mkdir(parents=True)
        rows = prompt_rows(folder, seed, fail, PROMPTS if prompts is None else prompts)
        good = sum(row["status"] == "ok" for row in rows)
        bad = len(rows) - good
        scores = {
            "fd_openl3": estimate(fd, 7.3, "lower", "openl3-mini", good, bad),
            "kl_passt": estimate(1.21, 0.2, "lower", "passt-mini", good, bad),
            "clap_score": estimate(clap, 0.021, "higher", "clap-mini", good, bad),
        }
        if fd is not None:
            scores["fd_openl3"]["warnings"] = ["the covariance of 7 clips does not have full rank"]
        facts = run_facts(name, size, seed)
        if change is not None:
            change(facts, scores, rows)
        (folder / "run.json").write_text(json.dumps(facts))
        (folder / "scores.json").write_text(json.dumps(scores))
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "samples.parquet")
        return folder

    return make


@pytest.fixture(name="with_further")
def _with_further() -> Callable[..., None]:
    return with_further


@pytest.fixture
def full_run() -> Callable[..., None]:
    """A change for `make_run` into a run on AudioCaps at 10 s under the published protocol."""

    def change(facts: dict[str, Any], scores: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        facts["suite"] |= {"name": "audiocaps", "protocol": "stable-audio-metrics", "title": "AudioCaps test"}
        for score in scores.values():
            score["protocol"] = "stable-audio-metrics"
        for row in rows:
            row["seconds"] = 10.0

    return change


@pytest.fixture
def figure() -> Figure:
    """A paper's FD-OpenL3 over as many prompts as `make_run` has."""
    return Figure(
        system="Stable Audio Open",
        suite="audiocaps",
        prompts=len(PROMPTS),
        metric="fd_openl3",
        value=78.24,
        protocol="stable-audio-metrics",
        settings=Settings(2, 44100, 10.0),
        paper="Evans et al. 2024",
        table="Table 1",
        arxiv="2407.14358",
        checked=True,
    )


class Browser:
    """Headless Chromium, spoken to over a pipe in the DevTools protocol; no driver and no port needed."""

    def __init__(self, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        words = [CHROMIUM or "", *CHROMIUM_FLAGS, f"--user-data-dir={profile}"]
        # The protocol's pipe is at descriptors 3 and 4, where only a shell can put them without a race.
        line = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["bash", "-c", line, "bash", *words],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._count = b"", 0
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = ""
        self._session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """One command and its result; whatever happens meanwhile is kept in `events`."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params or {}}
        if getattr(self, "_session", ""):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self, seconds: float = 60) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], seconds)[0]:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self._read, 1 << 16)
            if not piece:
                raise RuntimeError("Chromium has ended")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def open(self, path: Path, *, script: bool = True, width: int = 1280, dark: bool = False) -> None:
        """Open a file and wait until it has loaded."""
        self.send("Emulation.setScriptExecutionDisabled", {"value": not script})
        self.seen(width, dark)
        self.go(path.resolve().as_uri())

    def go(self, address: str) -> None:
        """To an address, and wait until it has loaded."""
        self.events.clear()
        self.send("Page.navigate", {"url": address})
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def seen(self, width: int, dark: bool) -> None:
        """On a screen of that width and theme."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", {"features": [theme]})

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True}
        answer = self.send("Runtime.evaluate", asked)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 30) -> Any:
        """The value of a JavaScript expression as soon as it is true. A busy machine takes its time, so tests wait for
        what they want and never for a while."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(expression)):
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {expression}"
            time.sleep(0.02)
        return value

    def press(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "windowsVirtualKeyCode": code} | text)

    def violations(self, within: str = "document") -> list[list[str]]:
        """What axe-core 4.4 (MPL-2.0, as the wheel axe-core-python brings it) finds: (rule, first element). Sounds are
        not awaited, as only a rule on those that begin by themselves would look at them, and what passes is not
        described: that is most of its time. Skips where it is not installed."""
        axe = Path(pytest.importorskip("axe_core_python").__file__).with_name("axe.min.js").read_text(encoding="utf-8")
        self.run(axe + ";0")
        asked = "{ resultTypes: ['violations'], preload: { assets: ['cssom'] } }"
        first = "all.violations.map((one) => [one.id, one.nodes[0].html.slice(0, 120)])"
        return self.run(f"axe.run({within}, {asked}).then((all) => {first})")

    def picture(self, path: Path) -> None:
        """A PNG of the whole page."""
        options = {"format": "png", "captureBeyondViewport": True}
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", options)["data"]))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


def first_screen(page: Path, out: Path) -> None:
    """A small PNG of what a reader sees of a page first, in 256 colours."""
    import io
    import tempfile

    from PIL import Image

    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        browser.open(page)
        shot = base64.b64decode(browser.send("Page.captureScreenshot", {"format": "png"})["data"])
        browser.close()
        Image.open(io.BytesIO(shot)).convert("RGB").quantize(256).save(out, optimize=True)


if __name__ == "__main__":
    first_screen(Path(sys.argv[1]), Path(sys.argv[2]))
