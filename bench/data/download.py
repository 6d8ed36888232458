"""Fetching a data set from its mirrors: checked, unpacked beside its place, moved there when whole."""

from __future__ import annotations

import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from bench.core.atomic import explain, of_writing
from bench.core.errors import DataError, MissingData
from bench.data.audit.command import audit_command
from bench.data.base import Dataset

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def fetch(dataset: Dataset, root: Path, quiet: bool = False) -> str:
    """Download a data set to its place under ``root``; say what was done.

    Archives are unpacked, and must hold the data set's folder; other files are put into it.

    Raises:
        UsageError, DiskFull: The data root cannot be written.
        MissingData: The set has no mirror with a checksum, and must be fetched by hand.
        DataError: No mirror gave the right file, or the archive does not hold what it should.
    """
    pooch.get_logger().setLevel("WARNING")  # the bar and the result say enough
    sources = dataset.sources()
    place = dataset.location(root)
    if not dataset.folder:
        return f"{dataset.plugin_name()} is embedded or your own: there is nothing to download."
    if not sources:
        raise MissingData(f"{dataset.plugin_name()} has no mirror that can be checked. {dataset.missing(place)}")
    name = Path(urlsplit(next(iter(sources))).path).name
    wanted = place if name.endswith(_ARCHIVES) else place / name
    if wanted.is_file() or (wanted.is_dir() and any(wanted.iterdir())):
        return f"{wanted} is already there. See `{audit_command(dataset, root)}`."
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".fetch-") as temporary:
            file = _first_good(sources, name, Path(temporary), dataset, quiet)
            _install(file, wanted, Path(temporary), dataset)
    except OSError as error:
        raise explain(error, wanted) from error
    return f"{dataset.plugin_name()} is now at {wanted} (licence: {dataset.licence})."


def _first_good(sources: dict[str, str], name: str, folder: Path, dataset: Dataset, quiet: bool) -> Path:
    """Try the mirrors in order."""
    problems = []
    for url, checksum in sources.items():
        try:
            with _Bar(name, quiet) as bar:
                downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=60)
                return Path(pooch.retrieve(url, checksum, fname=name, path=folder, downloader=downloader))
        except (requests.RequestException, ValueError, OSError) as error:
            if _of_the_disk(error):
                raise
            problems.append(f"{url}: {str(error).splitlines()[0][:200]}")
    raise DataError(f"No mirror worked: {'; '.join(problems)}. {dataset.missing(dataset.location(folder.parent))}")


# What a damaged, encrypted or unknown archive raises.
_UNPACKABLE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


def _install(file: Path, wanted: Path, temporary: Path, dataset: Dataset) -> None:
    """Unpack if need be, then move into place in one step."""
    if not file.name.endswith(_ARCHIVES):
        wanted.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, wanted)
        return
    unpacked = temporary / "unpacked"
    try:
        if file.name.endswith(".zip"):
            with zipfile.ZipFile(file) as archive:
                archive.extractall(unpacked)
        else:
            _untar(file, unpacked)
    except _UNPACKABLE as error:
        if _of_the_disk(error):
            raise
        raise DataError(f"Cannot unpack {file.name}: {error}. Delete it and fetch it again.") from error
    inside = unpacked / dataset.folder
    if not inside.is_dir():
        raise DataError(f"{file.name} holds no folder {dataset.folder!r}. {dataset.missing(wanted)}")
    shutil.rmtree(wanted, ignore_errors=True)  # it is empty: `fetch` has looked
    wanted.parent.mkdir(parents=True, exist_ok=True)
    os.replace(inside, wanted)


def _of_the_disk(error: Exception) -> bool:
    """Whether the data root is at fault, not the mirror or its archive."""
    return isinstance(error, PermissionError) or (isinstance(error, OSError) and of_writing(error))


def _untar(file: Path, into: Path) -> None:
    """Unpack folders and plain files (`tarfile`'s own filters came with Python 3.11.4).

    Raises:
        TarError: A member is a link or a device, or would lie outside of ``into``.
    """
    with tarfile.open(file) as tar:
        for member in tar:
            place = into / member.name
            if not place.resolve().is_relative_to(into.resolve()) or not (member.isdir() or member.isfile()):
                raise tarfile.TarError(f"{member.name} is no plain file or folder inside the archive")
            (place if member.isdir() else place.parent).mkdir(parents=True, exist_ok=True)
            if source := tar.extractfile(member):
                with place.open("wb") as target:
                    shutil.copyfileobj(source, target)
        while tar.fileobj is not None and tar.fileobj.read(1 << 20):
            pass  # what follows the last member: only its end says that nothing was cut off or altered


class _Bar:
    """A progress bar with the methods that pooch calls."""

    def __init__(self, name: str, quiet: bool) -> None:
        columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        self.progress = Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True)
        self.task = self.progress.add_task(name, total=None)

    def __enter__(self) -> _Bar:
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    @property
    def total(self) -> float | None:
        """Bytes of the file; pooch sets it."""
        return self.progress.tasks[0].total

    @total.setter
    def total(self, value: float) -> None:
        self.progress.update(self.task, total=value)

    def update(self, count: int) -> None:
        """Book so many bytes."""
        self.progress.update(self.task, advance=count)

    def reset(self) -> None:
        """Begin again; pooch calls it when the bytes are in, before booking them once more."""
        self.progress.update(self.task, completed=0)

    def close(self) -> None:
        """Nothing: the context manager ends the bar."""
