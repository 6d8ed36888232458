"""Full disks, limits, folders that vanish and files that are none: one line that says what to do."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.core.atomic import DiskFull, explain, write_atomic
from bench.core.errors import DataError, UsageError
from bench.core.npz import Damaged, read_npz
from bench.core.sizes import amount
from bench.data.formats import images
from bench.data.roots import cache_root

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]

CELL = "digits/pico/linear_probe/quick[epochs=1]/seed=0"


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [
        (errno.ENOSPC, DiskFull, "disk is full"),
        (errno.EDQUOT, DiskFull, "disk is full"),
        (errno.EFBIG, DiskFull, "ulimit -f"),
        (errno.ENOENT, UsageError, "was removed while it was written"),
        (errno.ENAMETOOLONG, UsageError, "longer path"),
        (errno.EACCES, UsageError, "folder you may write to"),
    ],
)
def test_errors_of_the_system_say_the_right_fix(number: int, kind: type[Exception], word: str) -> None:
    found = explain(OSError(number, os.strerror(number)), Path("runs/x.json"))
    assert type(found) is kind
    assert word in str(found)


def test_a_name_longer_than_the_system_takes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="longer path"):
        write_atomic(tmp_path / ("x" * 300) / "y", lambda place: place.write_text(""))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (99_999, "99,999 bytes"), (450_000, "0.45 MB"), (12_345_678, "12 MB"), (3_400_000_000, "3.4 GB")],
)
def test_amounts_never_read_as_nothing(count: int, text: str) -> None:
    assert amount(count) == text


def limited(*command: str | Path, size: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program where no file may grow beyond ``size`` bytes: every writer meets a wall somewhere."""
    code = "from bench.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True,
        env={**os.environ, **environment}, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


@pytest.mark.parametrize("size", [300, 30_000])
def test_no_writer_ends_in_a_traceback(tmp_path: Path, size: int) -> None:
    """The smaller limit stops checkpoints and records, the larger one the decoded cache or the features."""
    cache, results = tmp_path / "cache", tmp_path / "runs"
    done = limited("run", CELL, "--results", results, size=size, BENCH_CACHE=str(cache))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("bench: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".tmp-")]


def test_a_cache_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match=r"BENCH_CACHE names .* which is no folder"):
        cache_root()


def pickled(file: Path) -> None:
    np.savez(file, x=np.array([{}], dtype=object))


def plain(file: Path) -> None:
    with file.open("wb") as stream:
        np.save(stream, np.zeros(3))


@pytest.mark.parametrize(
    "make",
    [pickled, plain, lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"PK\x03\x04"),
     os.mkfifo, Path.mkdir, lambda file: file.symlink_to(file), lambda file: None],
    ids=["pickle", "one array", "empty", "half", "pipe", "folder", "loop", "nothing"],
)  # fmt: skip
def test_hostile_archives_of_arrays_are_one_error(tmp_path: Path, make: object) -> None:
    file = tmp_path / "x.npz"
    make(file)  # type: ignore[operator]
    with pytest.raises(Damaged, match=r"x\.npz"):
        read_npz(file)


def test_an_image_over_the_limit_is_not_decoded(tmp_path: Path) -> None:
    """12,000 x 12,000 pixels of one bit are 18 kB on the disk and took 1.7 GB."""
    Image.new("1", (12_000, 12_000)).save(tmp_path / "large.png")
    for read in (images.read_image, images.read_map):
        with pytest.raises(DataError, match=r"large\.png has 144 million pixels, more than the 100 million"):
            read(tmp_path / "large.png")


def test_images_below_the_limit_are(tmp_path: Path) -> None:
    Image.new("1", (4000, 3000), 1).save(tmp_path / "usual.png")  # above LARGE
    assert images.read_image(tmp_path / "usual.png").shape == (3000, 4000, 3)


VANISHING = '''
import os, shutil
import numpy as np
from bench.methods import FeatureMethod, Fitted

class Vanishing(FeatureMethod):
    """Somebody deletes the cache while this is fitted."""

    def fit(self, train, val, spec):
        shutil.rmtree(os.environ["BENCH_CACHE"])
        return Fitted(lambda x: np.eye(spec.outputs)[np.arange(len(x)) % spec.outputs] + x.sum() * 0)
'''


def test_a_cache_that_is_deleted_during_a_run(tmp_path: Path, plugin_folder: Path) -> None:
    (plugin_folder / "vanishing.py").write_text(VANISHING)
    cache, results = tmp_path / "cache", tmp_path / "runs"
    cells = [f"digits[shots=2]/pico/{method}/quick[epochs=1]/seed=0" for method in ("vanishing", "linear_probe", "knn")]
    command = ["run", *cells, "--results", results, "--plugins", plugin_folder]
    for _ in range(2):
        done = limited(*command, size=10**9, BENCH_CACHE=str(cache))
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1), done.stderr
        shutil.rmtree(results / "digits[shots=2]" / "pico" / "vanishing", ignore_errors=True)
    assert (results / "digits[shots=2]" / "pico" / "linear_probe" / "quick[epochs=1]" / "seed=0.json").is_file()
