"""Fetching from the hub, in processes of their own as a terminal starts them, against a hub on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from evalkit_hub import GOOD, POWERLESS, FakeHub, entry, online, serving_hub, typed
from evalkit_process import start

from evalkit.core.ids import digest_file

T5, T5_COMMIT = "google-t5/t5-base", "a9723ea7f1b39c1eae772870f3b547bf6ef7e6c1"
OPEN, OPEN_COMMIT = "stabilityai/stable-audio-open-1.0", "f21265c1e2710b3bd2386596943f0007f55f802e"
TENSORS = bytes(range(256)) * 800
T5_FILES = {
    "config.json": b'{"model_type": "t5"}',
    "tokenizer.json": b"{}" * 3000,
    "spiece.model": b"words",
    "model.safetensors": TENSORS,
    "pytorch_model.bin": b"x" * 9000,
    "tf_model.h5": b"x",
    "flax_model.msgpack": b"x",
    "onnx/model.onnx": b"x",
    "README.md": b"words",
}
OPEN_FILES = {
    "model_config.json": b"{}",
    "model.safetensors": TENSORS,
    "model.ckpt": b"x" * 9000,
    "vae/config.json": b"{}",
    "vae/diffusion_pytorch_model.safetensors": b"x" * 9000,
    "model_index.json": b"{}",
}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving_hub() as served:
        served.add(T5, T5_FILES, T5_COMMIT)
        served.add(OPEN, OPEN_FILES, OPEN_COMMIT, gated=True)
        yield served


def snapshot(folder: Path, hub: str, commit: str) -> Path:
    return folder / "hf" / "hub" / f"models--{hub.replace('/', '--')}" / "snapshots" / commit


def with_the_library(folder: Path, code: str, environment: dict[str, str]) -> str:
    """What huggingface_hub itself says in a process of its own; `code` prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import huggingface_hub as h\n{code}"],
        env={**os.environ, **environment}, capture_output=True, text=True, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_fetched_is_found_by_the_library_itself_offline(hub: FakeHub, tmp_path: Path) -> None:
    """Else a person has the same gigabytes twice."""
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path))
    assert code == 0, told
    folder = snapshot(tmp_path, T5, T5_COMMIT)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "model.safetensors", "spiece.model", "tokenizer.json",
    ]  # fmt: skip
    assert all(path.is_symlink() for path in folder.iterdir())
    assert (folder / "model.safetensors").resolve().name == digest_file(folder / "model.safetensors")
    asked = f"print(h.snapshot_download({T5!r}, revision={T5_COMMIT!r}, allow_patterns=['*.safetensors', '*.json']))"
    found = with_the_library(tmp_path, asked, online(hub, tmp_path, HF_HUB_OFFLINE="1"))
    assert Path(found) == folder


def test_what_the_library_fetched_is_used_where_it_lies_and_without_a_network(hub: FakeHub, tmp_path: Path) -> None:
    """A whole snapshot of it, with files that evalkit does not need."""
    asked = f"h.snapshot_download({T5!r}, revision={T5_COMMIT!r})"
    with_the_library(tmp_path, asked, online(hub, tmp_path))
    hub.log.clear()
    off = online(hub, tmp_path, HF_HUB_OFFLINE="1")
    code, out, told = typed(tmp_path, "fetch", "weights", "t5-base", "--json", **off)
    assert code == 0, told
    files = json.loads(out)["fetched"][0]["files"]
    assert {each["state"] for each in files} == {"here"}
    assert {Path(each["path"]).parent for each in files} == {snapshot(tmp_path, T5, T5_COMMIT)}
    assert hub.log == []


@pytest.mark.parametrize(
    ("token", "wanted"),
    [
        ("", (f"{OPEN} is gated", "no token here", "hf auth login", f"/{OPEN}")),
        (POWERLESS, ("your token may not read it", "Read access to contents of all public gated repos")),
        ("hf_unknown", ("does not know your token", "hf auth login")),
    ],
)
def test_a_gated_model_says_in_one_line_what_to_do(
    token: str, wanted: tuple[str, ...], hub: FakeHub, tmp_path: Path
) -> None:
    code, out, told = typed(tmp_path, "fetch", "weights", "stable-audio", "--yes", **online(hub, tmp_path, token))
    assert code == 2
    assert told.count("\n") == 1
    assert all(part in told for part in wanted)
    assert not token or token not in told + out


