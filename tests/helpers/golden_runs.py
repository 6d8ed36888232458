"""Tiny runs of every plug-in whose numbers lie in ``tests/goldens``: they tell when a change needs a new version.

``python tests/helpers/golden_runs.py [KIND/NAME ...]`` writes them anew (all of them without a name).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does, for `made_features`

from made_features import WIDTH, feature_files
from made_labels import listed_digits

from bench.cells import recipes
from bench.cells.cell import Cell
from bench.conformance.tiny import DEPTH, tiny_volumes, tiny_weights
from bench.conformance.tiny_text import tiny_clip
from bench.core.numerics import ENGINE_VERSION
from bench.engine.run import run
from bench.engine.settings import Settings
from bench.grid.resolve import resolve_all
from bench.plugins import recipe_files, registry
from bench.records import Record, Store
from bench.records.schema import is_output
from bench.training.schedules import learning_rate

FOLDER = Path(__file__).parent.parent / "goldens"
DIGITS = 5  # significant ones that are kept
Numbers = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Where methods are tried: a data set, a backbone and a recipe of a cell.

    Attributes:
        heavy: R-CNN heads take seconds a method.
        text: For methods that read text alone.
    """

    task: str
    dataset: str
    backbone: str
    recipe: str = "quick[epochs=2]"
    heavy: bool = False
    text: bool = False

    def cell(self, method: str) -> str:
        return f"{self.dataset}/{self.backbone}/{method}/{self.recipe}/seed=0"

    @property
    def name(self) -> str:
        return f"{self.task} on {self.backbone}"


VOLUMES = 'nifti_folder[path="volumes/list.csv"]'
LABELS = 'csv_images[path="digits/list.csv",task=multilabel,label_columns=[round,closed,even]]'
NUMBERS = 'csv_images[path="digits/list.csv",task=regression,label_column=value]'
DENSE = "quick[epochs=1,batch_size=4]"
WORLDS = (
    World("classification", "digits[shots=5]", "tiny_vit"),
    World("classification", "digits[shots=5]", "tiny_cnn"),
    World("classification", "digits[shots=5]", "tiny_hybrid"),
    World("classification", "digits[shots=5]", "tiny_clip", text=True),
    World("classification", VOLUMES, f"tiny_vit[depth={DEPTH},lift=slices]"),
    World("classification", VOLUMES, f"tiny_cnn[depth={DEPTH},lift=inflate]"),
    World("few_shot", "clip_features[shots=2,subset=things,val_shots=2]", f"cached[size={WIDTH}]"),
    World("multilabel", LABELS, "tiny_vit"),
    World("regression", NUMBERS, "tiny_vit"),
    World("segmentation", "digits_scene[protocol=tiny]", "tiny_vit", DENSE),
    World("detection", "digits_boxes[protocol=tiny]", "tiny_vit", DENSE, heavy=True),
    World("instances", "digits_instances[protocol=tiny]", "tiny_vit", DENSE, heavy=True),
)
# What the tasks' and the backbones' own numbers are read from
PROBE = "linear_probe"


@cache
def settings() -> Settings:
    """A folder with tiny weights and data that lives as long as the process."""
    place = Path(tempfile.mkdtemp(prefix="goldens"))
    for kind in ("vit", "cnn", "hybrid"):
        tiny_weights(place, kind)
    tiny_clip(place)
    tiny_volumes(place)
    feature_files(place)
    listed_digits(place / "digits")
    return Settings(results=place / "runs", data=place, weights=place, device="cpu", quiet=True)


def records(world: World, methods: Iterable[str]) -> dict[str, Record]:
    """Run methods in one world, together; what fails is left out."""
    cells = resolve_all([Cell.parse(world.cell(method)) for method in methods], settings().weights)
    run(cells, settings())
    found = {cell.cell.method.name: Store(settings().results).get(cell.name) for cell in cells}
    return {method: record for method, record in found.items() if record is not None}


def served(method: str) -> Iterator[World]:
    """The worlds in which a method runs."""
    reads_text = registry.load("baselines", method).needs_text
    for world in WORLDS:
        if world.text and not reads_text:
            continue
        try:
            if records(world, [method]):
                yield world
        except Exception as error:  # refused, or a fault in it: there are no numbers of it, and this says why
            print(f"  {method}, {world.name}: {type(error).__name__}: {error}"[:150], flush=True)


def numbers_of(record: Record) -> Numbers:
    """Curves of the losses and a summary of the test outputs of every stage."""
    arrays = Store(settings().results).predictions(record.cell)
    found: Numbers = {
        f"{stage.name} {name}": curve
        for stage in record.stages
        for name, curve in stage.curves.items()
        if name in ("train_loss", "val_loss") and None not in curve
    }
    outputs = {name: array for name, array in arrays.items() if is_output(name) and "/test/" in name}
    return rounded({**found, **{name: summary(array) for name, array in outputs.items()}})


