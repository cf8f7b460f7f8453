"""A generator that runs in another process, in an environment of its own: `worker:FOLDER`, and shipped baselines.

What the worker does wrong costs what it did it to: a dead worker is started again and asked once more; a call that
kills it twice, hangs or comes back wrong raises, upon which the executor tries the items one by one, so one item is
lost. Out of memory is told as that, and the batch is halved. Nothing is left running when it is closed.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from evalkit.checkpoints.safe_copy import safe_copy
from evalkit.core.errors import MissingWeights, UserError
from evalkit.core.faults import refuse, together
from evalkit.core.ids import digest_json
from evalkit.core.paths import files_under, is_folder, typed
from evalkit.core.resources import resource
from evalkit.core.text import count
from evalkit.fetch.digests import remembered_sha256
from evalkit.fetch.environment import Environment, interpreter
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.hub_revision import hub_revision
from evalkit.fetch.weights import locate
from evalkit.generators.base import GenBatch, GeneratorSpec, Memory, Options, Timeouts
from evalkit.generators.worker.audio import take
from evalkit.generators.worker.harness import PROTOCOL, load_build
from evalkit.generators.worker.manifest import WorkerManifest, read_worker
from evalkit.generators.worker.process import Connection, WorkerDied, WorkerError, WorkerHere, WorkerHung, WorkerProcess

PREFIX = "worker:"
_HELLO_SECONDS = 60.0
_DEATHS_IN_A_ROW = 8
"""After so many without a sound in between, the run ends: each would cost the loading of the model."""

Connect = Callable[[Path], Connection]


def from_name(name: str, overrides: Mapping[str, Path]) -> Isolated:
    """The generator of `worker:FOLDER` or `worker:FOLDER:MODEL`; a shipped baseline's name will do for its folder.

    Raises UserError.
    """
    place = name.removeprefix(PREFIX)
    folder, model = (place, "") if is_folder(_folder(place)) else place.rpartition(":")[::2]
    return from_folder(_folder(folder or place), model if folder else "", overrides)


def from_folder(folder: Path, model: str = "", overrides: Mapping[str, Path] | None = None) -> Isolated:
    """A model of the worker that the folder's manifest describes, in a process of its own. Raises UserError."""
    return Isolated(read_worker(folder), model, overrides or {})


def _folder(place: str) -> Path:
    """The folder as typed, else that of a shipped baseline of this name."""
    path = typed(place) if place else Path()
    return path if is_folder(path) or "/" in place or not place else resource("baselines") / place


