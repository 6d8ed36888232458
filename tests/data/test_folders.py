"""Walking folders: clutter, links, loops, and folders that cannot be listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_images import stubs

from bench.core.errors import DataError
from bench.data.formats.folders import holds_files, subfolders, walk


def test_files_come_sorted_and_before_folders(tmp_path: Path) -> None:
    stubs(tmp_path, ["b/2.png", "b/1.png", "a/x/y.png", "a/z.png", "c.png"])
    assert list(walk(tmp_path)) == ["c.png", "a/z.png", "a/x/y.png", "b/1.png", "b/2.png"]


def test_hidden_folders_and_those_of_file_managers_are_passed_over(tmp_path: Path) -> None:
    stubs(tmp_path, [".ipynb_checkpoints/a.png", "cat/.ipynb_checkpoints/a.png", "__MACOSX/cat/._a.png", "cat/a.png"])
    assert list(walk(tmp_path)) == ["cat/a.png"]
    assert subfolders(tmp_path) == ["cat"]


def test_two_links_to_one_place_are_both_followed(tmp_path: Path) -> None:
    stubs(tmp_path / "elsewhere", ["1.png"])
    (tmp_path / "own").mkdir()
    for name in ("first", "second"):
        (tmp_path / "own" / name).symlink_to(tmp_path / "elsewhere")
    assert list(walk(tmp_path / "own")) == ["first/1.png", "second/1.png"]


def test_loops_end(tmp_path: Path) -> None:
    stubs(tmp_path, ["a/1.png", "b/2.png"])
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "across").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "back").symlink_to(tmp_path / "a")
    assert list(walk(tmp_path)) == ["a/1.png", "a/across/2.png", "b/2.png", "b/back/1.png"]


def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(DataError, match=r"self.*remove it"):
        list(walk(tmp_path))


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by taking the permission away: whoever runs the tests as root may list everything."""
    stubs(tmp_path, ["a/1.png", "locked/2.png"])
    scandir = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match=r"Cannot list .*locked: Permission denied\. Make it readable"):
        list(walk(tmp_path))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.*The layout needs this folder"):
        list(walk(tmp_path / "gone"))


def test_clutter_is_no_file_of_a_folder(tmp_path: Path) -> None:
    stubs(tmp_path, [".DS_Store", "cat/1.png"])
    assert not holds_files(tmp_path)
    assert holds_files(tmp_path / "cat")
