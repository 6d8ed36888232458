"""The files of docs/extending.md, as they stand there, in a scratch folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

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

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
NAMED = re.compile(r"`plugins/(\w+)\.py`:\n\n```python\n(.*?)```\n", re.DOTALL)
PLUGINS: dict[str, str] = dict(NAMED.findall(PAGE.read_text()))
FAMILY = PLUGINS["quarters"]


@pytest.fixture
def own(plugin_folder: Path) -> Iterator[Path]:
    """A scratch folder with one file of each kind."""
    for name, code in PLUGINS.items():
        (plugin_folder / f"{name}.py").write_text(code)
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
    (own / "quarters.py").write_text(FAMILY.replace("tokens.mean(1)", "tokens.sum(1)"))
    assert carried_out(tmp_path, name).ran == 1


def test_an_executor_is_one_file_and_gives_the_same_records(own: Path, weights: Path, tmp_path: Path) -> None:
    names = [f"digits[shots=5]/tiny_vit/{m}/quick[epochs=1]/seed=0" for m in ("full_finetune", "knn")]
    cells = resolve_all((Cell.parse(name) for name in names), weights)
    there = Settings(
        results=tmp_path / "there", weights=weights, quiet=True, device="cpu", executor="processes[reverse=false]",
        plugins=(own,),
    )  # fmt: skip
    done = run(cells, there)
    assert (done.ran, done.failed) == (2, {})
    run(cells, Settings(results=tmp_path / "here", weights=weights, quiet=True, device="cpu"))
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == 2
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
    from bench.training.optim import build_optimizers

    method = plugin("baselines", "three_stages")()
    cell = resolve(Cell.parse("digits/tiny_vit/three_stages/quick[lr=0.01]/seed=0"), weights)
    job = stage_jobs(method, cell.recipe, 0, "last", "context", "source")[2]
    backbone = load(Spec("tiny_vit"), weights)
    model = build_model(backbone, method, HeadSpec(backbone.spec, 10))
    (optimizer,) = build_optimizers(model, trainable_names(model, job.stage), job)
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