class Isolated:
    """One model of a worker. `here` runs the worker's file inside this process, for tests and debuggers."""

    def __init__(self, manifest: WorkerManifest, model: str, overrides: Mapping[str, Path], here: bool = False) -> None:
        self._manifest, self._overrides, self._here = manifest, overrides, here
        self._timeouts = manifest.timeouts
        spec = manifest.model(model)
        self.spec = replace(spec, weights=_fingerprint(manifest, spec, overrides), revision=_revision(spec, overrides))
        self.facts: dict[str, Any] = {}
        """What the worker said of itself once loaded: Python, versions, the environment's digest."""
        self._connection: Connection | None = None
        self._folder: Path | None = None
        self._asked = ("cpu", "float32")
        self._calls, self._deaths = 0, 0

    def limit(self, timeouts: Timeouts) -> None:
        """Other limits than the manifest's, for each call."""
        self._timeouts = timeouts

    def check_options(self, options: Options) -> None:
        """Raises UserError for all that the worker itself would refuse, by its file's function `read_options` where
        it has one. Only the file of a worker that ships is run in this process; the manifest's own presets are not
        doubted."""
        if not self._ships or dict(options) in map(dict, self.spec.presets.values()):
            return
        read = load_build(self._manifest.file).__globals__.get("read_options")
        try:
            if read is not None:
                read(dict(options))
        except Exception as error:  # as the harness does, by its name: the class is the worker's
            if type(error).__name__ != "BadRequest":
                raise
            refuse([UserError(each) for each in str(error).split("; ")])

    def check_files(self) -> None:
        """Raises UserError where its environment is not installed, MissingWeights where weights are not here."""
        together(self._python, *(partial(_weights, name, self._overrides) for name in self.spec.needs))

    def load(self, device: str, dtype: str) -> None:
        """Start the worker and let it load. Raises UserError where its environment or weights are not here, or it
        fails to."""
        self._asked = device, dtype
        self._start()

    def generate(
        self,
        prompts: Sequence[str],
        seconds: Sequence[float],
        seeds: Sequence[int],
        options: Options,
        lyrics: Sequence[str] = (),
    ) -> GenBatch:
        """Sounds as the worker made them. Raises MemoryError, WorkerError, or UserError where the options are wrong or
        the worker dies of everything."""
        told: dict[str, Sequence[object]] = {"prompt": prompts, "seconds": seconds, "seed": seeds}
        if self.spec.lyrics:
            told["lyrics"] = lyrics or [""] * len(prompts)
        items = [dict(zip(told, item, strict=True)) for item in zip(*told.values(), strict=True)]
        try:
            try:
                made = self._ask(items, options)
            except WorkerDied as error:
                self._count_death(error)
                made = self._ask(items, options)
        except WorkerDied as error:
            self._count_death(error)
            raise
        except WorkerHung:
            self._end()
            raise
        self._deaths = 0
        return made

    def close(self) -> None:
        """End the worker and remove its folder."""
        self._end()

    @property
    def pid(self) -> int | None:
        """The worker's process, where there is one."""
        return None if self._connection is None else self._connection.pid

    @property
    def own_code(self) -> str | None:
        """Digest of the worker's folder as far as it decides sounds; None for one that ships with evalkit."""
        return None if self._ships else self._manifest.code()

    @property
    def _ships(self) -> bool:
        return self._manifest.folder.resolve().is_relative_to(resource("baselines").resolve())

    @property
    def environment(self) -> Environment | None:
        """What it runs in, installed or not; None where evalkit's own Python runs it."""
        return environment_of(self._manifest)

    def _start(self) -> None:
        python = self._python()
        forms = self._manifest.copied.get(self.spec.name, {})
        places = {name: _weights(name, self._overrides) for name in self.spec.needs}
        handed = {name: safe_copy(path, forms[name]) if name in forms else path for name, path in places.items()}
        weights = {name: str(path.absolute()) for name, path in handed.items()}
        self._folder = Path(tempfile.mkdtemp(prefix="evalkit-worker-"))
        limits = self._timeouts
        try:
            self._connection = self._connect(python, self._folder)
            hello = self._connection.ask({"type": "hello", "protocol": PROTOCOL}, _HELLO_SECONDS)
            if hello.get("protocol") != PROTOCOL:
                raise WorkerDied(f"the worker speaks protocol {hello.get('protocol')!r:.40}, not {PROTOCOL}")
            device, dtype = self._asked
            message = {"type": "load", "device": device, "dtype": dtype, "weights": weights}
            loaded = self._connection.ask(message, limits.load)
            _raise_for(loaded, self.spec.name)
        except WorkerError as error:
            self._end()
            raise UserError(f"{self.spec.name}: {error}", "evalkit models check tries a model alone") from None
        except BaseException:
            self._end()
            raise
        self._calls = 0
        self.facts = _facts(hello, loaded, self._manifest)

    def _connect(self, python: Path, folder: Path) -> Connection:
        if self._here:
            return WorkerHere(self._manifest.file, self.spec.name, folder)
        return WorkerProcess(python, self._manifest.file, self.spec.name, folder)

    def _python(self) -> Path:
        environment = environment_of(self._manifest)
        return Path(sys.executable) if environment is None or self._here else interpreter(environment)

    def _ask(self, items: Sequence[Mapping[str, object]], options: Options) -> GenBatch:
        """One call; a worker that went away after the last one is started first."""
        if self._connection is None:
            self._start()
        assert self._connection is not None and self._folder is not None
        limits = self._timeouts
        limit = limits.each if self._calls else limits.first
        self._calls += 1
        message = {"type": "generate", "id": self._calls, "items": items, "options": dict(options)}
        answer = self._connection.ask(message, limit)
        _raise_for(answer, self.spec.name)
        files, rate = answer.get("files"), answer.get("rate")
        if answer.get("type") != "result" or answer.get("id") != self._calls or not isinstance(files, list):
            raise WorkerDied("the worker answered something else than was asked")
        if len(files) != len(items):
            raise WorkerError(f"the worker returned {count(len(files), 'sound')} for {count(len(items), 'prompt')}")
        expected = [round(float(str(item["seconds"])) * self.spec.sample_rate) for item in items]
        sizes = [4 * frames * self.spec.channels for frames in expected]
        audio = [take(self._folder, told, size) for told, size in zip(files, sizes, strict=True)]
        return GenBatch(audio, rate if isinstance(rate, int) else 0, _timings(answer), memory=_memory(answer))

    def _count_death(self, error: WorkerDied) -> None:
        self._end()
        self._deaths += 1
        if self._deaths >= _DEATHS_IN_A_ROW:
            raise UserError(f"{self.spec.name}: {self._deaths} times in a row {error}", "see what the worker printed")

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def environment_of(manifest: WorkerManifest) -> Environment | None:
    """The environment that a worker runs in; None where evalkit's own Python runs it."""
    if manifest.requirements is None:
        return None
    return Environment(manifest.folder.resolve().name, manifest.requirements, manifest.python, manifest.complete)


