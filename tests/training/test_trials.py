"""Trials: equal for all methods, halved by validation scores, chosen, and marked where the best lies at an edge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.cells.notation import Spec
from bench.cells.recipes import at, points, sized
from bench.core.errors import DataError, NonFiniteLoss, UsageError
from bench.engine.run import Done
from bench.methods.base import Method
from bench.plugins import registry
from bench.plugins.recipe_files import preset, resolve
from bench.records import Store
from bench.tables import aggregate
from bench.tasks.base import Metric, better
from bench.tasks.classification import Classification
from bench.training.job import stage_jobs
from bench.training.progress import Progress
from bench.training.stages import Trained
from bench.training.trials import Trial, choose, halving, rungs

HEADLINE = Classification.metrics[0]
# (lr of what a method adds, lr of pre-trained weights) as CLAdapter's paper and code have them, stage by stage.
PUBLISHED = [(1e-4, 1e-4), (1e-4, 1e-5)]


def trained_methods() -> dict[str, Method]:
    found = {name: registry.load("baselines", name) for name in registry.catalog("baselines")}
    return {name: cls() for name, cls in found.items() if issubclass(cls, Method)}


def jobs_of(method: Method) -> list[list]:  # type: ignore[type-arg]
    backbone = any(stage.trains_backbone for stage in method.stages())
    recipe = preset("tuned")
    return [
        stage_jobs(method, at(recipe, point), 0, "val_best", "data", "code")
        for point in points(recipe, method.plugin_name(), backbone)
    ]


def test_every_method_is_offered_the_same_trials_and_epochs() -> None:
    budgets = {}
    for name, method in trained_methods().items():
        found = jobs_of(method)
        budgets[name] = (len(found), sum(job.epochs for jobs in found for job in jobs))
    assert set(budgets.values()) == {(16, 16 * 20)}
    assert {"linear_probe", "full_finetune", "staged_finetune", "l2_sp", "lora", "cladapter"} <= set(budgets)


def test_the_published_rates_lie_inside_each_grid() -> None:
    recipe = preset("tuned")
    assert preset("paper").lr == PUBLISHED[0][0]
    assert preset("paper").lr * preset("paper").stage2_lr == pytest.approx(PUBLISHED[1][1])
    for added, own in PUBLISHED:
        for grid in (recipe.lr_grid, recipe.coarse_lr_grid):
            assert min(grid) < added < max(grid)
        assert min(recipe.backbone_lr_grid) < own < max(recipe.backbone_lr_grid)
    assert max(recipe.lr_grid) > 0.1  # probes
    assert min(recipe.backbone_lr_grid) <= 1e-5


def test_a_grid_that_would_give_methods_different_numbers_of_trials_is_refused() -> None:
    with pytest.raises(UsageError, match="as many"):
        resolve(Spec("tuned", {"lr_grid": [1e-4, 1e-3]}))
    with pytest.raises(UsageError, match="set lr_grid"):
        resolve(Spec("paper", {"halve_at": [0.5]}))
    assert set(registry.catalog("recipes")) >= {"paper", "released", "tuned", "quick"}


def test_trials_that_differ_in_the_backbones_rate_share_the_stage_on_the_frozen_backbone() -> None:
    staged = jobs_of(trained_methods()["staged_finetune"])
    assert (len({jobs[0].key for jobs in staged}), len({jobs[1].key for jobs in staged})) == (4, 16)


def made(number: int, scores: list[float], rate: float, backbone_lr: float | None = None) -> Trial:
    best = max(scores)
    progress = Progress(epoch=len(scores), best_score=best, curves={"val_accuracy": scores})
    job = SimpleNamespace(key=str(number), epochs=8)
    own = {} if backbone_lr is None else {"backbone_lr": backbone_lr}
    return Trial({"lr": rate, **own}, [Trained(job, progress, 1)], None)  # type: ignore[arg-type]


def test_halving_keeps_the_better_half_and_a_resumed_run_decides_alike() -> None:
    curves = [[10.0] * 8, [20, 50, 50, 50, 50, 50, 50, 50], [30.0] * 8, [5, 5, 5, 5, 99, 99, 99, 99]]
    asked: list[tuple[int, int | None]] = []

    def train(number: int, until: int | None, ahead: int = 0) -> Trial:
        asked.append((number, until))
        return made(number, curves[number][: max(until or 8, ahead)], 0.1)

    found = halving(4, train, 8, (0.25, 0.5), HEADLINE)
    assert asked == [(0, 2), (1, 2), (2, 2), (3, 2), (1, 4), (2, 4), (1, None)]
    assert [trial.stopped for trial in found] == [True, False, True, True]
    # an interrupted run that is further than the rung: what came after it must not decide
    again = halving(4, lambda number, until: train(number, until, ahead=8), 8, (0.25, 0.5), HEADLINE)
    assert [trial.stopped for trial in again] == [True, False, True, True]
    assert choose(again, HEADLINE)[0] is again[1]


def test_a_trial_that_diverges_is_not_compared() -> None:
    def train(number: int, until: int | None) -> Trial:
        if number == 0:
            return Trial({"lr": 1.0}, [], NonFiniteLoss("inf"))
        return made(number, [float(number)] * (until or 8), 0.1)

    best, tuning = choose(halving(3, train, 8, (0.5,), HEADLINE), HEADLINE)
    assert best.score == 2
    assert [("error" in one, one.get("stopped", False)) for one in tuning.trials] == [
        (True, False), (False, True), (False, False),
    ]  # fmt: skip
    assert (tuning.number, tuning.offered, tuning.spent) == (3, 24, 12)


def test_rungs_are_before_the_last_epoch() -> None:
    assert rungs(20, (0.25, 0.5)) == [5, 10]
    assert rungs(10, (0.25, 0.5)) == [3, 5]
    assert rungs(1, (0.25, 0.5)) == []


def test_an_edge_is_named_unless_a_rate_between_is_as_good() -> None:
    def edges(*scores: float) -> list[str]:
        tried = [made(n, [score], 10.0**n) for n, score in enumerate(scores)]
        return choose(tried, HEADLINE)[1].edges

    assert edges(3, 2, 1) == ["lr=1 is the lowest of 3 tried"]
    assert edges(1, 2, 3) == ["lr=100 is the highest of 3 tried"]
    assert edges(1, 3, 2) == []
    assert edges(3, 3, 1) == []
    both = [made(2 * a + b, [a + 2 * b], 10.0**a, 10.0 ** -(b + 1)) for a in range(3) for b in range(2)]
    assert choose(both, HEADLINE)[1].edges == [
        "lr=100 is the highest of 3 tried",
        "backbone_lr=0.01 is the lowest of 2 tried",
    ]


GRID = "lr_grid=[1e-5,1e-4,1e-3,1e-2],coarse_lr_grid=[1e-4,1e-3],backbone_lr_grid=[1e-5,1e-3],halve_at=[0.25,0.5]"
RunCells = Callable[..., Done]


def test_a_tuned_run_records_its_budget_and_equals_the_chosen_rates_alone(run_cells: RunCells, tmp_path: Path) -> None:
    methods = ["linear_probe", "full_finetune", "staged_finetune"]
    run_cells(tmp_path, methods, f"quick[epochs=4,epochs_per=cell,{GRID}]", "tiny_vit")
    records = {record.method.name: record for record in Store(tmp_path).all()}
    assert {name: (r.budget.trials, r.budget.offered) for name, r in records.items()} == dict.fromkeys(methods, (4, 16))
    assert records["linear_probe"].budget.epochs == 16
    assert records["full_finetune"].budget.epochs == 4 * 1 + 2 * 1 + 1 * 2
    assert records["staged_finetune"].budget.epochs == 2 * 2 + 4 * 1 + 2 * 1  # two first stages, shared
    full = records["full_finetune"]
    best = max((t for t in full.diagnostics["tuning"] if "stopped" not in t), key=lambda t: t["val_accuracy"])
    rates = f"lr={best['lr']!r},backbone_lr={best['backbone_lr']!r}"
    run_cells(tmp_path / "alone", ["full_finetune"], f"quick[epochs=4,epochs_per=cell,{rates}]", "tiny_vit")
    [alone] = Store(tmp_path / "alone").all()
    assert full.stages == alone.stages
    table = aggregate(Store(tmp_path).all(), columns=("accuracy", "trials", "epochs"))
    marks = {row.key.method: "edge of grid" in row.warnings for row in table.rows}
    assert marks == {name: bool(record.flags.grid_edges) for name, record in records.items()}
    assert marks["full_finetune"]  # of two values each, one is always an edge


def test_large_sets_get_fewer_epochs_in_proportion() -> None:
    recipe = preset("own")
    assert (recipe.epochs, recipe.head_epochs, recipe.samples) == (10, 20, 2000)
    found = {train: (sized(recipe, train).epochs, sized(recipe, train).head_epochs) for train in (120, 400, 1200, 9000)}
    assert found == {120: (10, 20), 400: (5, 10), 1200: (1, 2), 9000: (1, 2)}
    assert sized(preset("paper"), 9000) == preset("paper")


NAN = float("nan")


def scored(*scores: float) -> list[Trial]:
    """Whole trials with these validation scores."""
    job = SimpleNamespace(key="k", epochs=1)
    return [
        Trial({"lr": 10.0**-number}, [Trained(job, Progress(epoch=1, best_score=score), 1)], None)  # type: ignore[arg-type]
        for number, score in enumerate(scores)
    ]


@pytest.mark.parametrize("scores", [(NAN, 0.9), (NAN, NAN, 0.9), (0.9, NAN), (0.1, NAN, 0.9)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_score_that_is_no_number_never_wins(scores: tuple[float, ...], sign: int) -> None:
    metric = Metric("m", higher_is_better=sign > 0)
    best, _ = choose(scored(*(sign * score for score in scores)), metric)
    assert best.score == sign * 0.9
    assert [better(metric, NAN, 0.5), better(metric, 0.5, NAN), better(metric, NAN, NAN)] == [False, True, False]


def test_where_no_score_is_a_number_nothing_is_chosen() -> None:
    with pytest.raises(DataError, match="accuracy is undefined"):
        choose(scored(NAN, NAN), HEADLINE)
    assert choose(scored(NAN), HEADLINE)[1].number == 1  # one trial needs no choice
