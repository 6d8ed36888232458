"""A task, a backbone family, an executor and a method of one's own: one file each, in a scratch folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from compared import assert_same_results

from bench.cells.cell import Cell
from bench.core.errors import UsageError
from bench.engine.run import Done, carry_out, run
from bench.engine.settings import Settings
from bench.executors.base import executor_of
from bench.grid.resolve import resolve, resolve_all
from bench.plugins.folders import use_folders
from bench.records import Record, Store
from bench.tables import aggregate, to_json

MULTI_LABEL_TASK = '''
"""Several labels a sample, each present or not."""
from __future__ import annotations

import numpy as np

from bench.tasks.base import Metric, Task


class MultiLabel(Task):
    """Any of C labels a sample; binary cross-entropy; the headline is the share of right labels."""

    metrics = (Metric("mean_accuracy"), Metric("exact_match", shown=True))

    def targets(self, table):
        return table[["round", "closed", "even"]].to_numpy(dtype=np.float32)

    def loss(self, outputs, targets, recipe):
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(outputs, targets)

    def evaluate(self, targets, outputs):
        right = (outputs["logits"] > 0) == (targets > 0.5)
        return {"mean_accuracy": float(right.mean()), "exact_match": float(right.all(1).mean())}

    def item_scores(self, targets, outputs, metric):
        right = (outputs["logits"] > 0) == (targets > 0.5)
        return right.mean(1) if metric == "mean_accuracy" else right.all(1).astype(float)
'''

MULTI_LABEL_DATA = '''
"""Digits described by three properties."""
from bench.data import Folds
from bench.datasets.digits import Digits


class DigitProperties(Digits):
    """Digits: is it round, does it close a loop, is it even?"""

    task = "multi_label"
    classes = ("round", "closed", "even")
    protocols = {"folds": Folds(folds=10, train=(0,), val=(1,), test=(2, 3))}
    expected = {}

    def samples(self, root):
        table = super().samples(root)
        digit = table.pop("label")
        return table.assign(
            round=digit.isin([0, 3, 6, 8, 9]), closed=digit.isin([0, 4, 6, 8, 9]), even=digit % 2 == 0
        )
'''

FAMILY = '''
"""A backbone that looks at the mean colour of four quarters."""
from __future__ import annotations

from pydantic import Field

from bench.backbones.family import BackboneFamily, WeightsInfo


class Quarters(BackboneFamily):
    """Backbones named quarters: one linear layer on the means of four quarters."""

    width: int = Field(8, description="channels of the features")

    @classmethod
    def names(cls, folder):
        return {"quarters": "four means and a linear layer"}

    def find(self, name, folder):
        return WeightsInfo("quarters", 8, (0.5,) * 3, (0.5,) * 3, "bilinear", trained_on="nothing (random)", digest="1")

    def load(self, name, info, pretrained=True):
        import torch
        from torch import nn
        from torch.nn.functional import avg_pool2d

        from bench.backbones.base import Backbone
        from bench.backbones.features import Features, FeatureSpec

        class Trunk(Backbone):
            def __init__(self, shape, width):
                super().__init__()
                self.info, self.input_shape = info, shape
                self.spec = FeatureSpec(width, width, (2, 2), "cnn")
                self.mix = nn.Linear(3, width)

            def forward(self, inputs):
                means = avg_pool2d(inputs, inputs.shape[-1] // 2).flatten(2).transpose(1, 2)
                tokens = self.mix(means)
                return Features(tokens, tokens.mean(1))

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Trunk(self.input_shape(info), self.width).eval()
'''

EXECUTOR = '''
"""Every group in a process of its own, the last group first."""
import pickle
import subprocess
import sys

from pydantic import Field

from bench.executors.base import Executor

ELSEWHERE = """
import pickle, sys
from bench.engine.run import carry_out
carry_out(*pickle.loads(sys.stdin.buffer.read()))
"""


class Processes(Executor):
    """Every group in a process of its own."""

    reverse: bool = Field(True, description="the last group first")

    def execute(self, groups, settings, work):
        for group in reversed(groups) if self.reverse else groups:
            message = pickle.dumps((group.names, settings))
            subprocess.run([sys.executable, "-c", ELSEWHERE], input=message, check=True)
'''

THREE_STAGES = '''
"""Head, then the backbone's biases, then everything, with rates of its own."""
from bench.methods import Method, ParamGroup, Stage


