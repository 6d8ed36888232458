"""What report pages say, without a browser: rows with equal means, a person's own images."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from made_results import fill, finished, grid
from photographs import photographs

import bench
from bench.data.audit.examples import examples
from bench.pages.boards import summary, verdicts
from bench.pages.compare import pair_table
from bench.pages.recomputed import _tied
from bench.pages.site import Site
from bench.records import Store
from bench.tasks.classification import Classification


def test_rows_with_equal_means_are_named_together(tmp_path: Path) -> None:
    fill(tmp_path, grid(methods=["lora", "vpt"], seeds=2))
    store = Store(tmp_path)
    for cell in grid(methods=["vpt"], seeds=2):
        record, arrays = store.pair(cell.replace("vpt", "lora"))
        store.put(record.model_copy(update={"cell": cell, "method": finished(cell)[0].method}), arrays)
    (board,) = Site.read(store).boards()
    assert summary(board)["best"][1] == "lora, vpt"


def test_a_pair_has_means_over_the_seeds_that_both_have(tmp_path: Path) -> None:
    cells = [*grid(methods=["lora"], seeds=4), *grid(methods=["vpt"], seeds=2), *grid(methods=["majority"], seeds=1)]
    fill(tmp_path, [*cells, "digits/pico/bitfit/quick/seed=9"])
    (board,) = Site.read(Store(tmp_path)).boards()
    table = pair_table(board)
    assert table is not None
    keys = [column.key for column in table.columns]
    lines = [dict(zip(keys, line.cells, strict=True)) for line in table.lines]
    pairs = {frozenset((line["a"].text, line["b"].text)): line for line in lines}
    one = pairs[frozenset(("lora", "vpt"))]
    own = {r.cell: 100 * (r.stages[-1].metrics["test"]["accuracy"] or 0.0) for r in Store(tmp_path).all()}
    for side in "ab":
        runs = [own[f"digits/pico/{one[side].text}/quick/seed={seed}"] for seed in (0, 1)]
        assert one[f"mean_{side}"].sort == pytest.approx(sum(runs) / 2)
    for line in lines:
        a, b, difference = (line[key].sort or 0.0 for key in ("mean_a", "mean_b", "difference"))
        assert a - b == pytest.approx(difference)
    assert "2 shared seeds" in one["sample"].text
    assert "no shared seed" in pairs[frozenset(("lora", "bitfit"))]["sample"].text
    assert "Unequal seeds (4: lora; 2: vpt; 1: bitfit)" in " ".join(verdicts(board))


def test_the_first_page_says_what_each_group_found(tmp_path: Path) -> None:
    """A sentence with the best, and a link to a page that is there."""
    fill(tmp_path / "runs", [*grid(methods=["majority", "lora"], seeds=3), *grid("pacs", methods=["knn"], seeds=3)])
    bench.report(results=tmp_path / "runs", out=tmp_path / "report")
    index = (tmp_path / "report" / "index.html").read_text()
    told = index[index.index('<dl class="answers">') : index.index("</dl>")]
    (page,) = re.findall(r'href="(board-[^"]*)"', told)  # one row alone is compared with nothing
    assert "Best: LoRA" in told
    assert "Best: LoRA" in (tmp_path / "report" / page).read_text()


def test_methods_at_rates_of_their_own_stand_on_one_board(tmp_path: Path) -> None:
    """Their group is one, so that its page has all of them; the report can be written."""
    cells = [*grid(methods=["lora"], recipe="quick[lr=0.1]"), *grid(methods=["vpt"], recipe="quick[lr=0.2]")]
    fill(tmp_path / "runs", cells)
    (board,) = Site.read(Store(tmp_path / "runs")).boards()
    assert board.compared is not None
    assert {row.key for row in board.rows} == set(board.compared.members)
    bench.report(results=tmp_path / "runs", out=tmp_path / "report")


def test_a_persons_own_images_are_shown(tmp_path: Path, weights: Path) -> None:
    photographs(tmp_path / "data" / "places", 10, 0)
    cell = "image_folder[path=places]/tiny_vit/majority/quick/seed=0"
    bench.run(cell, results=tmp_path / "runs", data=tmp_path / "data", weights=weights, quiet=True)
    (record,) = Store(tmp_path / "runs").all()
    shown, why = examples(record, tmp_path / "data", tmp_path)
    assert ([what for _, what in shown], why) == (["flower", "pagoda", "sky", "trees", "water"], "")


def test_a_metric_that_hangs_on_ties_may_differ_by_little_of_what_they_change() -> None:
    """As AUC of neighbours' votes does between processors; where nothing is tied, nothing is forgiven."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    votes = np.eye(3)[(labels + (rng.random(300) < 0.2)) % 3]
    tied, free = ({"logits": np.log(values + 0.02)} for values in (votes, votes + rng.random((300, 3))))
    task = Classification()
    auc = {name: task.evaluate(labels, outputs)["auc"] for name, outputs in (("tied", tied), ("free", free))}
    assert _tied(task, labels, tied, "auc", auc["tied"] + 1e-4)
    assert not _tied(task, labels, tied, "auc", auc["tied"] + 0.1)
    assert not _tied(task, labels, free, "auc", auc["free"] + 1e-4)
