"""A download is whole and right, or it is not there; and it goes on where it broke off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from evalkit_server import Served

from evalkit.core.errors import UserError
from evalkit.core.ids import digest_bytes
from evalkit.fetch import download, published
from evalkit.fetch.digests import lock_file
from evalkit.fetch.download import fetch, size_of
from evalkit.fetch.sources import GitSource, HubSource, UrlSource

CONTENT = bytes(range(256)) * 4000
OTHER = CONTENT[::-1]


class Notes:
    """A meter that keeps what it was told."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int | None, int]] = []
        self.notes: list[str] = []
        self.bytes = 0

    def start(self, name: str, total: int | None, done: int) -> None:
        self.starts.append((name, total, done))

    def advance(self, count: int) -> None:
        self.bytes += count

    def finish(self) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)


def source(served: Served, content: bytes = CONTENT) -> UrlSource:
    served.files.setdefault("/f.bin", CONTENT)
    return UrlSource(f"{served.url}/f.bin", digest_bytes(content))


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "f.bin")


def test_a_file_lands_whole_with_its_digest_checked(served: Served, tmp_path: Path) -> None:
    meter = Notes()
    found = fetch(source(served), tmp_path / "sub" / "f.bin", meter)
    assert found.path.read_bytes() == CONTENT
    assert (found.state, found.basis, found.size, found.digest.value) == (
        "fetched",
        "stated",
        len(CONTENT),
        digest_bytes(CONTENT),
    )
    assert leftovers(tmp_path / "sub") == []
    assert meter.starts == [("f.bin", len(CONTENT), 0)]
    assert meter.bytes == len(CONTENT)


def test_a_file_that_is_here_is_not_asked_for_again(served: Served, tmp_path: Path) -> None:
    fetch(source(served), tmp_path / "f.bin", Notes())
    assert fetch(source(served), tmp_path / "f.bin", Notes()).state == "here"
    assert len(served.log) == 1


def test_a_broken_connection_is_taken_up_where_it_broke(served: Served, tmp_path: Path) -> None:
    served.faults["/f.bin"] = ["drop:300000", "drop:200000"]
    meter = Notes()
    fetch(source(served), tmp_path / "f.bin", meter)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert served.asked("/f.bin") == [("", 200), ("bytes=300000-", 206), ("bytes=500000-", 206)]
    assert meter.bytes == len(CONTENT)
    assert leftovers(tmp_path) == []


def test_what_has_arrived_is_kept_for_the_next_command(served: Served, tmp_path: Path) -> None:
    served.faults["/f.bin"] = ["drop:300000", "503", "503"]
    with pytest.raises(UserError, match=r"broken off after 300000 bytes.*goes on from there"):
        fetch(source(served), tmp_path / "f.bin", Notes())
    assert not (tmp_path / "f.bin").exists()
    served.log.clear()
    fetch(source(served), tmp_path / "f.bin", Notes())
    assert served.asked("/f.bin") == [("bytes=300000-", 206)]
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_makes_it_begin_anew(served: Served, tmp_path: Path) -> None:
    served.ranges = False
    served.faults["/f.bin"] = ["drop:300000"]
    fetch(source(served), tmp_path / "f.bin", Notes())
    assert [status for _, status in served.asked("/f.bin")] == [200, 200]
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_file_that_changed_in_between_is_not_glued_to_the_old_half(served: Served, tmp_path: Path) -> None:
    wanted = source(served, OTHER)
    served.faults["/f.bin"] = ["drop:300000", "503", "503"]
    with pytest.raises(UserError, match="broken off"):
        fetch(wanted, tmp_path / "f.bin", Notes())
    served.files["/f.bin"] = OTHER
    fetch(wanted, tmp_path / "f.bin", Notes())
    assert (tmp_path / "f.bin").read_bytes() == OTHER


def test_without_an_etag_the_digest_finds_the_glued_halves(served: Served, tmp_path: Path) -> None:
    served.etags = False
    wanted = source(served, OTHER)
    served.faults["/f.bin"] = ["drop:300000", "503", "503"]
    with pytest.raises(UserError, match="broken off"):
        fetch(wanted, tmp_path / "f.bin", Notes())
    served.files["/f.bin"] = OTHER
    meter = Notes()
    fetch(wanted, tmp_path / "f.bin", meter)
    assert (tmp_path / "f.bin").read_bytes() == OTHER
    assert any("do not fit together" in note for note in meter.notes)


