"""Few-shot adapters on kept features: shots x seeds x methods x learning rates, and where the time goes.

    BENCH_DATA=... python -m perf.few_shot [--seeds 5] [--repeats 3] [--only runs|stacked|closed]

`bench run` of all cells together, one by one, and with a checkpoint after every epoch; all with the same bits, which is
asserted. Then a training step of many heads one after another against the same heads stacked into one tensor
(torch.func.vmap): what cross-cell batching of the arithmetic itself would bring. Then the closed forms: a whole fit,
and the part of it that takes longest, of many sets of supports one after another and in one batched call.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from bench.backbones import Features, FeatureSpec
from bench.core.environment import determinism
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.methods import FeatureSplit, HeadSpec, Method
from bench.methods.text import unit
from bench.plugins import registry
from bench.records import Store
from bench.training.streams import reseed
from perf.common import alternated, machine, table

METHODS = ("zero_shot", "tip_adapter", "tip_adapter_f", "clip_adapter", "taskres")
SHOTS = (1, 4, 16)
STACKED = ("tip_adapter_f", "clip_adapter", "taskres")
CLOSED = ("tip_adapter", "gda", "lp_plus_plus", "ape")
CLASSES, WIDTH, HEADS = 25, 512, 20


def cell_names(seeds: int) -> list[str]:
    """All cells: validation has as many labels a class as training, at most 4."""
    places = [f"clip_features[shots={shots},val_shots={min(shots, 4)}]/cached" for shots in SHOTS]
    return [f"{place}/{m}/few_shot/seed={seed}" for place in places for m in METHODS for seed in range(seeds)]


def runs(names: list[str], folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of `bench run` each way; asserts that all give the same bits."""
    count, base = iter(range(1000)), Settings(quiet=True, device="cpu")

    def go(way: str, **fields: Any) -> None:
        settings = replace(base, results=folder / f"{way}-{next(count)}", **fields)
        assert not carry_out(names, settings).failed

    go("warm")  # imports, features and decoded files
    ways: dict[str, Callable[[], Any]] = {
        "together": lambda: go("together"),
        "alone": lambda: go("alone", fuse=False),
        "every": lambda: go("every", checkpoint_every=0.0),
    }
    seconds = alternated(ways, repeats)
    same_bits(*(sorted(folder.glob(f"{way}-*"))[-1] for way in ways))
    return seconds


def same_bits(first: Path, *others: Path) -> None:
    """Assert that result folders hold the same records and predictions."""
    for record in Store(first).all():
        for other in others:
            twin = Store(other).get(record.cell)
            assert twin is not None
            assert record.comparable() == twin.comparable(), record.cell


def heads_of(method: Method, rows: int) -> tuple[list[nn.Module], Tensor, Tensor]:
    """Heads with supports of their own, and a batch (HEADS, rows, WIDTH) with labels (HEADS, rows)."""
    text, spec = 10 * unit(torch.randn(CLASSES, WIDTH)), FeatureSpec(WIDTH, WIDTH, (1,), "vit")
    labels = torch.stack([torch.randperm(rows) % CLASSES for _ in range(HEADS)])
    x = unit(torch.randn(HEADS, rows, WIDTH))
    heads = []
    for number in range(HEADS):
        support = FeatureSplit(x[number].numpy(), labels[number].numpy())
        reseed(number, "init")
        heads.append(method.head(HeadSpec(spec, CLASSES, text=text, support=partial(copy.copy, support))))
    return heads, x, labels


def loss_of(head: Callable[[Features], Tensor], x: Tensor, labels: Tensor) -> Tensor:
    """The training loss of one head."""
    return cross_entropy(head(Features(x.new_empty(len(x), 0, WIDTH), x)), labels)


def one_by_one(heads: list[nn.Module], x: Tensor, labels: Tensor) -> list[dict[str, Tensor]]:
    """Gradients of each head, as the loop computes them."""
    found = []
    for head, features, wanted in zip(heads, x, labels, strict=True):
        head.zero_grad(set_to_none=True)
        loss_of(head, features, wanted).backward()
        found.append({name: p.grad for name, p in head.named_parameters() if p.grad is not None})
    return found


def stacked(heads: list[nn.Module]) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """The same gradients of all heads as one tensor a parameter."""
    parameters, buffers = stack_module_state(heads)
    shape = copy.deepcopy(heads[0]).to("meta")

    def loss(p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor, labels: Tensor) -> Tensor:
        return loss_of(lambda features: functional_call(shape, (p, b), (features,)), x, labels)

    gradients = vmap(grad(loss))
    return lambda x, labels: gradients({k: v.detach() for k, v in parameters.items()}, buffers, x, labels)


