"""Clips of video files, through PyAV: which frames, and how they are read. PyAV comes with the extra ``video``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL

from bench.core import extras
from bench.core.errors import DataError
from bench.data.formats.folders import printable
from bench.data.formats.images import resized
from bench.data.formats.reading import reading

if TYPE_CHECKING:
    import av

_COMPLETE = 0.9  # of the frames that a file's header promises; below, the file is taken as truncated


def frame_numbers(length: int, frames: int, stride: int, views: int) -> np.ndarray:
    """Which frames of a video make up its clips.

    One view lies in the middle; several lie evenly from the first frame to the last. Where the video ends before the
    clip does, the last frame stays.

    Args:
        length: Frames of the video, 1 or more.
        frames: Of a clip, T.
        stride: Distance between two of them.
        views: Clips, V.

    Returns:
        (V, T) int64.
    """
    slack = max(0, length - ((frames - 1) * stride + 1))
    starts = np.array([slack // 2]) if views == 1 else np.rint(np.linspace(0, slack, views)).astype(np.int64)
    return np.minimum(starts[:, None] + np.arange(frames) * stride, length - 1)


def read_clips(path: Path, frames: int, stride: int, views: int, size: int) -> np.ndarray:
    """Decode the clips of a video.

    The file is decoded twice, to count its frames and to take some: headers say the number wrongly or not at all.

    Args:
        size: Side in pixels: the shorter side is scaled to it, and the middle cut out.

    Returns:
        uint8 (V * T, size, size, 3), clip after clip.

    Raises:
        DataError: The file cannot be decoded or is truncated; the message names it.
        UsageError: PyAV is not installed.
    """
    numbers = frame_numbers(count_frames(path), frames, stride, views)
    wanted = set(numbers.ravel().tolist())
    taken: dict[int, np.ndarray] = {}
    with _frames(path) as stream:
        for number, frame in enumerate(stream):
            if number in wanted:
                taken[number] = resized(frame.to_ndarray(format="rgb24"), (size, size), "crop", "bilinear")
    return np.stack([taken[number] for number in numbers.ravel().tolist()])


def count_frames(path: Path) -> int:
    """Frames that a video really holds.

    Raises:
        DataError: It cannot be decoded, holds none, or far fewer than its header says.
        UsageError: PyAV is not installed.
    """
    with _opened(path) as container:
        promised = int(container.streams.video[0].frames)
    with _frames(path) as stream:
        found = sum(1 for _ in stream)
    if found == 0 or found < _COMPLETE * promised:
        raise _unreadable(path, f"{found} of {promised} frames can be decoded")
    return found


def decoder_versions() -> dict[str, str]:
    """The libraries that decide what a video's bytes decode to, for a cache's key.

    Raises:
        UsageError: PyAV is not installed.
    """
    libraries = _pyav().library_versions
    return {"Pillow": PIL.__version__, **{name: ".".join(map(str, number)) for name, number in libraries.items()}}


@contextmanager
def _frames(path: Path) -> Iterator[Iterator[av.VideoFrame]]:
    """The frames of the first video stream, decoded by one thread."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        yield container.decode(stream)


def _pyav() -> Any:
    extras.check("av", "Reading videos")
    import av

    return av


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with reading("video", path), _pyav().open(str(path)) as container:
        if not container.streams.video:
            raise _unreadable(path, "it holds no video stream")
        yield container


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(f"Cannot read the video {printable(path)}: {reason}. Restore the file from the source.")
