"""The digests that are enforced: git's own, and those of first downloads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_file
from evalkit.fetch import digests
from evalkit.fetch.digests import blob_id, lock_file, measure, record, recorded
from evalkit.fetch.sources import Digest


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("content", [b"", b"a", b"line\r\nline\n", bytes(range(256)) * 9000])
def test_a_blob_id_is_what_git_says(content: bytes, tmp_path: Path) -> None:
    """Else no file of a repository could ever be checked."""
    path = tmp_path / "file"
    path.write_bytes(content)
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    said = subprocess.run(["git", "hash-object", "--no-filters", str(path)], capture_output=True, text=True, check=True)
    assert blob_id(path) == said.stdout.strip()
    assert measure(path, "blob") == Digest("blob", said.stdout.strip())


def test_the_empty_blob_is_the_known_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert blob_id(tmp_path / "file") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_a_first_digest_is_kept_and_never_replaced() -> None:
    assert recorded("http://x/y") is None
    record("http://x/y", Digest("sha256", "1" * 64), 5)
    record("http://x/y", Digest("sha256", "2" * 64), 6)
    record("http://x/z", Digest("sha256", "3" * 64), 7)
    assert recorded("http://x/y") == Digest("sha256", "1" * 64)
    assert recorded("http://x/z") == Digest("sha256", "3" * 64)


def test_a_spoilt_lock_file_is_named() -> None:
    lock_file().parent.mkdir(parents=True)
    lock_file().write_text("[]")
    with pytest.raises(UserError, match=r"sources\.lock\.json: is not a table"):
        recorded("http://x/y")


def test_a_large_files_digest_is_kept_until_the_file_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing five gigabytes at every command is half a minute; a stale digest is a wrong identity."""
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(digests, "LARGE", 4)
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"first")
    first = digests.remembered_sha256(file)
    assert first == digest_file(file)
    monkeypatch.setattr(digests, "digest_file", lambda path: "f" * 64)
    assert digests.remembered_sha256(file) == first
    (note,) = (tmp_path / "home" / "cache" / "digests").iterdir()
    for broken in ("[]", "{", '{"stamp": null, "sha256": 3}', ""):
        note.write_text(broken)
        assert digests.remembered_sha256(file) == "f" * 64
        note.unlink()
    monkeypatch.setattr(digests, "digest_file", digest_file)
    digests.remembered_sha256(file)
    file.write_bytes(b"other")
    assert digests.remembered_sha256(file) == digest_file(file) != first


def test_a_small_files_digest_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_HOME", str(tmp_path / "home"))
    (tmp_path / "small").write_bytes(b"x")
    assert digests.remembered_sha256(tmp_path / "small") == digest_file(tmp_path / "small")
    assert not (tmp_path / "home").exists()