def test_a_part_that_is_whole_already_is_landed(served: Served, tmp_path: Path) -> None:
    """Killed between the last byte and the renaming: the server has nothing more to give (416)."""
    wanted = source(served)
    (tmp_path / ".part-f.bin").write_bytes(CONTENT)
    (tmp_path / ".part-f.bin.json").write_text(json.dumps({"address": wanted.url, "validator": ""}))
    fetch(wanted, tmp_path / "f.bin", Notes())
    assert served.asked("/f.bin") == [(f"bytes={len(CONTENT)}-", 416)]
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(served: Served, tmp_path: Path) -> None:
    wanted = source(served)
    (tmp_path / ".part-f.bin").write_bytes(CONTENT + b"more")
    (tmp_path / ".part-f.bin.json").write_text(json.dumps({"address": wanted.url, "validator": ""}))
    fetch(wanted, tmp_path / "f.bin", Notes())
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_wrong_digest_is_refused_and_nothing_kept(served: Served, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"its sha256 is {digest_bytes(CONTENT)}, not {digest_bytes(OTHER)}"):
        fetch(source(served, OTHER), tmp_path / "f.bin", Notes())
    assert list(tmp_path.iterdir()) == []


def test_a_blob_id_is_enforced(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served.files["/github/some/one/abc/x.csv"] = b"hello\n"
    monkeypatch.setenv("EVALKIT_MIRROR", served.url)
    right = GitSource("some/one", "abc", "x.csv", "ce013625030ba8dba906f756967f9e9ca394464a")
    assert fetch(right, tmp_path / "right", Notes()).digest.kind == "blob"
    wrong = GitSource("some/one", "abc", "x.csv", "0" * 40)
    with pytest.raises(UserError, match="its blob is ce013625030ba8dba906f756967f9e9ca394464a"):
        fetch(wrong, tmp_path / "wrong", Notes())
    assert [path.name for path in tmp_path.iterdir()] == ["right"]


def test_an_unstated_digest_is_recorded_at_the_first_download_and_enforced_after(
    served: Served, tmp_path: Path
) -> None:
    unpinned = UrlSource(source(served).url)
    assert fetch(unpinned, tmp_path / "f.bin", Notes()).basis == "first"
    assert json.loads(lock_file().read_text())[unpinned.url]["sha256"] == digest_bytes(CONTENT)
    assert fetch(unpinned, tmp_path / "f.bin", Notes()).basis == "recorded"
    (tmp_path / "f.bin").unlink()
    served.files["/f.bin"] = OTHER
    with pytest.raises(UserError, match=r"remove its entry from .*sources\.lock\.json"):
        fetch(unpinned, tmp_path / "f.bin", Notes())
    assert not (tmp_path / "f.bin").exists()


def test_the_hubs_own_digest_is_held_against_a_first_download(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub redirects to its store and names the sha256 on the way."""
    monkeypatch.setenv("EVALKIT_MIRROR", served.url)
    served.files |= {"/store": CONTENT, "/huggingface.co/some/one/main/m.pt": b""}
    served.faults["/huggingface.co/some/one/main/m.pt"] = [f"to:{served.url}/store"] * 2
    served.headers["X-Linked-ETag"] = f'"{digest_bytes(OTHER)}"'
    with pytest.raises(UserError, match=f"not {digest_bytes(OTHER)}"):
        fetch(HubSource("some/one", "main", "m.pt"), tmp_path / "m.pt", Notes())
    served.headers["X-Linked-ETag"] = f'"{digest_bytes(CONTENT)}"'
    assert fetch(HubSource("some/one", "main", "m.pt"), tmp_path / "m.pt", Notes()).basis == "first"


def test_a_file_of_the_persons_own_is_not_overwritten(served: Served, tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(b"fine-tuned by hand")
    with pytest.raises(UserError, match="move it away"):
        fetch(source(served), tmp_path / "f.bin", Notes())
    assert (tmp_path / "f.bin").read_bytes() == b"fine-tuned by hand"
    assert served.log == []


def test_a_damaged_file_in_evalkits_own_place_is_replaced(served: Served, tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(b"damaged")
    assert fetch(source(served), tmp_path / "f.bin", Notes(), replace=True).state == "fetched"
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,hello"])
def test_a_redirect_to_anything_but_http_is_refused(served: Served, tmp_path: Path, target: str) -> None:
    wanted = source(served)
    served.faults["/f.bin"] = [f"to:{target}"]
    with pytest.raises(UserError, match="which is refused"):
        fetch(wanted, tmp_path / "f.bin", Notes())
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_is_followed_with_its_range(served: Served, tmp_path: Path) -> None:
    served.files["/store"] = CONTENT
    wanted = source(served)
    served.faults |= {"/f.bin": [f"to:{served.url}/store"] * 2, "/store": ["drop:1000"]}
    fetch(wanted, tmp_path / "f.bin", Notes())
    assert served.asked("/store") == [("", 200), ("bytes=1000-", 206)]


@pytest.mark.parametrize(("status", "words"), [("404", "has no such file"), ("403", "forbids"), ("401", "account")])
def test_a_refusal_is_final_and_one_line(served: Served, tmp_path: Path, status: str, words: str) -> None:
    wanted = source(served)
    served.faults["/f.bin"] = [status]
    with pytest.raises(UserError, match=words):
        fetch(wanted, tmp_path / "f.bin", Notes())
    assert len(served.log) == 1


def test_a_server_that_is_not_there_is_told(served: Served, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"broken off after 0 bytes.*is the network there"):
        fetch(UrlSource("http://127.0.0.1:9/f.bin"), tmp_path / "f.bin", Notes())


def test_a_stalled_connection_is_given_up_and_resumed(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.fetch.http.TIMEOUT", 0.3)
    wanted = source(served)
    served.faults["/f.bin"] = ["hang:524288"]
    fetch(wanted, tmp_path / "f.bin", Notes())
    assert [status for _, status in served.asked("/f.bin")] == [200, 206]


def test_more_than_was_allowed_is_refused(served: Served, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"has {len(CONTENT)} bytes, more than the 1000"):
        fetch(source(served), tmp_path / "f.bin", Notes(), largest=1000)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_room_for_it_is_refused_before_it_is_fetched(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 10

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Full)
    with pytest.raises(UserError, match="10 are free"):
        fetch(source(served), tmp_path / "f.bin", Notes())


def test_a_folder_that_cannot_be_written_is_named(served: Served) -> None:
    with pytest.raises(UserError, match="/proc/evalkit"):
        fetch(source(served), Path("/proc/evalkit/f.bin"), Notes())


@pytest.mark.parametrize("switch", ["EVALKIT_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_every_offline_switch_holds_for_every_source(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    """Who sets one of the hub's wants no network: a file of GitHub was asked for five times."""
    monkeypatch.setenv(switch, "1")
    with pytest.raises(UserError, match=f"{switch} forbids fetching"):
        fetch(source(served), tmp_path / "f.bin", Notes())
    with pytest.raises(UserError, match=f"{switch} forbids asking"):
        size_of(source(served))
    assert served.log == []


def test_offline_asks_nobody(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_OFFLINE", "1")
    with pytest.raises(UserError, match="EVALKIT_OFFLINE forbids fetching"):
        fetch(source(served), tmp_path / "f.bin", Notes())
    monkeypatch.setenv("EVALKIT_MIRROR", served.url)
    with pytest.raises(UserError, match="EVALKIT_OFFLINE forbids fetching"):
        fetch(source(served), tmp_path / "f.bin", Notes())
    assert served.log == []


def test_a_mirror_folder_serves_offline_and_is_held_to_the_digest(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = UrlSource("https://example.org/a/f.bin", digest_bytes(CONTENT))
    monkeypatch.setenv("EVALKIT_OFFLINE", "1")
    monkeypatch.setenv("EVALKIT_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(UserError, match=r"EVALKIT_MIRROR has no file .*mirror/example\.org/a/f\.bin"):
        fetch(wanted, tmp_path / "f.bin", Notes())
    there = tmp_path / "mirror" / "example.org" / "a" / "f.bin"
    there.parent.mkdir(parents=True)
    there.write_bytes(OTHER)
    with pytest.raises(UserError, match="refused"):
        fetch(wanted, tmp_path / "f.bin", Notes())
    there.write_bytes(CONTENT)
    assert fetch(wanted, tmp_path / "f.bin", Notes()).state == "fetched"
    assert served.log == []


_ALONE = """
import sys
from pathlib import Path
from evalkit.fetch.download import fetch
from evalkit.fetch.sources import UrlSource

class Quiet:
    start = advance = finish = note = lambda *_: None

print(fetch(UrlSource(sys.argv[1], sys.argv[2]), Path(sys.argv[3]), Quiet()).state)
"""


def test_two_processes_that_want_one_file_take_turns(served: Served, tmp_path: Path) -> None:
    """Side by side they would write into the same part."""
    wanted = source(served)
    served.faults["/f.bin"] = ["drop:300000", "drop:300000"]
    command = [sys.executable, "-c", _ALONE, wanted.url, wanted.sha256, str(tmp_path / "f.bin")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(each.communicate(timeout=60)[0].strip() for each in both) == ["fetched", "here"]
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert leftovers(tmp_path) == []


def test_every_published_download_is_a_source_that_a_manifest_could_state() -> None:
    """A typing error in the table would show up only once somebody needs the file."""
    from dataclasses import asdict

    from evalkit.fetch.sources import parse_source

    for name, weights in published.PUBLISHED.items():
        assert weights.fetchable != bool(weights.why_not), name
        for each in weights.downloads:
            stated = {key: value for key, value in asdict(each.source).items() if value}
            assert parse_source(stated, name) == each.source
            assert any(each.name == file or each.name.startswith(f"{file}/") for file in weights.files)