def stacking(repeats: int) -> list[tuple[str, ...]]:
    """Milliseconds of a head's forward and backward pass each way, and whether the bits agree."""
    rows: list[tuple[str, ...]] = [
        ("method", "rows a step", "one after another, ms", "stacked, ms", "ratio", "equal bits")
    ]
    for size in (CLASSES, 4 * CLASSES, 256):
        for name in STACKED:
            heads, x, labels = heads_of(registry.load("baselines", name)(), size)
            together = stacked(heads)
            both = zip(one_by_one(heads, x, labels), zip(*together(x, labels).values(), strict=True), strict=True)
            equal = all(torch.equal(a, b) for one, other in both for a, b in zip(one.values(), other, strict=True))
            by_way: dict[str, Callable[[], Any]] = {
                "alone": partial(one_by_one, heads, x, labels),
                "stacked": partial(together, x, labels),
            }
            ms = {way: 1000 * s / HEADS for way, s in alternated(by_way, 5 * repeats).items()}
            ratio = ms["stacked"] / ms["alone"]
            rows.append((name, str(size), f"{ms['alone']:.2f}", f"{ms['stacked']:.2f}", f"{ratio:.2f}", str(equal)))
    return rows


def fits(repeats: int) -> list[tuple[str, ...]]:
    """Milliseconds of a whole fit with four validation rows a class."""
    rows: list[tuple[str, ...]] = [("method", "shots", "a fit, ms")]
    val = split(4, seed=1)
    for shots in SHOTS:
        spec = HeadSpec(FeatureSpec(WIDTH, WIDTH, (1,), "vit"), CLASSES, text=10 * unit(drawn(CLASSES, WIDTH)))
        ways: dict[str, Callable[[], Any]] = {
            name: partial(registry.load("baselines", name)().fit, split(shots, seed=0), val, spec) for name in CLOSED
        }
        for name, seconds in alternated(ways, repeats).items():
            rows.append((name, str(shots), f"{1000 * seconds:.0f}"))
    return rows


def batched(repeats: int) -> list[tuple[str, ...]]:
    """Milliseconds of the longest part of a fit, each way, and whether the bits agree.

    Tip-Adapter's and APE's is the cache's logits of one beta, GDA's the inverse, LP++'s the gradient of an epoch.
    """
    rows: list[tuple[str, ...]] = [("method", "rows", "one after another, ms", "batched, ms", "ratio", "equal bits")]
    for size in (CLASSES, 16 * CLASSES):
        for name, (part, arguments) in longest(size).items():
            ways: dict[str, Callable[[], Any]] = {
                "alone": partial(each, part, arguments),
                "batched": partial(part, *arguments),
            }
            equal = torch.equal(ways["alone"](), ways["batched"]())
            ms = {way: 1000 * s / HEADS for way, s in alternated(ways, 5 * repeats).items()}
            ratio = ms["batched"] / ms["alone"]
            rows.append((name, str(size), f"{ms['alone']:.2f}", f"{ms['batched']:.2f}", f"{ratio:.2f}", str(equal)))
    return rows


def each(part: Callable[..., Tensor], arguments: tuple[Tensor, ...]) -> Tensor:
    """The function of one set after another, stacked."""
    return torch.stack([part(*one) for one in zip(*arguments, strict=True)])


def longest(size: int) -> dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]]:
    """Method -> a function of one set of supports or of a batch of them, and HEADS sets of ``size`` rows."""
    x, targets = unit(drawn(HEADS, size, WIDTH)), drawn(HEADS, size, CLASSES).softmax(-1)
    queries = unit(drawn(HEADS, 4 * CLASSES, WIDTH))
    return {
        "tip_adapter, ape": (lambda q, x, y: ((q @ x.mT - 1) * 5.5).exp() @ y, (queries, x, targets)),
        "gda": (lambda x: torch.linalg.inv(x.mT @ x + torch.eye(WIDTH, dtype=x.dtype)), (x.cpu().double(),)),
        "lp_plus_plus": (
            lambda x, y, w: ((x @ w.mT).softmax(-1) - y).mT @ x,
            tuple(part.cpu().double() for part in (x, targets, drawn(HEADS, CLASSES, WIDTH))),
        ),
    }


def drawn(*shape: int) -> Tensor:
    """Normal noise."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def split(shots: int, seed: int) -> FeatureSplit:
    """As many rows of each class."""
    x = torch.randn(shots * CLASSES, WIDTH, generator=torch.Generator().manual_seed(seed))
    return FeatureSplit(unit(x).numpy(), (torch.arange(len(x)) % CLASSES).numpy())


@determinism()
def main() -> None:
    """Measure and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=("runs", "stacked", "closed"))
    chosen = parser.parse_args()
    print(f"{machine()}\n")
    if chosen.only in (None, "runs"):
        names = cell_names(chosen.seeds)
        with tempfile.TemporaryDirectory() as place:
            seconds = runs(names, Path(place), chosen.repeats)
        told = {"together": "together", "alone": "one by one (--no-fuse)", "every": "a checkpoint after every epoch"}
        rows = [(f"{len(names)} cells", "seconds", "cells a minute", "ratio to together")]
        for way, s in seconds.items():
            rows.append((told[way], f"{s:.1f}", f"{60 * len(names) / s:.0f}", f"{s / seconds['together']:.2f}"))
        print(table(rows), "\n")
    if chosen.only in (None, "stacked"):
        print(table(stacking(chosen.repeats)), "\n")
    if chosen.only in (None, "closed"):
        print(table(fits(chosen.repeats)), "\n")
        print(table(batched(chosen.repeats)))


if __name__ == "__main__":
    main()
