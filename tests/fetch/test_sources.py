"""A manifest from outside says where its files come from; none of it may lead anywhere else."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from evalkit.core.errors import UserError
from evalkit.fetch.sources import (
    Digest,
    GitSource,
    HubSource,
    UrlSource,
    address,
    identity,
    parse_source,
    pinned,
    place,
)

BLOB, SHA = "a" * 40, "b" * 64
GIT = {"repo": "some/one", "commit": "c" * 40, "path": "load/x y.csv", "blob": BLOB}
HUB = {"hub": "some/one", "revision": "main", "file": "sub/model.pt"}


def test_a_file_of_a_repository() -> None:
    source = parse_source(GIT, "here")
    assert source == GitSource(**GIT)
    assert address(source) == f"https://raw.githubusercontent.com/some/one/{'c' * 40}/load/x%20y.csv"
    assert place(source) == PurePosixPath("github/some/one", "c" * 40, "load/x y.csv")
    assert pinned(source) == Digest("blob", BLOB)
    assert identity(source) == f"blob:{BLOB}"


def test_a_file_of_the_hub() -> None:
    source = parse_source(HUB, "here")
    assert source == HubSource(**HUB)
    assert address(source) == "https://huggingface.co/some/one/resolve/main/sub/model.pt"
    assert place(source) == PurePosixPath("huggingface.co/some/one/main/sub/model.pt")
    assert pinned(source) is None
    assert identity(source) == address(source)
    assert pinned(parse_source({**HUB, "sha256": SHA}, "here")) == Digest("sha256", SHA)


def test_a_file_at_an_address() -> None:
    source = parse_source({"url": "http://Host:8000/a/b.npz", "sha256": SHA}, "here")
    assert source == UrlSource("http://Host:8000/a/b.npz", SHA)
    assert address(source) == "http://Host:8000/a/b.npz"
    assert place(source) == PurePosixPath("host_8000/a/b.npz")


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"url": "https://x/y", "blob": BLOB},
        {**GIT, "sha256": SHA},
        {**GIT, "repo": "../../etc"},
        {**GIT, "repo": "just-one"},
        {**GIT, "commit": "a/../b"},
        {**GIT, "commit": ".."},
        {**GIT, "blob": "A" * 40},
        {**GIT, "blob": ""},
        {**GIT, "path": "../secret"},
        {**GIT, "path": "/etc/passwd"},
        {**GIT, "path": "a/../../b"},
        {**GIT, "path": "a\\..\\b"},
        {**GIT, "path": "a\0b"},
        {**GIT, "path": "a/.part-b"},
        {**GIT, "path": 3},
        {**HUB, "file": ".."},
        {**HUB, "sha256": "short"},
        {"url": "file:///etc/passwd"},
        {"url": "ftp://x/y"},
        {"url": "https://user:secret@x/y"},
        {"url": "https://x/y?token=1"},
        {"url": "https://x"},
        {"url": "https://x/../y"},
        {"url": "https://x/%2e%2e/y"},
        {"url": "https://[broken/y"},
    ],
)
def test_whatever_else_a_table_says_is_refused_by_its_place(table: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"m\.toml: \[prompts\.source\]"):
        parse_source(table, "m.toml: [prompts.source]")