def _raise_for(answer: Mapping[str, Any], name: str) -> None:
    """The worker's error as ours: of memory, of the request, of the loading, or of anything else."""
    if answer.get("type") != "error":
        return
    code, told = answer.get("code"), " ".join(str(answer.get("message")).split())[:300]
    if code == "oom":
        raise MemoryError(told)
    if code in ("bad_request", "load"):
        raise UserError(f"{name}: {told}")
    raise WorkerError(told)


def _weights(name: str, overrides: Mapping[str, Path]) -> Path:
    """Where the weights of that name are: as given, in evalkit's folder, or as evalkit knows them."""
    if name in overrides:
        return Path(overrides[name])
    own = evalkit_home() / "weights" / name
    if own.exists():
        return own
    try:
        return locate(name, overrides)
    except MissingWeights:
        raise
    except UserError:
        raise MissingWeights(
            f"the weights {name} are not here", f"put them into {own}, or say --weights {name}=PATH"
        ) from None


def _fingerprint(manifest: WorkerManifest, spec: GeneratorSpec, overrides: Mapping[str, Path]) -> str | None:
    """Digest of what shapes the sound: the worker, its requirements and its weights; None where these are not here."""
    files = [manifest.file, *([] if manifest.requirements is None else [manifest.requirements])]
    try:
        for name in spec.needs:
            root = _weights(name, overrides)
            files += files_under(root) if root.is_dir() else [root]
        return digest_json([spec.name, *(remembered_sha256(file) for file in files)])
    except (MissingWeights, OSError):
        return None


def _revision(spec: GeneratorSpec, overrides: Mapping[str, Path]) -> str:
    """Of the first weights that it needs, which are the model's own."""
    try:
        return hub_revision(_weights(spec.needs[0], overrides)) if spec.needs else ""
    except MissingWeights:
        return ""


def _facts(hello: Mapping[str, Any], loaded: Mapping[str, Any], manifest: WorkerManifest) -> dict[str, Any]:
    environment, versions = environment_of(manifest), loaded.get("versions")
    known = {str(key): str(value) for key, value in versions.items()} if isinstance(versions, dict) else {}
    found = {"protocol": PROTOCOL, "python": str(hello.get("python"))[:40], "versions": known}
    return found if environment is None else {**found, "requirements": environment.digest}


def _timings(answer: Mapping[str, Any]) -> dict[str, float]:
    """The parts' seconds that are numbers that a clock can show."""
    parts = answer.get("timings")
    found = parts.items() if isinstance(parts, dict) else ()
    return {name: float(each) for name, each in found if isinstance(each, int | float) and 0 <= each < math.inf}


def _memory(answer: Mapping[str, Any]) -> Memory | None:
    peak, held = answer.get("peak"), answer.get("held")
    return Memory(peak, held) if isinstance(peak, int) and isinstance(held, int) else None
