"""A Python environment of its own, for packages that cannot share evalkit's: made once from pinned requirements, found
again by their digest.

It lies at `EVALKIT_HOME/<room>/<name>-<digest>`, with `uv` where that is installed, else with venv and pip. The file
`ready.json` is written last: an environment without it was interrupted, counts as none, and is gone on with by the next
command (pip and uv keep what they fetched). Other requirements are another digest and so another folder.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core import processes
from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes, digest_json, safe_name
from evalkit.core.jsonio import read_json, write_json
from evalkit.core.reading import read_bytes, read_text
from evalkit.fetch.download import Quiet, fetch
from evalkit.fetch.home import evalkit_home
from evalkit.fetch.sources import UrlSource
from evalkit.fetch.switches import is_on
from evalkit.fetch.waiting import waiting_lock

READY = "ready.json"
_MADE = "made"
"""Written once the empty environment is whole: one without pip has a Python too."""
_PINNED = re.compile(r"^[A-Za-z0-9._-]+(\[[^\]]*\])?\s*(===?\s*[^*\s;]+|@\s*\S+)\s*(;.*)?(\s--hash=\S+)*$")
_REQUIREMENT = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}\s*([<>=!~]=?\s*[0-9.*]{1,20})?")
MOST_BYTES = 1 << 20
_LOCAL = ("./", "../", "/")
_OPTIONS = ("--extra-index-url ", "--index-url ", "--find-links ", "--only-binary")
_TAIL = 400
_LISTING = (
    "import importlib.metadata as m\nfor each in m.distributions(): print(each.metadata['Name'] + '==' + each.version)"
)


@dataclass(frozen=True)
class Environment:
    """What is asked for: whose it is, its requirements file, and the Python ("3.10"; "" for the one at hand).

    `complete` says that the file names every package: what these ask for beside it is left out. `bringing` are packages
    that bring what they pin themselves all the same: torch's build for a GPU names its CUDA libraries, each with its
    version, and its build for a CPU has none. `unpacked` are source distributions that are unpacked and not installed,
    as their setup does more than install. `room` is the folder under EVALKIT_HOME, `command` what a person types to
    have it ("": `evalkit baselines install NAME`).
    """

    name: str
    requirements: Path
    python: str = ""
    complete: bool = False
    bringing: tuple[str, ...] = ()
    unpacked: tuple[UrlSource, ...] = ()
    room: str = "baselines"
    command: str = ""

    @property
    def digest(self) -> str:
        """sha256 of what decides the environment: the requirements' bytes, the Python, and whether more is added."""
        parts = [digest_bytes(read_bytes(self.requirements, MOST_BYTES)), self.python or _version()]
        more = ["complete"] if self.complete else []
        more += [*self.bringing, *(source.sha256 or source.url for source in self.unpacked)]
        return digest_json([*parts, *more])

    @property
    def folder(self) -> Path:
        return evalkit_home() / self.room / f"{safe_name(self.name)}-{self.digest[:12]}"

    @property
    def sources(self) -> Path:
        """The folder that has the unpacked source distributions."""
        return self.folder / "unpacked"

    @property
    def interpreter(self) -> Path:
        return self.folder / "bin" / "python"


def is_ready(environment: Environment) -> bool:
    """Was it installed to the end, and is its Python still there?"""
    try:
        known = read_json(environment.folder / READY)
    except UserError:
        return False
    return isinstance(known, dict) and known.get("digest") == environment.digest and environment.interpreter.exists()


def interpreter(environment: Environment) -> Path:
    """The Python of an installed environment. Raises UserError, with the command, where it is not installed."""
    if not is_ready(environment):
        raise UserError(
            f"the environment of {environment.name} is not installed here ({environment.folder})",
            environment.command or f"evalkit baselines install {environment.name}",
        )
    return environment.interpreter


def install(environment: Environment, wheels: Path | None, told: Callable[[str], None]) -> bool:
    """Make the environment; False where it was there already. `wheels` is a folder to take every package from, with no
    network at all.

    Raises UserError where a requirement is not pinned, no such Python is here, the network is forbidden or a package
    cannot be had (with the tool's last words).
    """
    require_pinned(environment.requirements)
    with waiting_lock(f"the environment {environment.folder}", told):
        if is_ready(environment):
            return False
        if wheels is None and is_on("EVALKIT_OFFLINE"):
            raise UserError(
                f"{environment.name}: EVALKIT_OFFLINE forbids the network, and its packages are not here",
                "say --wheels FOLDER with the packages, or unset it",
            )
        if wheels is not None and not wheels.is_dir():
            raise UserError(f"--wheels {wheels}: no such folder")
        environment.folder.mkdir(parents=True, exist_ok=True)
        _make(environment, told)
        _fill(environment, wheels, told)
        _unpack(environment, told)
        _tell_ready(environment)
    return True


