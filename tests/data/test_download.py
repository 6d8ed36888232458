"""Fetching from a server on this machine: mirrors in turn, checksums, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from made_images import pixels
from PIL import Image

from bench.core.errors import DataError, MissingData, UsageError
from bench.data import Dataset, Folds, Split
from bench.data.download import fetch
from bench.datasets.digits import Digits
from bench.datasets.kth_tips2b import KTHTips2b


class Toy(Dataset):
    """A set that lies in an archive."""

    task = "classification"
    folder = "toy"
    licence = "CC0"
    homepage = "https://example.org"
    protocols: ClassVar[dict[str, Split]] = {"holdout": Folds(folds=2, train=(0,), test=(1,))}
    addresses: ClassVar[dict[str, str]] = {}

    def sources(self) -> dict[str, str]:
        return self.addresses


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def image() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels(0)).save(stream, "png")
    return stream.getvalue()


def archive(file: Path, member: str = "toy/cat/0.png") -> str:
    """Write a zip or tar.gz with one image; return its checksum."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr(member, image())
    else:
        with tarfile.open(file, "w:gz") as tar:
            info = tarfile.TarInfo(member)
            info.size = len(image())
            tar.addfile(info, io.BytesIO(image()))
    return "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()


def toy(**addresses: str) -> Toy:
    """The set with these mirrors; underscores of names stand for nothing."""
    return type("Toy", (Toy,), {"addresses": addresses, "__module__": Toy.__module__, "__doc__": Toy.__doc__})()


@pytest.mark.parametrize("name", ["toy.zip", "toy.tar.gz"])
def test_an_archive_is_unpacked_in_place(served: tuple[Path, str], root: Path, name: str) -> None:
    folder, address = served
    checksum = archive(folder / name)
    assert "is now at" in fetch(toy(**{f"{address}/{name}": checksum}), root)
    assert (root / "toy" / "cat" / "0.png").read_bytes() == image()
    assert [place.name for place in root.iterdir()] == ["toy"]


def test_a_plain_file_goes_into_the_folder(served: tuple[Path, str], root: Path) -> None:
    folder, address = served
    (folder / "toy.npz").write_bytes(b"arrays")
    fetch(toy(**{f"{address}/toy.npz?download=1": "md5:" + hashlib.md5(b"arrays").hexdigest()}), root)
    assert (root / "toy" / "toy.npz").read_bytes() == b"arrays"


def test_the_next_mirror_is_tried(served: tuple[Path, str], root: Path) -> None:
    folder, address = served
    right = archive(folder / "toy.zip")
    (folder / "bad").mkdir()
    archive(folder / "bad" / "toy.zip", member="toy/dog/1.png")
    sources = {f"{address}/gone/toy.zip": right, f"{address}/bad/toy.zip": right, f"{address}/toy.zip": right}
    fetch(toy(**sources), root)
    assert (root / "toy" / "cat" / "0.png").is_file()


def test_when_no_mirror_works_each_is_named_and_nothing_is_left(served: tuple[Path, str], root: Path) -> None:
    folder, address = served
    archive(folder / "toy.zip")
    sources = {f"{address}/gone/toy.zip": "sha256:" + "0" * 64, f"{address}/toy.zip": "sha256:" + "1" * 64}
    with pytest.raises(DataError, match=r"gone/toy\.zip: 404.*toy\.zip: .*hash.*licence: CC0"):
        fetch(toy(**sources), root)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("member", ["other/cat/0.png", "../toy/evil.png"])
def test_an_archive_that_holds_something_else_is_refused(served: tuple[Path, str], root: Path, member: str) -> None:
    folder, address = served
    checksum = archive(folder / "toy.tar.gz", member)
    with pytest.raises(DataError, match=r"holds no folder 'toy'|Cannot unpack"):
        fetch(toy(**{f"{address}/toy.tar.gz": checksum}), root)
    assert list(root.iterdir()) == []


def test_a_broken_archive_is_named(served: tuple[Path, str], root: Path) -> None:
    folder, address = served
    (folder / "toy.zip").write_bytes(b"no zip")
    checksum = "sha256:" + hashlib.sha256(b"no zip").hexdigest()
    with pytest.raises(DataError, match=r"Cannot unpack toy\.zip"):
        fetch(toy(**{f"{address}/toy.zip": checksum}), root)


def test_what_is_there_is_left_alone(root: Path) -> None:
    (root / "toy").mkdir()
    (root / "toy" / "mine.png").write_bytes(b"x")
    assert "already there" in fetch(toy(**{"http://127.0.0.1:9/toy.zip": "sha256:0"}), root)


def test_a_set_without_a_checked_mirror_says_how_to_get_it(root: Path) -> None:
    with pytest.raises(MissingData, match=r"no mirror that can be checked.*kth-tips2-b_col_200x200\.tar"):
        fetch(KTHTips2b(), root)


def test_embedded_data_need_no_download(root: Path) -> None:
    assert "nothing to download" in fetch(Digits(), root)


def test_a_data_root_that_cannot_be_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bench.data.download.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(UsageError, match="Choose a folder you may write to"):
        fetch(toy(**{"http://127.0.0.1:9/toy.zip": "sha256:0"}), root)


def _encrypted(file: Path) -> None:
    """A zip whose member says that it is encrypted."""
    archive(file)
    content = bytearray(file.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    file.write_bytes(content)


def _unknown_method(file: Path) -> None:
    archive(file)
    content = bytearray(file.read_bytes())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(mark) + place] = 97
    file.write_bytes(content)


def _damaged(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("toy/0.txt", bytes(range(256)) * 40)
    content = bytearray(file.read_bytes())
    content[60:100] = b"\xff" * 40
    file.write_bytes(content)


def _cut(file: Path) -> None:
    archive(file)
    file.write_bytes(file.read_bytes()[:-12])


def _linked(file: Path) -> None:
    with tarfile.open(file, "w:gz") as tar:
        info = tarfile.TarInfo("toy/link")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(info)


@pytest.mark.parametrize(
    ("name", "make"),
    [("toy.zip", _encrypted), ("toy.zip", _unknown_method), ("toy.zip", _damaged), ("toy.tar.gz", _cut),
     ("toy.tar.gz", _linked)],
)  # fmt: skip
def test_hostile_archives_are_one_error(
    served: tuple[Path, str], root: Path, name: str, make: Callable[[Path], None]
) -> None:
    folder, address = served
    make(folder / name)
    checksum = "sha256:" + hashlib.sha256((folder / name).read_bytes()).hexdigest()
    with pytest.raises(DataError, match=f"Cannot unpack {name}"):
        fetch(toy(**{f"{address}/{name}": checksum}), root)
    assert list(root.iterdir()) == []
