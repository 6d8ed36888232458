"""Models built again from kept weights, and what they say of new inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from bench.backbones.base import Backbone
from bench.backbones.family import WeightsInfo
from bench.backbones.local import weights_folder
from bench.cells.cell import Cell
from bench.core.environment import choose_device, determinism
from bench.core.errors import DataError, UsageError
from bench.data.augment.batches import Preprocess
from bench.data.formats.annotations import spatial
from bench.data.formats.vectors import PassOn
from bench.data.inference_inputs import Fresh
from bench.engine.saved_model import MODEL, TEXT
from bench.engine.saved_model_facts import Facts, read_facts
from bench.engine.trial_points import at_point
from bench.grid.resolve import Resolved, resolve
from bench.methods.base import FeatureMethod, Method
from bench.methods.build import build_model
from bench.methods.model import Model
from bench.plugins.fingerprint import code_identity
from bench.tasks.base import FeatureSplit, HeadSpec, Outputs, Task
from bench.tasks.found import Found
from bench.training.context import EVAL_BATCH
from bench.training.job import shares_backbone
from bench.training.loop import stacked
from bench.training.modes import autocast
from bench.training.streams import reseed

Item = TypeVar("Item")
Scores = Callable[[list[np.ndarray]], Any]
LARGEST = 1024  # side of a label map that is predicted; larger inputs get it by nearest neighbours


def load_model(path: Path | str, weights: Path | None = None, device: str | None = None) -> Predictor:
    """Build the model whose weights a file holds.

    Args:
        path: Written by ``bench run --keep-weights``, beside the cell's record.
        weights: Folder of pre-trained weights, or None for ``BENCH_WEIGHTS`` or timm's hub.
        device: torch device name, or None for CUDA when there is one, else the CPU.

    Raises:
        UsageError: It is no such file, or its plug-ins or the pre-trained weights are not here or are others.
    """
    facts = read_facts(Path(path))
    folder = weights_folder(weights)
    resolved = resolve(Cell.parse(facts.cell), folder)
    if isinstance(resolved.method, Method):
        point = {f"{resolved.cell.method.name}.{name}": value for name, value in facts.chosen.items()}
        resolved = replace(resolved, method=at_point(resolved.method, resolved.cell.method.name, point))
    name = resolved.cell.backbone.name
    info = resolved.backbone.fetch(name, folder)
    if info.digest != facts.weights:
        raise UsageError(
            f"{path} belongs to the weights {facts.weights[:19]}... of {name}; those here are {info.digest[:19]}... "
            "Name the folder that holds the former by --weights."
        )
    backbone = resolved.backbone.load(name, info).to(choose_device(device))
    if resolved.task.needs_levels:
        backbone.show_levels()
    return Predictor(facts, resolved, info, backbone, load_file(path, device=str(choose_device(device))))


@dataclass(frozen=True)
class Guess:
    """What a model says of one input.

    Attributes:
        name: The input's file.
        found: What the task kept; None where the input could not be read.
        problem: Why it could not be read, or "".
    """

    name: str
    found: Found | None = None
    problem: str = ""


@dataclass(frozen=True)
class _Ready:
    """An input as the backbone's preprocessing takes it; the rest as in `Found`."""

    name: str
    array: np.ndarray
    extent: tuple[int, ...]
    shown: tuple[tuple[float, float], ...]

    @property
    def map_size(self) -> tuple[int, ...]:
        """The size that a label map is wanted in: that of what the model sees, at most `LARGEST` a side."""
        lengths = [length for _, length in self.shown]
        scale = min(1.0, LARGEST / max(lengths))
        return tuple(max(1, round(length * scale)) for length in lengths)


