"""`bench data` and `bench cache` as a user calls them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cached import cached
from filelock import FileLock
from made_images import class_folders, picture
from typer.testing import CliRunner, Result

from bench.cli.app import app
from bench.data.prepare import prepare
from bench.data.roots import cache_root
from bench.datasets.digits import Digits


def bench(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_audit_of_clean_data_as_json(root: Path) -> None:
    result = bench("data", "audit", "digits", "--data", str(root), "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert set(report) == {
        "dataset", "samples", "protocols", "duplicates", "near_duplicates", "classes", "groups", "values", "problems",
    }  # fmt: skip
    assert report["protocols"]["limited"] == {"train": 200, "val": 200, "test": 1397, "leaks": {}}


def test_audit_ends_with_1_on_a_problem_and_shows_it(root: Path) -> None:
    class_folders(root / "own", each=6)
    (root / "own" / "c1" / "[bold]5.png").write_bytes(b"no image")
    result = bench("data", "audit", "image_folder[path=own]", "--data", str(root))
    assert result.exit_code == 1
    assert "undeclared: unreadable (1)" in result.stdout
    assert "c1/[bold]5.png" in result.stdout
    assert "12" not in result.stdout.splitlines()[0]
    assert "13 samples" in result.stdout


def test_audit_of_a_broken_file_whose_name_is_not_utf8(root: Path) -> None:
    class_folders(root / "own", each=6)
    file = picture(root / "own" / "c1" / os.fsdecode(b"caf\xff.png"), 70, height=40, width=40)
    file.write_bytes(file.read_bytes()[:700])
    words = ("data", "audit", "image_folder[path=own]", "--data", str(root))
    text = bench(*words)
    assert text.exit_code == 1, text.output
    assert "undeclared: unreadable (1)" in text.stdout
    assert r"caf\xff.png" in text.stdout
    (problem,) = json.loads(bench(*words, "--json").stdout)["problems"]
    assert problem["samples"] == [r"c1/caf\xff.png"]
    assert r"c1/caf\xff.png" in problem["detail"]


def test_audit_without_data_ends_with_2(root: Path) -> None:
    result = bench("data", "audit", "kth_tips2b", "--data", str(root))
    assert result.exit_code == 2
    assert "no data at" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["pcas", "pacs[protocoll=paper]", "pacs[", "medmnist[subset=chestmnist]"])
def test_a_wrong_name_ends_with_2(root: Path, name: str) -> None:
    assert bench("data", "audit", name, "--data", str(root)).exit_code == 2


def test_path_needs_no_data(root: Path) -> None:
    result = bench("data", "path", "breakhis[magnification=100]", "--data", str(root))
    assert result.stdout.strip() == str(root / "BreaKHis_v1")


def test_fetch_says_what_it_cannot_do(root: Path) -> None:
    assert bench("data", "fetch", "digits", "--data", str(root)).exit_code == 0
    result = bench("data", "fetch", "kth_tips2b", "--data", str(root))
    assert result.exit_code == 2
    assert "no mirror that can be checked" in result.stderr


def test_cache_is_listed_and_cleared(root: Path) -> None:
    cached(prepare(Digits(), root, 0), 32, "bicubic")
    (cache_root() / "data" / "pacs").mkdir(parents=True)
    names = [entry["name"] for entry in json.loads(bench("cache", "ls", "--json").stdout)]
    assert [name.partition("-")[0] for name in names if not name.startswith("extents/")] == ["decoded/digits"]
    assert "2 entries, 0.3 MB" in bench("cache", "ls").stdout
    assert bench("cache", "clear", "decoded/pacs").exit_code == 2
    assert "Deleted 1 entries" in bench("cache", "clear", "decoded/digits").stdout
    assert bench("cache", "clear").exit_code == 0
    assert json.loads(bench("cache", "ls", "--json").stdout) == []
    assert (cache_root() / "data" / "pacs").is_dir()
    cached(prepare(Digits(), root, 0), 32, "bicubic")
    assert len(json.loads(bench("cache", "ls", "--json").stdout)) == 2


def test_an_entry_that_is_being_built_is_not_cleared(root: Path) -> None:
    cached(prepare(Digits(), root, 0), 32, "bicubic")
    (place,) = (cache_root() / "decoded").glob("digits-*/")
    lock = place.with_name(place.name + ".lock")
    inode = lock.stat().st_ino
    with FileLock(lock):
        result = bench("cache", "clear")
        assert result.exit_code == 0, result.output
        assert f"Kept what is being built: decoded/{place.name}." in result.stdout
        assert (place / "array.npy").is_file()
    assert "Kept" not in bench("cache", "clear").stdout
    assert not place.exists()
    assert lock.stat().st_ino == inode  # who waits for a lock must meet those who come later