def test_the_token_reaches_the_hub_and_nobody_else(hub: FakeHub, tmp_path: Path) -> None:
    """A large file is a redirect to another host, which is handed a signed address and no token."""
    code, out, told = typed(tmp_path, "fetch", "weights", "stable-audio", "--yes", **online(hub, tmp_path, GOOD))
    assert code == 0, told
    assert GOOD not in out + told
    folder = snapshot(tmp_path, OPEN, OPEN_COMMIT)
    assert sorted(path.name for path in folder.iterdir()) == ["model.safetensors", "model_config.json"]
    assert any(each.token for each in hub.asked("/resolve/"))
    assert hub.asked("/lfs/")
    assert not any(each.token for each in hub.asked("/lfs/"))


def test_a_renamed_gated_repository_is_followed_with_the_token(hub: FakeHub, tmp_path: Path) -> None:
    """Python's own client sends it along no redirect at all, others along every one."""
    hub.repositories["stabilityai/moved"] = hub.repositories[OPEN]
    hub.add(OPEN, {}, OPEN_COMMIT).moved = "stabilityai/moved"
    code, _, told = typed(tmp_path, "fetch", "weights", "stable-audio", "--yes", **online(hub, tmp_path, GOOD))
    assert code == 0, told
    assert any(each.token and each.status == 200 for each in hub.asked("/moved/resolve/"))
    assert not any(each.token for each in hub.asked("/lfs/"))


def test_a_stale_token_closes_nobody_out_of_what_is_public(hub: FakeHub, tmp_path: Path) -> None:
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path, "hf_stale"))
    assert code == 0, told
    assert not any(each.token for each in hub.log)


def test_a_killed_transfer_goes_on_in_a_new_process(hub: FakeHub, tmp_path: Path) -> None:
    """huggingface_hub itself begins anew, and leaves the first part for ever. A cut connection on the way too."""
    hub.stall = 120_000
    words = ("fetch", "weights", "t5-base")
    process = start(tmp_path, *words, module="evalkit", **online(hub, tmp_path))
    assert hub.stalled.wait(60)
    blobs = snapshot(tmp_path, T5, T5_COMMIT).parent.parent / "blobs"
    part = blobs / f".part-{hashlib.sha256(TENSORS).hexdigest()}"
    while not part.is_file() or part.stat().st_size < hub.stall:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    hub.stall, hub.cuts = 0, (30_000, 1)
    hub.log.clear()
    code, _, told = typed(tmp_path, *words, **online(hub, tmp_path))
    assert code == 0, told
    assert [each.span for each in hub.asked("/lfs/")] == ["bytes=120000-", "bytes=150000-"]
    assert not list(blobs.glob(".part-*"))
    assert (snapshot(tmp_path, T5, T5_COMMIT) / "model.safetensors").read_bytes() == TENSORS


def test_a_page_of_a_listing_elsewhere_gets_no_token(hub: FakeHub, tmp_path: Path) -> None:
    """huggingface_hub sends its headers to whatever address the hub calls the next page."""
    with serving_hub() as other:
        hub.next_page = f"{other.url}/api/models/x/y/tree/{OPEN_COMMIT}"
        typed(tmp_path, "fetch", "weights", "stable-audio", "--yes", **online(hub, tmp_path, GOOD))
        assert other.log
        assert not any(each.token for each in other.log)


def test_a_private_repository_is_listed_and_fetched_with_the_token(hub: FakeHub, tmp_path: Path) -> None:
    """A lab's own mirror of a model; without the token it is as if it were not there."""
    hub.repositories[T5].private = True
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path))
    assert code == 2 and "private" in told and "hf auth login" in told
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path, GOOD))
    assert code == 0, told
    assert (snapshot(tmp_path, T5, T5_COMMIT) / "model.safetensors").read_bytes() == TENSORS


def test_a_disk_without_links_has_the_files_themselves(hub: FakeHub, tmp_path: Path) -> None:
    """As huggingface_hub does it there; typed again, nothing is fetched twice."""
    for state in ("fetched", "here"):
        plain = online(hub, tmp_path, HF_HUB_DISABLE_SYMLINKS="1")
        code, out, told = typed(tmp_path, "fetch", "weights", "t5-base", "--json", **plain)
        assert code == 0, told
        assert {each["state"] for each in json.loads(out)["fetched"][0]["files"]} == {state}
    folder = snapshot(tmp_path, T5, T5_COMMIT)
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert (folder / "model.safetensors").read_bytes() == TENSORS


