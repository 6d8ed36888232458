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
from bench.data.formats.vectors import PassOn
from bench.data.inference_inputs import Fresh
from bench.engine.saved_model import MODEL, TEXT
from bench.engine.saved_model_facts import Facts, read_facts
from bench.grid.resolve import Resolved, resolve
from bench.methods.base import FeatureMethod, Method
from bench.methods.build import build_model
from bench.methods.model import Model
from bench.plugins.fingerprint import code_identity
from bench.tasks.base import FeatureSplit, HeadSpec
from bench.training.context import EVAL_BATCH
from bench.training.job import shares_backbone
from bench.training.modes import autocast
from bench.training.streams import reseed

Item = TypeVar("Item")
Scores = Callable[[list[np.ndarray]], Tensor]


def load_model(path: Path | str, weights: Path | None = None, device: str | None = None) -> Predictor:
    """Build the model whose weights a file holds.

    Args:
        path: Written by ``bench run --keep-weights``, beside the cell's record.
        weights: Folder of pre-trained weights, or None for ``BENCH_WEIGHTS`` or timm's hub.
        device: torch device name, or None for CUDA when there is one, else the CPU.

    Raises:
        UsageError: It is no such file, its plug-ins or the pre-trained weights are not here or are others, or its task
            gives no class probabilities.
    """
    facts = read_facts(Path(path))
    folder = weights_folder(weights)
    resolved = resolve(Cell.parse(facts.cell), folder)
    if not resolved.task.single_label:
        task = resolved.task.plugin_name()
        raise UsageError(f"{facts.cell} has the task {task}: only classes can be predicted here.")
    name = resolved.cell.backbone.name
    info = resolved.backbone.fetch(name, folder)
    if info.digest != facts.weights:
        raise UsageError(
            f"{path} belongs to the weights {facts.weights[:19]}... of {name}; those here are {info.digest[:19]}... "
            "Name the folder that holds the former by --weights."
        )
    backbone = resolved.backbone.load(name, info).to(choose_device(device))
    return Predictor(facts, resolved, info, backbone, load_file(path, device=str(choose_device(device))))


@dataclass(frozen=True)
class Guess:
    """What a model says of one input.

    Attributes:
        name: The input's file.
        probabilities: (C,) in the order of the classes; empty where it could not be read.
        problem: Why it could not be read, or "".
    """

    name: str
    probabilities: np.ndarray
    problem: str = ""


@dataclass(frozen=True)
class Predictor:
    """A trained or fitted model: ``predictor(inputs)`` gives class probabilities.

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
        """Class names in the order of the probabilities; numbers where the data set names none."""
        return self.facts.class_names or tuple(str(number) for number in range(self.facts.classes))

    @property
    def changed(self) -> bool:
        """Whether the method's source has changed since the weights were kept."""
        return code_identity(type(self.resolved.method)) != self.facts.source

    @property
    def takes_images(self) -> bool:
        """Whether inputs are images, not volumes or vectors."""
        return len(self.facts.cached) == 3 and self.facts.cached[-1] == 3

    def __call__(self, inputs: Any) -> np.ndarray:
        """Class probabilities (n, C), float64, of one input or a list of n.

        Args:
            inputs: Paths, Pillow images or arrays; see `bench.data.inference_inputs.Fresh`.

        Raises:
            DataError: One cannot be read, or is of another kind than the training inputs.
        """
        several = inputs if isinstance(inputs, list | tuple) else [inputs]
        decoded = (self.fresh(one) for one in several)
        return self._probabilities(decoded) if several else np.empty((0, self.facts.classes))

    def guesses(self, files: Sequence[Path]) -> Iterator[Guess]:
        """Class probabilities of files, in order; one that cannot be read is said so and does not stop the others."""
        for some in batches(files):
            decoded, problems = dict[Path, np.ndarray](), dict[Path, str]()
            for file in some:
                try:
                    decoded[file] = self.fresh(file)
                except DataError as error:
                    problems[file] = str(error)
            found = dict(zip(decoded, self._probabilities(decoded.values()), strict=True)) if decoded else {}
            for file in some:
                yield Guess(str(file), found.get(file, np.empty(0)), problems.get(file, ""))

    @cached_property
    def fresh(self) -> Fresh:
        """What reads one input."""
        facts, resolved = self.facts, self.resolved
        wanted = self.backbone.input_shape
        return Fresh(resolved.dataset, facts.by_adapter, facts.cached, wanted, resolved.recipe, self.info.interpolation)

    @torch.no_grad()
    def _probabilities(self, arrays: Iterable[np.ndarray]) -> np.ndarray:
        with determinism():
            found = [self._scores(some).cpu().double().softmax(1).numpy() for some in batches(arrays)]
        return np.concatenate(found)

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
        spec = self.resolved.task.head(self.backbone.spec, facts.classes, facts.class_names, recipe.head)
        return replace(spec, text=self.tensors.get(TEXT), support=lambda: self._features("train"))

    def _features(self, split: str) -> FeatureSplit:
        x, y = (self.tensors[f"{split}.{part}"].cpu().numpy() for part in "xy")
        return FeatureSplit(x, y)

    @cached_property
    def _scores(self) -> Scores:
        """From decoded inputs to logits (B, C), float32."""
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
        return lambda arrays: torch.from_numpy(np.asarray(fitted.predict(read(arrays)), dtype=np.float32))

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
