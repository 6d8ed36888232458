"""What adaptation methods cost to train beside full fine-tuning: parameters, work, what is kept for the backward pass.

    python -m perf.methods [--backbone deit_tiny] [--size 112] [--batch 16] [--repeats 3] [--methods lora dtl ...]

Images and labels are made, so no data set is needed. Speed is a learner's step, the methods taking turns in one
process. Bytes kept are those of all tensors that autograd saves in the forward pass of a step, parameters and buffers
left out, each storage once; they do not depend on the machine. Peak memory is that of a process of its own for each row
(of the device, where there is one), less that of the process before the steps.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from bench.backbones.base import Backbone
from bench.backbones.weights import load
from bench.cells.notation import Spec
from bench.core.environment import choose_device
from bench.core.memory import MemoryMeter, resident_memory
from bench.engine.cost import macs_of_backbone
from bench.methods import Method
from bench.methods.build import build_model, trainable_names
from bench.plugins.recipe_files import preset
from bench.plugins.registry import load as plugin
from bench.training.job import stage_jobs
from bench.training.learner import Learner
from bench.training.streams import reseed
from perf.common import alternated, machine, table

CLASSES = 7
WHOLE = "full_finetune"
METHODS = (
    WHOLE, "linear_probe", "bitfit", "ssf", "lora", "dora", "loha", "lokr", "oft", "boft", "hra", "ia3", "vera",
    "randlora", "fourierft", "mora", "vpt", "adaptformer", "adapter[place=houlsby]", "adapter", "convpass", "fact",
    "fact[form=tk,rank=32]", "repadapter", "arc", "bi_adaptformer", "compacter", "lst", "dtl", "dtl[plus=true]",
)  # fmt: skip
HEADINGS = (
    "method", "trained, thousands", "MACs added", "kept for backward, MB an image", "of full", "images/s", "of full",
    "peak memory grows by, MB",
)  # fmt: skip
Step = Callable[[], None]


@dataclass(frozen=True)
class Subject:
    """A learner and a batch that it takes steps on."""

    learner: Learner
    images: Tensor
    labels: Tensor

    def step(self) -> None:
        """One step, the frozen backbone's forward pass included."""
        self.learner.train_mode()
        shared = self.learner.job.shares_backbone
        with torch.no_grad():
            inputs = self.learner.features(self.images) if shared else self.images
        self.learner.step(inputs, self.labels, 0, 0)

    def kept(self) -> int:
        """Bytes that autograd keeps between the forward and the backward pass of a step."""
        model = self.learner.model
        own = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
        sizes: dict[int, int] = {}

        def note(saved: Tensor) -> Tensor:
            storage = saved.untyped_storage()
            if storage.data_ptr() not in own:
                alive.append(saved)  # so that no address is given twice
                sizes[storage.data_ptr()] = storage.nbytes()
            return saved

        alive: list[Tensor] = []
        with saved_tensors_hooks(note, lambda saved: saved):
            self.step()
        return sum(sizes.values())


def main() -> None:
    """Measure every method and print the section for perf/README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="deit_tiny")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--memory", default=None, help="measure this method's memory; used by this script itself")
    chosen = parser.parse_args()
    if chosen.memory is not None:
        print(json.dumps(growth(subject(chosen, chosen.memory))))
        return
    names = list(dict.fromkeys((WHOLE, *chosen.methods)))
    subjects = {name: subject(chosen, name) for name in names}
    kept = {name: one.kept() / chosen.batch for name, one in subjects.items()}
    seconds = alternated({name: one.step for name, one in subjects.items()}, chosen.repeats)
    bare = macs_of_backbone(backbone_of(chosen))
    rows: list[tuple[str, ...]] = [HEADINGS]
    for name, one in subjects.items():
        trained = sum(parameter.numel() for parameter in one.learner.parameters)
        added = macs_of_backbone(one.learner.model.backbone) / bare - 1
        rows.append((
            f"`{name}`", f"{trained / 1e3:,.1f}", f"{100 * added:.1f} %", f"{kept[name] / 1e6:.2f}",
            f"{kept[name] / kept[WHOLE]:.2f}", f"{chosen.batch / seconds[name]:.1f}",
            f"{seconds[WHOLE] / seconds[name]:.2f}", f"{measured_apart(chosen, name) / 2**20:.0f}",
        ))  # fmt: skip
    print(f"{machine()}; {chosen.backbone} at {chosen.size} px, batches of {chosen.batch}\n")
    print(table(rows))


def backbone_of(chosen: argparse.Namespace) -> Backbone:
    """The backbone, on the device."""
    return load(Spec(chosen.backbone, {"size": chosen.size}), None).to(choose_device(None))


def subject(chosen: argparse.Namespace, name: str) -> Subject:
    """A method's learner of its last stage, and made images."""
    spec, recipe, task = Spec.parse(name), preset("quick"), plugin("tasks", "classification")()
    method: Method = plugin("baselines", spec.name).build(spec.name, spec.params)
    job = stage_jobs(method, recipe, 0, "last", "perf", "perf")[-1]
    backbone = backbone_of(chosen)
    reseed(0, "init")
    model = build_model(backbone, method, task.head(backbone.spec, CLASSES, (), "")).to(choose_device(None))
    learner = Learner(job, task, model, trainable_names(model, job.stage), backbone_of(chosen), 100)
    images = torch.randn(chosen.batch, *backbone.input_shape, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(chosen.batch) % CLASSES
    return Subject(learner, images.to(learner.device), labels.to(learner.device))


def growth(one: Subject) -> int:
    """Bytes by which the first two steps raise the peak memory of the device, or of this process."""
    device = one.images.device
    before = torch.cuda.memory_allocated() if device.type == "cuda" else resident_memory()
    with MemoryMeter(device) as meter:
        one.step()
        one.step()
    return meter.peak - before


def measured_apart(chosen: argparse.Namespace, name: str) -> int:
    """`growth` in a process of its own."""
    options = [f"--{option}={getattr(chosen, option)}" for option in ("backbone", "size", "batch")]
    again = [sys.executable, "-m", "perf.methods", *options, "--memory", name]
    return int(json.loads(subprocess.run(again, check=True, capture_output=True, text=True).stdout))


if __name__ == "__main__":
    main()