def _biases(name):
    return name.startswith("backbone.") and name.endswith("bias")


def _weights(name):
    return name.startswith("backbone.") and not name.endswith("bias")


class ThreeStages(Method):
    """Three stages, each training other parameters than the one before."""

    def stages(self):
        slow = (ParamGroup("backbone.*norm*", lr_scale=0.5, weight_decay=0.0), ParamGroup("backbone.*", lr_scale=0.1))
        last = Stage("weights", trains=_weights, groups=slow, epochs=1)
        return [Stage("head"), Stage("biases", trains=_biases), last]
'''

PLUGINS = {
    "multi_label": MULTI_LABEL_TASK,
    "digit_properties": MULTI_LABEL_DATA,
    "quarters": FAMILY,
    "processes": EXECUTOR,
    "three_stages": THREE_STAGES,
}


@pytest.fixture
def own(plugin_folder: Path) -> Iterator[Path]:
    """A scratch folder with one file of each kind."""
    for name, code in PLUGINS.items():
        (plugin_folder / f"{name}.py").write_text(dedent(code).lstrip())
    use_folders([plugin_folder])
    yield plugin_folder
    use_folders([])


def carried_out(results: Path, *names: str, weights: Path | None = None, **settings: object) -> Done:
    chosen = {"results": results, "weights": weights, "quiet": True, "device": "cpu", **settings}
    return carry_out(names, Settings(**chosen))  # type: ignore[arg-type]


def records(folder: Path) -> dict[str, Record]:
    return {record.method.name: record for record in Store(folder).all()}


def test_a_task_is_one_file(own: Path, tmp_path: Path) -> None:
    """Trained, selected, recorded and shown by its own metrics; methods know nothing of it."""
    methods = ("linear_probe", "cladapter[k=2]", "full_finetune")
    names = [f"digit_properties/pico[size=32]/{method}/quick[epochs=4,lr=0.01]/seed=0" for method in methods]
    done = carried_out(tmp_path, *names)
    assert not done.failed
    for record in records(tmp_path).values():
        assert record.task == "multi_label"
        assert set(record.metrics["test"]) == {"mean_accuracy", "exact_match"}
        assert record.metrics["test"]["mean_accuracy"] > 0.7
        curve = record.stages[-1].curves["val_mean_accuracy"]
        assert max(curve) == record.metrics["val"]["mean_accuracy"]
    arrays = Store(tmp_path).predictions(done.cells[0])
    assert arrays["test/targets"].shape == arrays["stage1/test/logits"].shape
    right = ((arrays["stage1/test/logits"] > 0) == (arrays["test/targets"] > 0.5)).all(1).mean()
    assert records(tmp_path)["linear_probe"].metrics["test"]["exact_match"] == pytest.approx(right)
    table = aggregate(Store(tmp_path).all())
    assert table.columns[:2] == ("mean_accuracy", "exact_match")
    assert {row["method"] for row in to_json(table)} == {"linear_probe", "cladapter[k=2]", "full_finetune"}


def test_a_method_that_needs_classes_says_so(own: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="knn needs one class a sample"):
        carried_out(tmp_path, "digit_properties/pico/knn/quick/seed=0")


def test_a_backbone_family_is_one_file(own: Path, tmp_path: Path) -> None:
    name = "digits[shots=5]/quarters[width=4]/linear_probe/quick[epochs=1]/seed=0"
    done = carried_out(
        tmp_path, name, name.replace("linear_probe", "full_finetune"), name.replace("linear_probe", "knn")
    )
    assert not done.failed
    assert records(tmp_path)["linear_probe"].parameters.total == 3 * 4 + 4 + 10 * (4 + 1)
    assert "backbone" in records(tmp_path)["linear_probe"].fingerprints
    with pytest.raises(UsageError, match=r"quarters.*'wide'.*'width'"):
        resolve(Cell.parse(name.replace("width", "wide")))


def test_a_change_of_the_family_makes_its_records_stale(own: Path, tmp_path: Path) -> None:
    name = "digits[shots=5]/quarters/knn/quick/seed=0"
    carried_out(tmp_path, name)
    assert carried_out(tmp_path, name).ran == 0
    (own / "quarters.py").write_text(FAMILY.replace("tokens.mean(1)", "tokens.sum(1)").lstrip())
    assert carried_out(tmp_path, name).ran == 1


def test_an_executor_is_one_file_and_gives_the_same_records(own: Path, weights: Path, tmp_path: Path) -> None:
    names = [f"digits[shots=5]/tiny_vit/{m}/quick[epochs=1]/seed=0" for m in ("linear_probe", "full_finetune", "knn")]
    cells = resolve_all((Cell.parse(name) for name in names), weights)
    there = Settings(
        results=tmp_path / "there", weights=weights, quiet=True, device="cpu", executor="processes[reverse=false]",
        plugins=(own,),
    )  # fmt: skip
    done = run(cells, there)
    assert (done.ran, done.failed) == (3, {})
    run(cells, Settings(results=tmp_path / "here", weights=weights, quiet=True, device="cpu"))
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == 3
    with pytest.raises(UsageError, match="processes has no parameter 'backwards'"):
        executor_of("processes[backwards=true]")


def test_three_stages_build_on_each_other(own: Path, weights: Path, tmp_path: Path) -> None:
    """Finding 1: the third stage once started from a head that had forgotten the first."""
    done = carried_out(
        tmp_path, "digits/tiny_vit/three_stages/quick[epochs=3,lr=0.01,stage2_lr=1e-12]/seed=0", weights=weights
    )
    assert not done.failed
    (record,) = Store(tmp_path).all()
    assert [stage.epochs for stage in record.stages] == [3, 3, 1]
    first, second, third = (stage.metrics["test"] for stage in record.stages)
    assert first["accuracy"] > 0.3  # far above chance: the head has learned
    # later stages hardly move at this rate, so they must stand where the first one ended
    assert second["accuracy"] == pytest.approx(first["accuracy"], abs=1e-3)
    assert third["nll"] == pytest.approx(first["nll"], abs=1e-4)


def test_groups_of_parameters_have_their_rates_and_decays(own: Path, weights: Path) -> None:
    from bench.backbones.weights import load
    from bench.cells.notation import Spec
    from bench.methods import HeadSpec
    from bench.methods.build import build_model, trainable_names
    from bench.plugins.registry import load as plugin
    from bench.training.job import stage_jobs
    from bench.training.optim import build_optimizer

    method = plugin("baselines", "three_stages")()
    cell = resolve(Cell.parse("digits/tiny_vit/three_stages/quick[lr=0.01]/seed=0"), weights)
    job = stage_jobs(method, cell.recipe, 0, "last", "context", "source")[2]
    backbone = load(Spec("tiny_vit"), weights)
    model = build_model(backbone, method, HeadSpec(backbone.spec, 10))
    optimizer = build_optimizer(model, trainable_names(model, job.stage), job)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(p)]: (g["factor"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    assert all(not name.endswith("bias") for name in found)
    for name, (factor, decay) in found.items():
        assert (factor, decay) == ((0.5, 0.0) if "norm" in name else (0.1, cell.recipe.weight_decay))
    assert {factor for factor, _ in found.values()} == {0.1, 0.5}


def test_the_process_is_left_as_it_was(own: Path, tmp_path: Path) -> None:
    before = torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory
    carried_out(tmp_path, "digits[shots=5]/quarters/majority/quick/seed=0")
    assert (torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory) == before
