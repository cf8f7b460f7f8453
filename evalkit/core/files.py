"""Files that land whole or not at all, and what is said where a disk refuses one.

A file is written under another name in its own folder, flushed to the disk and then renamed, as a crash while writing
in place leaves a corrupt file that looks finished. While it is written its writer holds the operating system's lock on
it, which dies with the writer: so what a killed writer left behind can be told from what another one is writing, on any
machine and in any container, and is removed by the next process that writes into the folder.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file

PREFIX = ".landing-"
_REFUSALS = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOTDIR,
        errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ETXTBSY,
    }
)  # fmt: skip
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_AGAIN = "put that right, then type the same command again"
_swept: set[str] = set()


class CannotWrite(OSError):
    """What the disk said when a file was to be written; `filename` is the file that was meant."""


class Changed(Exception):
    """A file is no longer there, or has other bytes than it had."""


@contextmanager
def landing(path: Path) -> Iterator[Path]:
    """An empty file to write to, which gets the name `path` once the block ends well and is gone where it does not.

    What lies at `path` stays as it was until then. Raises CannotWrite for whatever the disk refuses, and UserError
    where something else than a file is there: a device is not replaced.
    """
    _refuse_special(path, path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_once(path.parent)
        handle, part = _locked(path.parent)
        try:
            yield part
            sync(part)
            part.chmod(0o644)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)
        sync(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically and durably; see :func:`landing`."""
    with landing(path) as part:
        part.write_bytes(data)


def take_over(source: Path, path: Path, sha256: str) -> None:
    """Give `path` the bytes of another file, atomically: as a second name of that file where it is ours and the disk
    allows it, which takes no room, else as a copy.

    Raises Changed where `source` is no regular file with this digest (any more), else as :func:`landing` does.
    """
    try:
        found = source.lstat()
    except (OSError, ValueError):
        raise Changed(source) from None
    if not stat.S_ISREG(found.st_mode):
        raise Changed(source)
    with landing(path) as part:
        part.unlink()
        try:
            if found.st_uid != os.geteuid():
                raise PermissionError
            os.link(source, part, follow_symlinks=False)
        except OSError:
            shutil.copyfile(source, part, follow_symlinks=False)
        if digest_file(part) != sha256:
            raise Changed(source)


def sync(path: Path) -> None:
    """Make what was written into a file, or a rename inside a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whatever the disk refuses in the block is a CannotWrite that names `path`: a full disk itself names nothing."""
    try:
        yield
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(error.errno, error.strerror or str(error), str(path)) from error


def refusal(error: OSError) -> UserError | None:
    """What a disk refused as one line with the way out; None for an error that is something else, and so a bug."""
    if isinstance(error, CannotWrite):
        return UserError(f"{error.filename}: cannot be written: {error.strerror}", _AGAIN)
    if error.errno not in _REFUSALS:
        return None
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "the disk"
    return UserError(f"{where}: {error.strerror}", _AGAIN)


def require_place(path: Path) -> Path:
    """Where a file of this name, as a person typed it, is going to lie: a link is followed. For a look before any work.

    Raises UserError where a folder, a device or anything else than a file is there, or none can be made or replaced.
    """
    place = Path(os.path.realpath(path))
    _refuse_special(place, path)
    existing = next(each for each in (place, *place.parents) if os.path.lexists(each))
    if existing != place and not existing.is_dir():
        raise UserError(f"{path}: {existing} is not a folder", "choose another place")
    for each in {existing, existing.parent if existing == place else existing}:
        if not os.access(each, os.W_OK):
            raise UserError(f"{path}: {each} cannot be written", "choose another place, or make it yours")
    return place


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder; what is being written is let be, and so is all of an odd disk."""
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            handle = os.open(left, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
            finally:
                os.close(handle)


def _sweep_once(folder: Path) -> None:
    """The first write into a folder looks for leftovers; thousands of clips are not to list it thousands of times."""
    name = os.path.realpath(folder)
    if name not in _swept:
        _swept.add(name)
        with suppress(OSError):
            sweep(folder)


def _locked(folder: Path) -> tuple[int, Path]:
    """An empty file under a name of its own, open, and locked where the disk knows locks."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=PREFIX)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # somebody swept between the two


def _refuse_special(place: Path, typed: Path) -> None:
    try:
        mode = place.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"{typed}: {error.strerror}", "choose another place") from None
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a device")
        raise UserError(f"{typed}: is {kind}, and no file to replace", "name a file")
