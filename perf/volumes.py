"""What a volume costs on its way: reading, cache, augmentation and backbone; slices against inflated models.

    [BENCH_DATA=...] python -m perf.volumes [--files 20] [--depth 16] [--repeats 5]

Read: NIfTI files of the hippocampus set below BENCH_DATA where it is, else made ones of the same size. Cache and
augmentation: volumes of 28 and 64 voxels a side. Backbones: the embedded CNN `pico` at 64 px and DeiT-Tiny with random
weights at 112 px, forward passes in evaluation mode. Medians of alternated runs; memory is what the peak of a process
(Linux's VmHWM) grows by with each further volume of a batch.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch

from bench.augmentations.torchio import augmented
from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.lift import lifted
from bench.backbones.timm_backbone import TimmBackbone, build
from bench.backbones.weights import find
from bench.cells.recipes import Recipe
from bench.data.augment.batches import Preprocess
from bench.data.augment.chance import sample_keys
from bench.data.formats.nifti import read_nifti
from bench.data.formats.volumes import Grid
from perf.common import alternated, machine, table

Row = tuple[str, ...]
WAYS: dict[str, dict[str, Any]] = {
    "slices": {"way": "slices"},
    "slices, 3 planes": {"way": "slices", "planes": 3},
    "inflated, mean": {"way": "inflate"},
    "inflated, mean, depth stride 4": {"way": "inflate", "depth_stride": 4},
    "inflated, centre": {"way": "inflate", "kernel": "centre"},
}
BACKBONES = ("pico", "deit_tiny")
_HALF = (0.5, 0.5, 0.5)
_BATCHES = (4, 12)  # the difference of their peaks is what eight volumes take


def files(folder: Path, count: int) -> list[Path]:
    """Real volumes, or made ones of about their size."""
    real = Path(os.environ.get("BENCH_DATA", "")) / "msd_hippocampus" / "imagesTr"
    if os.environ.get("BENCH_DATA") and real.is_dir():
        return sorted(real.glob("*.nii.gz"))[:count]
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.nii.gz" for number in range(count)]
    for path in paths:
        made = nib.Nifti1Image(rng.normal(size=(36, 50, 36)).astype(np.float32), np.eye(4))
        nib.save(made, path)
    return paths


def reading(paths: list[Path], repeats: int) -> list[Row]:
    """ms a volume for the checked read alone, and with orientation, spacing, shape and contrast."""
    grid = Grid(spacing=(1.2, 1.2, 1.2), shape=(40, 48, 40))
    ways: dict[str, Callable[[], Any]] = {
        "read, whole and checked": lambda: [read_nifti(path) for path in paths],
        "read, oriented, resampled, padded, as bytes": lambda: [grid.read(path) for path in paths],
    }
    sizes = [float(np.mean([read_nifti(path).values.nbytes for path in paths])), 40.0 * 48 * 40]
    took = alternated(ways, repeats)
    return [
        (name, f"{1000 * seconds / len(paths):.1f}", f"{size / 1e6:.2f}")
        for (name, seconds), size in zip(took.items(), sizes, strict=True)
    ]


def cached(folder: Path, side: int, repeats: int) -> list[Row]:
    """ms a volume from the memory map to the device's floats, and for each augmentation."""
    count = 32
    volumes = np.random.default_rng(0).integers(0, 256, (count, side, side, side), dtype=np.uint8)
    np.save(folder / f"{side}.npy", volumes)
    stored = np.load(folder / f"{side}.npy", mmap_mode="r")
    order = np.random.default_rng(1).permutation(count)
    keys = sample_keys(str(number) for number in range(count))

    def prepared(augment: Any) -> Preprocess:
        shape = (3, side, side, side)
        return Preprocess(Recipe(augment=augment), _HALF, _HALF, shape, "bilinear", torch.device("cpu"), False)

    def drawn(preprocess: Preprocess) -> None:
        preprocess(torch.from_numpy(stored[order]), preprocess.draws(0, ("perf",), keys))

    plain, released = prepared(None), prepared("released")
    took = alternated(
        {
            "from the cache, normalised": lambda: plain(torch.from_numpy(stored[order])),
            "the same, augment=released": lambda: drawn(released),
            "torchio's affine, elastic and noise": lambda: [augmented(volumes[n], n) for n in range(count)],
        },
        repeats,
    )
    size = f"{side**3 / 1e6:.2f}"
    return [(f"{name}, {side} voxels a side", f"{1000 * s / count:.2f}", size) for name, s in took.items()]


def model(backbone: str, way: str, depth: int) -> Backbone:
    """A lifted backbone."""
    return lifted(_flat(backbone), depth=depth, **WAYS[way])


def _flat(backbone: str) -> TimmBackbone:
    if backbone == "pico":
        return build(find("pico", None), 64, backbone)
    info = WeightsInfo("deit_tiny_patch16_224", 112, _HALF, _HALF, model_args={"img_size": 112})
    return build(info, 112, backbone, pretrained=False)


def ways_of(backbone: str) -> list[str]:
    """A Vision Transformer has no centre kernel."""
    return [way for way in WAYS if backbone == "pico" or "centre" not in way]


@torch.no_grad()
def _forward(backbone: Backbone, batch: int) -> None:
    backbone(backbone.blank(batch))


def peak(backbone: str, way: str, depth: int, batch: int) -> int:
    """The most memory that a process of its own held for one forward pass, in bytes."""
    torch.set_num_threads(1)
    _forward(model(backbone, way, depth), batch)
    # Not getrusage: its peak is the parent's where that was higher when the process began.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _memory(backbone: str, way: str, depth: int) -> float:
    """MB that each further volume of a batch takes in a forward pass."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        few, many = (pool.submit(peak, backbone, way, depth, batch).result() for batch in _BATCHES)
    return (many - few) / (_BATCHES[1] - _BATCHES[0]) / 1e6


def backbones(backbone: str, depth: int, repeats: int) -> list[Row]:
    """ms and MB a volume for each way of lifting, and its time over that of slices."""
    backbones = {way: model(backbone, way, depth) for way in ways_of(backbone)}
    took = alternated({way: partial(_forward, backbone, 1) for way, backbone in backbones.items()}, repeats + 1)
    return [
        (f"{backbone}, {way}", f"{1000 * took[way]:.0f}", f"{_memory(backbone, way, depth):.0f}",
         f"{took[way] / took['slices']:.2f}")
        for way in backbones
    ]  # fmt: skip


def main() -> None:
    """Measure and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--depth", type=int, default=16, help="slices of the volumes that backbones see")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as place:
        rows = reading(files(Path(place), chosen.files), chosen.repeats)
        for side in (28, 64):
            rows += cached(Path(place), side, chosen.repeats)
    print(table([("step", "ms a volume", "MB a volume"), *rows]))
    print(f"\nForward passes of volumes with {chosen.depth} slices:\n")
    lines = [row for backbone in BACKBONES for row in backbones(backbone, chosen.depth, chosen.repeats)]
    print(table([("backbone", "ms a volume", "MB a volume", "time / slices"), *lines]))


if __name__ == "__main__":
    main()