def summary(array: np.ndarray) -> list[float]:
    """Mean, standard deviation and three elements: enough to tell two arrays apart."""
    flat = array.astype(np.float64).ravel()
    places = [0, len(flat) // 3, 2 * len(flat) // 3] if len(flat) else []
    return [flat.mean(), flat.std(), *flat[places]] if len(flat) else []


def rounded(value: Any) -> Any:
    """Floats to `DIGITS` significant digits, whatever holds them."""
    if isinstance(value, dict):
        return {key: rounded(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inside) for inside in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float | np.floating) else value


def method_numbers(name: str, worlds: Iterable[World]) -> Numbers:
    return {world.name: numbers_of(record) for world in worlds for record in records(world, [name]).values()}


def task_numbers(name: str) -> Numbers:
    """Test metrics and items of the plain head's run."""
    world = next(world for world in WORLDS if world.task == name)
    record = records(world, [PROBE])[PROBE]
    return rounded({"metrics": record.metrics["test"], "loss": record.stages[-1].curves["train_loss"]})


def recipe_numbers(name: str) -> Numbers:
    """Every field that is not at its default, as fingerprints count them; the rate of three steps of each epoch."""
    recipe = recipe_files.preset(name)
    rates = [
        learning_rate(recipe.schedule, 1.0, recipe.epochs, recipe.warmup_epochs, 3, epoch, step)
        for epoch in range(recipe.epochs)
        for step in range(3)
    ]
    return rounded({"fields": recipe.model_dump(mode="json", exclude_defaults=True), "rates": rates})


def augmentation_numbers(name: str) -> Numbers:
    """A batch of images and one of volumes, as far as the augmentation takes them."""
    import torch

    from bench.core.errors import UsageError
    from bench.data.augment.base import check_augment
    from bench.data.augment.batches import Preprocess

    found: Numbers = {}
    for kind, extent in {"images": (16, 16), "volumes": (8, 8, 8)}.items():
        recipe = recipes.Recipe(**{**recipe_files.preset("quick").model_dump(), "augment": name})
        half, shape = (0.5,) * 3, (3, *extent)
        try:
            check_augment(recipe, shape, (), "table")
        except UsageError:
            continue
        preprocess = Preprocess(recipe, half, half, shape, "bilinear", torch.device("cpu"), False)
        raw = np.random.default_rng(0).integers(0, 256, size=(6, *extent, 3), dtype=np.uint8)
        keys = np.arange(6, dtype=np.uint64) * 977
        draws = preprocess.draws(3, ("stage1", 1), keys)
        found[kind] = [summary(one.numpy()) for one in preprocess(torch.from_numpy(raw), draws)]
    return rounded(found)


def version(kind: str, name: str) -> int:
    """Of a plug-in; recipes are part of the engine."""
    plugin = kind != "recipes"
    return registry.load(kind, name).version if plugin else ENGINE_VERSION  # type: ignore[arg-type, no-any-return]


def read(kind: str, name: str) -> Numbers:
    return json.loads((FOLDER / kind / f"{name}.json").read_text())


def worlds_of(name: str) -> list[World]:
    """The worlds that a method's golden file has numbers of."""
    known = read("baselines", name)["numbers"]
    return [world for world in WORLDS if world.name in known]


def names(kind: str) -> list[str]:
    """Everything of a kind that must have goldens."""
    if kind == "recipes":
        return sorted(registry.catalog("recipes"))
    return sorted(registry.catalog(kind))  # type: ignore[arg-type]


def made(kind: str, name: str) -> Numbers:
    """The numbers of one plug-in as the code stands."""
    if kind == "baselines":
        return method_numbers(name, served(name))
    return {"tasks": task_numbers, "recipes": recipe_numbers, "augmentations": augmentation_numbers}[kind](name)


def main(wanted: list[str]) -> None:
    os.environ["BENCH_CACHE"] = tempfile.mkdtemp(prefix="goldens")
    for kind in ("recipes", "augmentations", "tasks", "baselines"):
        for name in names(kind):
            if not wanted or f"{kind}/{name}" in wanted:
                file = FOLDER / kind / f"{name}.json"
                file.parent.mkdir(parents=True, exist_ok=True)
                found = {"version": version(kind, name), "numbers": made(kind, name)}
                file.write_text(json.dumps(found, indent=1) + "\n")
                print(f"{kind}/{name}", len(found["numbers"]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
