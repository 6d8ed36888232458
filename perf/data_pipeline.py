"""A training epoch's images from the decoded cache, against decoding the files in every epoch with Pillow.

    BENCH_DATA=DIR python -m perf.data_pipeline [--dataset pacs] [--size 112] [--images 4000]

Both ways end in the same normalised (and augmented) batches on the device; the model is left out. The files are
decoded by torch's DataLoader with a worker a core, the usual way. Medians.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from bench.cells.notation import Spec
from bench.cells.recipes import Recipe
from bench.core.disk_cache import DiskCache
from bench.data.augment.batches import Preprocess
from bench.data.base import Sample, rows_of
from bench.data.decoded import decoded
from bench.data.formats.extents import pixels
from bench.data.formats.images import resized
from bench.data.formats.readers import Reader, input_reader
from bench.data.prepare import Prepared, prepare
from bench.data.roots import data_root
from bench.plugins import registry
from perf.common import alternated, machine, table

BATCH = 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Files(torch.utils.data.Dataset[Tensor]):
    """Decodes and resizes on every access."""

    def __init__(self, prepared: Prepared, samples: list[Sample], size: int) -> None:
        self.prepared, self.samples, self.size = prepared, samples, size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, number: int) -> Tensor:
        image = pixels(self.prepared.dataset, self.samples[number])
        return torch.from_numpy(resized(image, (self.size, self.size), "squash", "bicubic").copy())


def from_files(files: Files, workers: int) -> Iterator[Tensor]:
    """Batches of one epoch in random order."""
    yield from DataLoader(files, BATCH, shuffle=True, num_workers=workers)


def from_cache(images: np.ndarray, rows: np.ndarray) -> Iterator[Tensor]:
    """The same from the memory map."""
    order = np.random.default_rng(0).permutation(rows)
    for start in range(0, len(order), BATCH):
        yield torch.from_numpy(images[order[start : start + BATCH]])


def compare(
    files: Files, images: np.ndarray, rows: np.ndarray, preprocess: Preprocess, repeats: int
) -> tuple[str, str, str]:
    """Images per second from the files and from the cache, and the ratio of times."""

    def drain(batches: Iterator[Tensor]) -> None:
        for number, batch in enumerate(batches):
            keys = np.arange(len(batch), dtype=np.uint64)
            preprocess(batch, preprocess.draws(0, ("perf", number), keys))

    ways: dict[str, Callable[[], Any]] = {
        "files": lambda: drain(from_files(files, os.cpu_count() or 1)),
        "cache": lambda: drain(from_cache(images, rows)),
    }
    took = alternated(ways, repeats)
    slow, fast = took["files"], took["cache"]
    return f"{len(rows) / slow:,.0f}", f"{len(rows) / fast:,.0f}", f"{slow / fast:.1f}"


def reader_of(prepared: Prepared, size: int) -> Reader:
    """Square images, squashed."""
    return input_reader(prepared, (3, size, size), Recipe(), "bicubic")


def build_time(prepared: Prepared, size: int) -> float:
    """Seconds to build the decoded cache of the whole data set."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        decoded(prepared, reader_of(prepared, size), quiet=True, cache=DiskCache(Path(folder), 10**12, ""))
        return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="pacs")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--images", type=int, default=4000, help="images an epoch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    spec = Spec.parse(given.dataset)
    dataset = registry.load("datasets", spec.name).build(spec.name, spec.params)
    prepared = prepare(dataset, data_root(), 0)
    rows = np.sort(np.random.default_rng(0).permutation(len(prepared.table))[: given.images])
    files = Files(prepared, list(rows_of(dataset, prepared.table.iloc[rows], prepared.root)), given.size)
    images = decoded(prepared, reader_of(prepared, given.size))
    print(f"{machine()}; {len(rows)} images an epoch at {given.size} px in batches of {BATCH}.")
    print(f"Building the cache of all {len(images)} images: {build_time(prepared, given.size):.1f} s.\n")
    lines: list[tuple[str, ...]] = [("augmentation", "files, images/s", "cache, images/s", "files / cache, time")]
    for augment in (None, "flip", "released", "crop_flip", "randaugment", "trivialaugment", "color"):
        recipe, device = Recipe(augment=augment), torch.device(given.device)
        shape = (3, given.size, given.size)
        preprocess = Preprocess(recipe, MEAN, STD, shape, "bicubic", device, channels_last=False)
        lines.append((augment or "none", *compare(files, images, rows, preprocess, given.repeats)))
    print(table(lines))


if __name__ == "__main__":
    main()
