"""Clips of videos that the tests encode, and the two action sets on their official lists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import STEP, encoded, hmdb51, ucf101
from made_images import stubs

from bench.core.errors import DataError, MissingData, UsageError
from bench.data.base import rows_of
from bench.data.formats.clips import count_frames, frame_numbers, read_clips
from bench.data.prepare import checked_table, prepare
from bench.datasets.hmdb51 import HMDB51
from bench.datasets.ucf101 import UCF101


@pytest.mark.parametrize(
    ("length", "frames", "stride", "views", "expected"),
    [
        (20, 4, 2, 1, [[6, 8, 10, 12]]),
        (20, 4, 2, 3, [[0, 2, 4, 6], [6, 8, 10, 12], [13, 15, 17, 19]]),
        (7, 4, 2, 2, [[0, 2, 4, 6], [0, 2, 4, 6]]),
        (3, 4, 2, 1, [[0, 2, 2, 2]]),
        (1, 3, 1, 1, [[0, 0, 0]]),
    ],
)
def test_which_frames(length: int, frames: int, stride: int, views: int, expected: list[list[int]]) -> None:
    found = frame_numbers(length, frames, stride, views)
    # the middle start of 13 free places is 6, between views at 0 and 13 it is 6.5, rounded to even
    assert found.tolist() == expected


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mkv"])
def test_the_right_frames_are_read(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}", frames=30)
    assert count_frames(path) == 30
    clips = read_clips(path, frames=4, stride=5, views=2, size=24)
    assert clips.shape == (8, 24, 24, 3)
    assert clips.dtype == np.uint8
    grey = clips[:, 12:, 12:].mean(axis=(1, 2, 3))
    assert np.allclose(grey / STEP, frame_numbers(30, 4, 5, 2).ravel(), atol=0.6)


def test_the_middle_of_a_wide_frame_is_cut_out(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.avi", height=48, width=128)
    clip = read_clips(path, frames=1, stride=1, views=1, size=48)
    assert np.ptp(clip) < 12  # the bright square at the left is gone


def test_decoding_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.avi")
    first, second = (read_clips(path, 8, 2, 2, 32) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("suffix", ["avi", "mp4"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_half_a_video_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = encoded(tmp_path / f"cut.{suffix}", frames=60)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=rf"Cannot read the video .*cut\.{suffix}.*Restore"):
        read_clips(path, 8, 2, 1, 32)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("no video")
    for name in ("text.avi", "missing.avi"):
        with pytest.raises(DataError, match=rf"Cannot read the video .*{name}"):
            read_clips(tmp_path / name, 8, 2, 1, 32)


def test_without_pyav_the_extra_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['av'] = None; from pathlib import Path; import bench.data.formats.clips as c;"
    code += "c.count_frames(Path('a.avi'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UsageError" in done.stderr
    assert "adaptbench[video]" in done.stderr


def test_the_cache_knows_the_decoders_versions(root: Path) -> None:
    ucf101(root)
    versions = UCF101().reading()
    assert versions["libavcodec"] == ".".join(map(str, av.library_versions["libavcodec"]))
    contents = {prepare(UCF101(frames=frames), root, 0, partial=True).content for frames in (8, 16)}
    assert len(contents) == 2


@pytest.mark.parametrize("split", [1, 2, 3])
def test_ucf101_follows_the_official_lists(root: Path, split: int) -> None:
    ucf101(root)
    prepared = prepare(UCF101(protocol=f"split{split}"), root, 0, partial=True)
    assert prepared.counts == {"train": 12, "val": 0, "test": 4}
    assert prepared.class_names == ("Zumba", "Archery")
    assert set(prepared.table["group"].iloc[prepared.rows("test")]) == {f"Zumba_g0{split}", f"Archery_g0{split}"}
    assert (prepared.table["path"].str.contains("Archery") == (prepared.table["label"] == 1)).all()
    assert prepared.leaks == {}
    assert prepared.differences


def test_ucf101_expects_the_published_counts() -> None:
    for split in UCF101.protocols:
        assert sum(UCF101(protocol=split).expects().values()) == 13320  # type: ignore[arg-type]


def test_ucf101_clips_are_read_as_the_fields_say(root: Path) -> None:
    ucf101(root, encode=True)
    dataset = UCF101(frames=3, stride=2, views=2, size=16)
    sample = next(iter(rows_of(dataset, checked_table(dataset, root), root)))
    clip = dataset.read(sample)
    assert clip.shape == (6, 16, 16, 3)
    assert sample.id == "UCF-101/Archery/v_Archery_g01_c01.avi"


def test_ucf101_says_what_is_missing(root: Path) -> None:
    with pytest.raises(MissingData, match="crcv"):
        UCF101().samples(root)
    place = ucf101(root)
    (place / "ucfTrainTestlist" / "testlist02.txt").unlink()
    with pytest.raises(DataError, match=r"testlist02\.txt is missing"):
        UCF101().samples(root)
    ucf101(root)
    stubs(place / "UCF-101", ["Archery/holiday.avi"])
    with pytest.raises(DataError, match=r"holiday\.avi is no video of the set"):
        UCF101().samples(root)


@pytest.mark.parametrize("split", [1, 2, 3])
def test_hmdb51_follows_the_official_lists(root: Path, split: int) -> None:
    hmdb51(root)
    prepared = prepare(HMDB51(protocol=f"split{split}"), root, 0, partial=True)
    assert prepared.counts == {"train": 8, "val": 0, "test": 2}
    assert prepared.class_names == ("clap", "wave")
    assert len(prepared.table) == 12
    assert all(f"_{split + 1}.avi" in path for path in prepared.table["path"].iloc[prepared.rows("test")])


def test_hmdb51_says_what_is_missing(root: Path) -> None:
    with pytest.raises(MissingData, match="hmdb51"):
        HMDB51().samples(root)
    place = hmdb51(root)
    next((place / "hmdb51_org" / "wave").iterdir()).unlink()
    with pytest.raises(DataError, match="1 of 12 listed videos are missing"):
        HMDB51().samples(root)
    hmdb51(root)
    (place / "testTrainMulti_7030_splits" / "wave_test_split2.txt").write_text("clip.avi 7\n")
    with pytest.raises(DataError, match=r"wave_test_split2\.txt, line 1"):
        HMDB51().samples(root)


@pytest.mark.parametrize("fields", [{"frames": 0}, {"stride": 0}, {"views": 0}, {"size": 0}])
def test_fields_that_cannot_be(fields: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        UCF101.build("ucf101", fields)