def test_a_flipped_byte_is_refused_and_nothing_is_kept_of_it(hub: FakeHub, tmp_path: Path) -> None:
    hub.flipped.add("model.safetensors")
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path))
    assert code == 2
    assert "not the file that it must be" in told
    folder = snapshot(tmp_path, T5, T5_COMMIT)
    assert not (folder / "model.safetensors").exists()
    hub.flipped.clear()
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path))
    assert code == 0, told


def test_a_damaged_blob_of_the_library_is_noticed_and_fetched_anew(hub: FakeHub, tmp_path: Path) -> None:
    """huggingface_hub compares sizes alone and hands the damaged file out for ever."""
    hub.flipped.add("model.safetensors")
    with_the_library(tmp_path, f"h.snapshot_download({T5!r}, revision={T5_COMMIT!r})", online(hub, tmp_path))
    hub.flipped.clear()
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path))
    assert code == 0
    assert "is not what it must be" in told
    assert (snapshot(tmp_path, T5, T5_COMMIT) / "model.safetensors").read_bytes() == TENSORS


def test_a_branch_is_a_commit_from_the_first_fetch_on(hub: FakeHub, tmp_path: Path) -> None:
    """`main` moves; two machines, or two days, are to have the same model."""
    name = "cvssp/audioldm-m-full"
    files = {"model_index.json": b"{}", "unet/config.json": b"{}", "unet/diffusion_pytorch_model.safetensors": TENSORS}
    first = hub.add(name, files).commit
    code, _, told = typed(tmp_path, "fetch", "weights", "audioldm-m", "--yes", **online(hub, tmp_path))
    assert code == 0, told
    folder = snapshot(tmp_path, name, first)
    assert (folder.parent.parent / "refs" / "main").read_text() == first
    hub.add(name, {**files, "unet/config.json": b"[]"}, "e" * 40)
    code, out, told = typed(tmp_path, "fetch", "weights", "audioldm-m", "--yes", "--json", **online(hub, tmp_path))
    assert code == 0, told
    assert {first} == {
        Path(each["path"]).relative_to(folder.parent).parts[0] for each in json.loads(out)["fetched"][0]["files"]
    }


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"path": "../../evil.json"}, "cannot be"),
        ({"path": "/etc/evil.json"}, "cannot be"),
        ({"path": "a\\..\\evil.json"}, "cannot be"),
        ({"path": "CONFIG.json"}, "one file on some disks"),
        ({"path": "config.json/evil.json"}, "inside of"),
        ({"size": 1 << 60}, "bytes, which cannot be"),
        ({"size": -1}, "bytes, which cannot be"),
        ({"size": "many"}, "bytes, which cannot be"),
        ({"oid": "../../x"}, "digest that is none"),
        ({"oid": None}, "digest that is none"),
    ],
)
def test_a_listing_that_cannot_be_is_refused_in_one_line(
    change: dict[str, object], wanted: str, hub: FakeHub, tmp_path: Path
) -> None:
    hub.entries = [
        entry("config.json", b"{}"),
        entry("model.safetensors", TENSORS),
        {**entry("x.json", b"{}"), **change},
    ]
    code, _, told = typed(tmp_path, "fetch", "weights", "t5-base", **online(hub, tmp_path))
    assert code == 2
    assert told.count("\n") == 1
    assert wanted in told
    assert not list(tmp_path.rglob("evil*"))


def test_what_is_not_there_has_a_line_of_its_own(hub: FakeHub, tmp_path: Path) -> None:
    """An unknown repository, an unknown revision, no network, a server that is none."""
    hub.add("google-t5/t5-large", T5_FILES, "f" * 40)
    for name, environment, wanted in (
        ("audioldm2", online(hub, tmp_path), "does not exist, or is private"),
        ("t5-large", online(hub, tmp_path), "has no revision 150ebc2c"),
        ("t5-base", online(hub, tmp_path, HF_HUB_OFFLINE="1"), "HF_HUB_OFFLINE forbids"),
        ("t5-base", online(hub, tmp_path, TRANSFORMERS_OFFLINE="1"), "TRANSFORMERS_OFFLINE forbids"),
        ("t5-base", online(hub, tmp_path, EVALKIT_OFFLINE="1"), "EVALKIT_OFFLINE forbids"),
        ("t5-base", online(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:1"), "the hub cannot be asked"),
        ("t5-base", online(hub, tmp_path, HF_ENDPOINT="file:///etc"), "HF_ENDPOINT"),
    ):
        code, _, told = typed(tmp_path, "fetch", "weights", name, **environment)
        assert (code, told.count("\n")) == (2, 1), told
        assert wanted in told
