"""How evalkit starts other programs: the only module that does (`tests/style/test_processes.py` keeps it so).

A Python starts isolated (`-I`): neither the working folder, nor the script's own folder, nor PYTHONPATH, nor any other
PYTHON variable decides what it imports or runs. Where it needs packages that only this process can see, it is told
`search_path.import_path()`. Programs are called by absolute path, so that a name is never looked up in a folder that
was downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_ALLOWED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""What a program needs to start and to find its libraries and its person's files."""

_INSTALLER = ("PIP_", "UV_")
_INSTALLER_ALLOWED = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST", "PIP_CERT",
    "PIP_CLIENT_CERT", "PIP_PROXY", "PIP_KEYRING_PROVIDER", "PIP_CACHE_DIR", "PIP_NO_CACHE_DIR", "PIP_CONFIG_FILE",
    "PIP_DEFAULT_TIMEOUT", "PIP_TIMEOUT", "PIP_RETRIES",
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_OFFLINE",
    "UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_KEYRING_PROVIDER", "UV_CACHE_DIR", "UV_NO_CACHE",
    "UV_CONFIG_FILE", "UV_HTTP_TIMEOUT", "UV_LINK_MODE", "UV_PYTHON_INSTALL_DIR", "UV_PYTHON_INSTALL_MIRROR",
)  # fmt: skip
"""Where packages come from and how they are reached. The rest of an installer's variables (PIP_TARGET, PIP_PREFIX,
PIP_REQUIREMENT, UV_PYTHON, ...) would put other packages in, or elsewhere."""


def isolated(interpreter: Path | str, *words: str) -> list[str]:
    """The command that runs a script (its path) or `-m module` or `-c code` in an isolated Python."""
    return [str(interpreter), "-I", *words]


def chosen_environment(*further: str, **values: str) -> dict[str, str]:
    """The variables that a program of evalkit's own gets: a short list and `further` names as they are here, and
    `values`. Nothing else of the person's environment reaches it."""
    names = (*_ALLOWED, *further)
    return {**{name: os.environ[name] for name in names if name in os.environ}, **values}


def installer_environment() -> dict[str, str]:
    """The variables that pip, uv and venv get: the person's (proxies, certificates, compilers), but none that would
    have Python run something or an installer put packages elsewhere."""

    def kept(name: str) -> bool:
        if name.startswith(_INSTALLER):
            return name in _INSTALLER_ALLOWED
        return not name.startswith(("PYTHON", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV"))

    return {name: value for name, value in os.environ.items() if kept(name)}


def program(name: str) -> str | None:
    """The absolute path of a program on PATH, None where there is none; relative entries of PATH do not count."""
    folders = [folder for folder in os.get_exec_path() if Path(folder).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(folders)) if folders else None


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    data: bytes = b"",
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end in `folder` with `data` on its standard input, and return what it printed.

    Raises TimeoutError where it has not ended within `timeout` seconds; it is gone then.
    """
    try:
        return subprocess.run(
            _absolute(command), cwd=folder, env=dict(environment), input=data, capture_output=True, timeout=timeout,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} has not ended within {timeout:g} s") from None


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, handles: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a command in `folder` as the leader of a process group of its own, without standard input, what it prints
    going to `log`; it inherits the file descriptors `handles` and no others. Raises OSError."""
    with log.open("wb") as printed:
        return subprocess.Popen(
            _absolute(command), cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=printed,
            stderr=printed, pass_fds=tuple(handles), start_new_session=True,
        )  # fmt: skip


def _absolute(command: Sequence[str]) -> list[str]:
    if not Path(command[0]).is_absolute():
        raise ValueError(f"{command[0]!r} would be looked for on PATH: a program is called by its absolute path")
    return list(command)
