"""Small video files for tests."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

STEP = 6  # grey levels from one frame to the next


def encoded(path: Path, frames: int = 30, height: int = 48, width: int = 64, codec: str = "mpeg4") -> Path:
    """Write a video with a bright square at the left: frame ``n`` is grey of level ``STEP * n``, below 252."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 4_000_000
        for number in range(frames):
            image = np.full((height, width, 3), STEP * number % 252, dtype=np.uint8)
            image[:8, :8] = 250
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
