"""File hashes are kept by path, size and time, and never stale."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from bench.core.errors import DataError
from bench.data.roots import cache_root
from bench.data.tables import identity
from bench.data.tables.identity import file_digests


def store() -> Path:
    return next((cache_root() / "hashes").glob("*.sha256.json"))


def test_digests_are_the_files_own(root: Path) -> None:
    (root / "a").write_bytes(b"one")
    (root / "b").write_bytes(b"two")
    expected = [hashlib.sha256(data).hexdigest() for data in (b"two", b"one", b"two")]
    assert file_digests(root, ["b", "a", "b"]).tolist() == expected
    assert file_digests(root, ["a"], "md5").tolist() == [hashlib.md5(b"one").hexdigest()]


def test_an_unchanged_file_is_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "a").write_bytes(b"one")
    first = file_digests(root, ["a"])
    monkeypatch.setattr(identity.hashlib, "file_digest", None)
    assert file_digests(root, ["a"]).tolist() == first.tolist()


def test_a_changed_size_or_time_is_seen(root: Path) -> None:
    file = root / "a"
    file.write_bytes(b"one")
    first = file_digests(root, ["a"])[0]
    file.write_bytes(b"longer")
    second = file_digests(root, ["a"])[0]
    file.write_bytes(b"egnorl")
    os.utime(file, ns=(1, 1))
    assert len({first, second, file_digests(root, ["a"])[0]}) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', '{"a": ["x", "y", "z"]}', '{"a": []}'])
def test_a_broken_store_only_costs_time(root: Path, text: str) -> None:
    (root / "a").write_bytes(b"one")
    first = file_digests(root, ["a"])[0]
    store().write_text(text)
    assert file_digests(root, ["a"])[0] == first
    assert "a" in store().read_text()


def test_other_files_entries_are_kept(root: Path) -> None:
    (root / "a").write_bytes(b"one")
    (root / "b").write_bytes(b"two")
    file_digests(root, ["a"])
    file_digests(root, ["b"])
    assert set(identity._load(store())) == {"a", "b"}


def test_a_missing_file_is_named(root: Path) -> None:
    with pytest.raises(DataError, match="gone"):
        file_digests(root, ["gone"])


def test_names_that_are_not_utf8(root: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (root / name).write_bytes(b"one")
    assert file_digests(root, [name]).tolist() == [hashlib.sha256(b"one").hexdigest()]
    assert set(identity._load(store())) == {name}
