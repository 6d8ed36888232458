"""Train the embedded backbone `pico` from the data set tiny_imagenet.

The recipe is the one in the metadata of bench/assets/pico.safetensors. Where that text leaves something open, this file
decides: images are flipped one by one, the first phase is torch's OneCycleLR, the second a cosine down to 0.

    python tools/pretrain_pico.py --data DIR --out pico.safetensors
    python tools/pretrain_pico.py --data DIR --out try.safetensors --dataset "tiny_imagenet[fraction=0.1]" --epochs 1
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from rich.progress import track
from safetensors.torch import save_file
from timm.layers import DropPath
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from bench.cells.notation import Spec
from bench.cells.recipes import Recipe
from bench.data.decoded import decoded
from bench.data.formats.readers import input_reader
from bench.data.prepare import Prepared, prepare
from bench.data.roots import data_root
from bench.plugins import registry
from bench.training.streams import generator, reseed

SIZE, BATCH, MARGIN = 64, 256, 8
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RECIPE = (
    "timm convnext_atto from random init, batch 256, AdamW weight decay 0.05 (none on 1-d tensors), cross-entropy with "
    "label smoothing 0.1, reflect-pad 8 and random 64 px crop (one offset a batch), horizontal flip, float32"
)


@dataclass(frozen=True)
class Phase:
    """One stretch of training with its own optimiser state.

    Attributes:
        epochs: How long it runs.
        schedule_epochs: How long its schedule would run.
        drop_path: Skip blocks at random, up to 5 % in the last one.
        one_cycle: Warm up and cool down; otherwise from ``peak`` to 0.
    """

    epochs: float
    schedule_epochs: float
    peak: float
    drop_path: bool
    one_cycle: bool


PHASES = (
    Phase(epochs=7, schedule_epochs=12, peak=2e-3, drop_path=True, one_cycle=True),
    Phase(epochs=2.4, schedule_epochs=2.4, peak=1.2e-3, drop_path=False, one_cycle=False),
)


def _run(epochs: float) -> Iterator[tuple[Phase, float]]:
    """Each phase that ``epochs`` suffice for, and how long it runs."""
    for phase in PHASES:
        if epochs > 0:
            yield phase, min(phase.epochs, epochs)
        epochs -= phase.epochs


def stretches(epochs: float) -> Iterator[str]:
    """What was run, in words for the file."""
    for phase, run in _run(epochs):
        shape = f"one-cycle schedule (peak {phase.peak:g})" if phase.one_cycle else f"cosine from {phase.peak:g} to 0"
        blocks = "drop path up to 0.05" if phase.drop_path else "no drop path"
        yield f"{run:g} epochs of a {phase.schedule_epochs:g}-epoch {shape} with fresh AdamW state and {blocks}"


def pretrain(prepared: Prepared, epochs: float, seed: int, device: torch.device) -> tuple[nn.Module, float]:
    """Train for at most ``epochs`` epochs; return the model and its accuracy on the test split (0..1)."""
    images = decoded(prepared, input_reader(prepared, (3, SIZE, SIZE), Recipe(), "bilinear"))
    labels = torch.tensor(prepared.table["label"].to_numpy())
    reseed(seed, "init")
    model = timm.create_model("convnext_atto", num_classes=prepared.classes, drop_path_rate=0.05).to(device)
    for number, (phase, run) in enumerate(_run(epochs)):
        _train(model, phase, number, run, images, labels, prepared.rows("train"), seed, device)
    return model, accuracy(model, images, labels, prepared.rows("test"), device)


def _train(
    model: nn.Module, phase: Phase, number: int, epochs: float, images: np.ndarray, labels: Tensor, rows: np.ndarray,
    seed: int, device: torch.device,
) -> None:  # fmt: skip
    per_epoch = math.ceil(len(rows) / BATCH)
    steps, total = math.ceil(epochs * per_epoch), math.ceil(phase.schedule_epochs * per_epoch)
    if not phase.drop_path:
        for module in model.modules():
            if isinstance(module, DropPath):
                module.drop_prob = 0.0
    optimizer = torch.optim.AdamW(_groups(model), lr=phase.peak)
    schedule = _schedule(optimizer, phase, total)
    model.train()
    for step in track(range(steps), f"phase {number + 1} of {len(PHASES)}"):
        epoch, place = divmod(step, per_epoch)
        order = generator(seed, "order", number, epoch).permutation(rows)
        batch = np.sort(order[place * BATCH : (place + 1) * BATCH])  # sorted: the images lie on the disk in this order
        reseed(seed, "step", number, step)
        loss = cross_entropy(model(_augmented(images[batch], device)), labels[batch].to(device), label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _groups(model: nn.Module) -> list[dict[str, object]]:
    """Weight decay on matrices and filters, none on biases and norms."""
    flat = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [
        {"params": [parameter for parameter in model.parameters() if parameter.ndim > 1], "weight_decay": 0.05},
        {"params": flat, "weight_decay": 0.0},
    ]


def _schedule(optimizer: torch.optim.Optimizer, phase: Phase, total: int) -> LRScheduler:
    if phase.one_cycle:
        return OneCycleLR(optimizer, max_lr=phase.peak, total_steps=total + 1)
    return LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / total))))


def _augmented(images: np.ndarray, device: torch.device) -> Tensor:
    """uint8 (B, 64, 64, 3) to a normalised batch: one crop offset for all, flips one by one."""
    batch = pad(_normalised(images, device), [MARGIN] * 4, mode="reflect")
    top, left = torch.randint(0, 2 * MARGIN + 1, (2,)).tolist()
    batch = batch[:, :, top : top + SIZE, left : left + SIZE]
    flipped = torch.rand(len(batch), 1, 1, 1).to(device) < 0.5
    return torch.where(flipped, batch.flip(3), batch)


def _normalised(images: np.ndarray, device: torch.device) -> Tensor:
    batch = torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (batch - mean) / std


@torch.no_grad()
def accuracy(model: nn.Module, images: np.ndarray, labels: Tensor, rows: np.ndarray, device: torch.device) -> float:
    """Top-1 accuracy, 0..1."""
    model.eval()
    chunks: Iterator[np.ndarray] = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
    right = sum(int((model(_normalised(images[c], device)).argmax(1).cpu() == labels[c]).sum()) for c in chunks)
    return right / len(rows)


def save(model: nn.Module, path: Path, prepared: Prepared, epochs: float, seed: int, top1: float) -> None:
    """Write the weights as float16 with the metadata that `bench.backbones.weights` reads."""
    metadata = {
        "timm_arch": "convnext_atto",
        "model_args": json.dumps({"num_classes": prepared.classes}),
        "input_size": json.dumps([3, SIZE, SIZE]),
        "mean": json.dumps(MEAN),
        "std": json.dumps(STD),
        "interpolation": "bilinear",
        "classes": "sorted WordNet ids",
        "trained_on": f"Tiny-ImageNet-200 train split ({prepared.counts['train']:,} images, 64 px)",
        "recipe": f"{RECIPE}; {', then '.join(stretches(epochs))}; seed {seed}",
        "accuracy": f"top-1 {100 * top1:.2f} % on the {prepared.counts['test']:,} validation images",
        "dtype": "stored as float16",
    }
    state = {name: value.detach().cpu().half().contiguous() for name, value in model.state_dict().items()}
    save_file(state, str(path), metadata)


def main() -> None:
    """Command line; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="data root (else BENCH_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--dataset", default="tiny_imagenet", help="tiny_imagenet with its fields")
    parser.add_argument("--epochs", type=float, default=sum(phase.epochs for phase in PHASES), help="stop after these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--partial", action="store_true", help="accept incomplete data")
    given = parser.parse_args()
    spec = Spec.parse(given.dataset)
    if spec.name != "tiny_imagenet":  # the metadata name it, and overlap is judged by them
        parser.error(f"--dataset must be tiny_imagenet, with any fields, not {spec.name}")
    dataset = registry.load("datasets", spec.name).build(spec.name, spec.params)
    prepared = prepare(dataset, data_root(given.data), given.seed, given.partial)
    model, top1 = pretrain(prepared, given.epochs, given.seed, torch.device(given.device))
    save(model, given.out, prepared, given.epochs, given.seed, top1)
    print(f"Wrote {given.out}: top-1 {100 * top1:.2f} % on {prepared.counts['test']} images.")


if __name__ == "__main__":
    main()