@dataclass(frozen=True)
class Predictor:
    """A trained or fitted model: ``predictor(inputs)`` gives class probabilities, or what its task reads out.

    Attributes:
        facts: What the file says of itself.
        tensors: Its tensors.
    """

    facts: Facts
    resolved: Resolved
    info: WeightsInfo
    backbone: Backbone
    tensors: dict[str, Tensor]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs in order; numbers where the data set names none."""
        return self.facts.class_names or tuple(str(number) for number in range(self.facts.classes))

    @cached_property
    def task(self) -> Task:
        """The task, as it was bound to the training samples."""
        return self.resolved.task.with_constants(self.facts.constants)

    @property
    def changed(self) -> bool:
        """Whether the method's source has changed since the weights were kept."""
        return code_identity(type(self.resolved.method)) != self.facts.source

    @property
    def takes_images(self) -> bool:
        """Whether inputs are images, not volumes or vectors."""
        return len(self.facts.cached) == 3 and self.facts.cached[-1] == 3

    def __call__(self, inputs: Any) -> Any:
        """Of one input or a list of n: class probabilities (n, C), float64, or what `Task.read_out` gives of each.

        Args:
            inputs: Paths, Pillow images or arrays; see `bench.data.inference_inputs.Fresh`.

        Raises:
            DataError: One cannot be read, or is of another kind than the training inputs.
        """
        task = self.task
        several = inputs if isinstance(inputs, list | tuple) else [inputs]
        read = [task.read_out(found) for found in self.found(several)]
        if not read and task.single_label:
            return np.empty((0, self.facts.classes))
        alike = all(isinstance(one, np.ndarray) and one.shape == read[0].shape for one in read)
        return np.stack(read) if read and alike else read

    def found(self, inputs: Iterable[Any]) -> Iterator[Found]:
        """What the task keeps of inputs, one by one; see `__call__`."""
        for some in batches(self._ready("", one) for one in inputs):
            yield from self._found(some)

    def guesses(self, files: Sequence[Path], named: Callable[[Path], str] = str) -> Iterator[Guess]:
        """What is found in files, in order; one that cannot be read is said so and does not stop the others.

        Args:
            named: What a file is called in what is found.
        """
        for some in batches(files):
            ready, problems = dict[Path, _Ready](), dict[Path, str]()
            for file in some:
                try:
                    ready[file] = self._ready(named(file), file)
                except DataError as error:
                    problems[file] = str(error)
            found = dict(zip(ready, self._found(list(ready.values())), strict=True))
            for file in some:
                yield Guess(named(file), found.get(file), problems.get(file, ""))

    def _ready(self, name: str, given: Any) -> _Ready:
        whole = self.fresh.whole(given)
        extent = spatial(whole.shape) if whole.ndim > 1 else whole.shape
        return _Ready(name, self.fresh.sized(whole), extent, self.fresh.shown(whole))

    @torch.no_grad()
    def _found(self, ready: Sequence[_Ready]) -> list[Found]:
        """What the task keeps of inputs."""
        task, outputs = self.task, list[Outputs]()
        with determinism():
            for some in batches(ready, 1 if task.target == "map" else task.at_once or EVAL_BATCH):
                kept = self._kept([one.array for one in some], some[0].map_size if task.target == "map" else ())
                outputs += [{name: values[at] for name, values in kept.items()} for at in range(len(some))]
        return [Found(one.name, kept, one.extent, one.shown) for one, kept in zip(ready, outputs, strict=True)]

    def _kept(self, arrays: list[np.ndarray], size: tuple[int, ...]) -> Outputs:
        """What the task keeps of decoded inputs; maps are wanted in this size."""
        scores = self._scores(arrays)
        if isinstance(scores, dict):  # a fitted method that says itself what is kept
            return scores
        targets = torch.zeros(len(arrays), *size, dtype=torch.long, device=self._device)
        return stacked([self.task.kept(scores, targets)])

    @cached_property
    def fresh(self) -> Fresh:
        """What reads one input."""
        facts, resolved = self.facts, self.resolved
        wanted = self.backbone.input_shape
        return Fresh(resolved.dataset, facts.by_adapter, facts.cached, wanted, resolved.recipe, self.info.interpolation)

    def _inputs(self, arrays: list[np.ndarray]) -> Tensor:
        """Decoded arrays as the backbone takes them; one by one, since sizes may differ until they are enlarged."""
        return torch.cat([self._preprocess(torch.from_numpy(array[None].copy())) for array in arrays])

    @property
    def _device(self) -> torch.device:
        return next(iter(self.tensors.values())).device

    @cached_property
    def _preprocess(self) -> Preprocess:
        recipe, shape, info = self.resolved.recipe, self.backbone.input_shape, self.info
        if len(shape) == 1:
            return PassOn(recipe.model_copy(update={"augment": None}), self._device)
        return Preprocess(recipe, info.mean, info.std, shape, info.interpolation, self._device, False)

    @cached_property
    def _spec(self) -> HeadSpec:
        facts, recipe = self.facts, self.resolved.recipe
        spec = self.task.head(self.backbone.spec, facts.classes, facts.class_names, recipe.head)
        return replace(spec, text=self.tensors.get(TEXT), support=lambda: self._features("train"))

    def _features(self, split: str) -> FeatureSplit:
        x, y = (self.tensors[f"{split}.{part}"].cpu().numpy() for part in "xy")
        return FeatureSplit(x, y)

    @cached_property
    def _scores(self) -> Scores:
        """From decoded inputs to what the head gives, in float32, or to what a fitted method says is kept."""
        method = self.resolved.method
        return self._fitted(method) if isinstance(method, FeatureMethod) else self._trained()

    @cached_property
    def model(self) -> Model:
        """Backbone and head of a method that trains, in evaluation mode.

        Raises:
            UsageError: The method is fitted on features, or its tensors are others by now.
        """
        method = self.resolved.method
        if not isinstance(method, Method):
            raise UsageError(f"{method.plugin_name()} is fitted on features: it has no model of its own.")
        reseed(self.resolved.cell.seed, "init")
        model = build_model(self.backbone, method, self._spec).to(self._device).eval()
        load_state(model, {k.removeprefix(MODEL): v for k, v in self.tensors.items() if k.startswith(MODEL)})
        return model

    def _trained(self) -> Scores:
        model, precision, method = self.model, self.resolved.recipe.precision, self.resolved.method
        assert isinstance(method, Method)
        stages = method.stages()
        frozen = shares_backbone(method, stages[-1], len(stages) - 1)

        def scores(arrays: list[np.ndarray]) -> Tensor:
            with autocast(precision, self._device):
                features = model.backbone(self._inputs(arrays))
                # a frozen backbone's features were kept in float32; one that trained handed them on as they came
                return model.head(features.map(lambda tensor: tensor.float()) if frozen else features).float()

        return scores

    def _fitted(self, method: FeatureMethod) -> Scores:
        val = self._features("val") if "val.x" in self.tensors else None
        fitted = method.fit(self._features("train"), val, self._spec)
        read = self._measured if method.measures else self._pooled

        def scores(arrays: list[np.ndarray]) -> Tensor | Outputs:
            given = fitted.predict(read(arrays))
            return given if isinstance(given, dict) else torch.from_numpy(np.asarray(given, dtype=np.float32))

        return scores

    def _pooled(self, arrays: list[np.ndarray]) -> np.ndarray:
        """The backbone's features (n, d) of decoded inputs."""
        with autocast(self.resolved.recipe.precision, self._device):
            pooled: np.ndarray = self.backbone(self._inputs(arrays)).pooled.float().cpu().numpy()
        return pooled

    def _measured(self, arrays: list[np.ndarray]) -> np.ndarray:
        """What a method that looks at the inputs themselves reads of them, (n, d)."""
        method = self.resolved.method
        assert isinstance(method, FeatureMethod)
        whole = len(self.backbone.input_shape)
        return np.concatenate([method.measure((one if one.ndim == whole else one[..., None])[None]) for one in arrays])


def batches(items: Iterable[Item], size: int = EVAL_BATCH) -> Iterator[list[Item]]:
    """Lists of so many items, the last one shorter."""
    waiting = iter(items)
    while some := list(islice(waiting, size)):
        yield some


def load_state(model: Model, state: dict[str, Tensor]) -> None:
    """Set the tensors that were trained; the others are the pre-trained ones.

    Raises:
        UsageError: A tensor is of another model: the method's source has changed.
    """
    own = model.state_dict()
    wrong = [name for name, value in state.items() if name not in own or own[name].shape != value.shape]
    missing = sorted(model.added - state.keys())
    if wrong or missing:
        raise UsageError(
            f"The kept weights do not fit the method as it is now, e.g. {(wrong or missing)[0]}. Run the cell again."
        )
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)


__all__ = ["Guess", "Predictor", "load_model"]
