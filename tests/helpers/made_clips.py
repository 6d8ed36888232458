"""Small video files for tests."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from made_images import stubs

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


def videos(folder: Path, names: list[str], encode: bool) -> None:
    """Files by name: videos that differ, or stubs where nothing is decoded."""
    if not encode:
        stubs(folder, names)
        return
    for number, name in enumerate(names):
        encoded(folder / name, frames=10 + number)


def write_lists(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)


def ucf101(root: Path, encode: bool = False) -> Path:
    """Two classes in an order that is not the alphabet's, groups 1 to 4, two clips each."""
    place = root / "ucf101"
    names = [
        f"{action}/v_{action}_g0{g}_c0{c}.avi" for action in ("Zumba", "Archery") for g in (1, 2, 3, 4) for c in (1, 2)
    ]
    videos(place / "UCF-101", names, encode)
    number = {"Zumba": 1, "Archery": 2}
    lists = {"classInd.txt": "2 Archery\n1 Zumba\n"}
    for split in (1, 2, 3):
        test = [name for name in names if f"_g0{split}_" in name]
        train = [f"{name} {number[name.partition('/')[0]]}" for name in names if name not in test]
        lists |= {f"trainlist0{split}.txt": "\n".join(train) + "\n", f"testlist0{split}.txt": "\r\n".join(test)}
    write_lists(place / "ucfTrainTestlist", lists)
    return place


def hmdb51(root: Path, encode: bool = False) -> Path:
    """Two classes of six clips, each left out, tested on, or trained on, in turn."""
    place = root / "hmdb51"
    lists = {}
    for action in ("wave", "clap"):
        names = [f"#{n}_{action} it_u_nm_np1_fr_med_{n}.avi" for n in range(6)]
        videos(place / "hmdb51_org" / action, names, encode)
        for split in (1, 2, 3):
            marks = [0 if n == split else 2 if n == split + 1 else 1 for n in range(6)]
            text = "".join(f"{name} {mark} \n" for name, mark in zip(names, marks, strict=True))
            lists[f"{action}_test_split{split}.txt"] = text
    write_lists(place / "testTrainMulti_7030_splits", lists)
    return place