def require_pinned(requirements: Path) -> None:
    """Raises UserError, naming the line, for a requirement that may be another package tomorrow."""
    for number, wanted in enumerate(_lines(requirements), 1):
        if wanted and not wanted.startswith((*_LOCAL, *_OPTIONS)) and not _PINNED.match(wanted):
            # Nothing else of the file is repeated: a stranger's folder may have a link to any file in its place.
            shown = repr(wanted) if _REQUIREMENT.fullmatch(wanted) else "what stands there"
            raise UserError(f"{requirements}, line {number}: {shown} is not pinned", "write name==version, or a path")


def _lines(requirements: Path) -> list[str]:
    """Without comments, continued lines as one."""
    text = read_text(requirements, MOST_BYTES, "list of requirements").replace("\\\n", " ")
    return [re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines()]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _make(environment: Environment, told: Callable[[str], None]) -> None:
    """An environment with nothing but pip in it; one that was made to the end is kept, half a one made anew."""
    mark = environment.folder / _MADE
    if mark.exists() and environment.interpreter.exists():
        return
    folder, uv = str(environment.folder), processes.program("uv")
    told(f"{environment.name}: making an environment in {folder}")
    if uv is not None:
        _call([uv, "venv", "--clear", "--python", environment.python or sys.executable, folder], environment)
    else:
        _call(processes.isolated(_python(environment), "-m", "venv", "--clear", folder), environment)
    mark.touch()


def _fill(environment: Environment, wheels: Path | None, told: Callable[[str], None]) -> None:
    told(f"{environment.name}: installing {environment.requirements.name}")
    source = [] if wheels is None else ["--no-index", "--find-links", str(wheels.resolve())]
    alone = ["--no-deps"] if environment.complete else []
    _install(environment, [*source, *alone, "-r", str(environment.requirements)])
    bringing = [line for line in _lines(environment.requirements) if _name(line) in environment.bringing]
    if bringing:
        _install(environment, [*source, *bringing])


def _install(environment: Environment, words: Sequence[str]) -> None:
    python, uv = str(environment.interpreter), processes.program("uv")
    if uv is not None:
        _call([uv, "pip", "install", "--python", python, *words], environment)
    else:
        quiet = ["--disable-pip-version-check", "--no-input"]
        _call(processes.isolated(python, "-m", "pip", "install", *quiet, *words), environment)


def _unpack(environment: Environment, told: Callable[[str], None]) -> None:
    """Each source distribution, its digest checked, unpacked by the environment's own Python."""
    for source in environment.unpacked:
        archive = environment.folder / Path(source.url).name
        told(f"{environment.name}: fetching {archive.name}")
        fetch(source, archive, Quiet(told), replace=True)
        words = ["-m", "tarfile", "-e", str(archive), str(environment.sources)]
        _call(processes.isolated(environment.interpreter, *words), environment)


def _tell_ready(environment: Environment) -> None:
    """The lists of what was installed, and, last, the mark that all of it was."""
    found = _call(processes.isolated(environment.interpreter, "-c", _LISTING), environment)
    write_json(environment.folder / READY, {"digest": environment.digest, "packages": sorted(found.split())})


def _python(environment: Environment) -> str:
    if environment.python in ("", _version()):
        return sys.executable
    found = processes.program(f"python{environment.python}")
    if found is None:
        raise UserError(
            f"{environment.name}: needs Python {environment.python}, and python{environment.python} is not on the path",
            "install it, or install uv, which brings its own",
        )
    return found


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _call(command: Sequence[str], environment: Environment) -> str:
    """Run a tool to its end, in the folder of the requirements, as paths in them are meant from there."""
    done = processes.run(command, environment.requirements.parent, processes.installer_environment())
    printed, told = (each.decode("utf-8", "replace").strip() for each in (done.stdout, done.stderr))
    if done.returncode:
        words = " ".join((told or printed)[-_TAIL:].split())
        raise UserError(
            f"{environment.name}: {Path(command[0]).name} failed ({done.returncode}): {words}",
            "put that right, then type the same command again: it goes on from here",
        )
    return printed
