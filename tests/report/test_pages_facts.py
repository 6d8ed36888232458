"""What report pages say, without a browser: rows with equal means, a person's own images."""

from __future__ import annotations

from pathlib import Path

from made_results import fill, finished, grid
from photographs import photographs

import bench
from bench.data.examples import examples
from bench.records import Store
from bench.report.boards import summary
from bench.report.site import Site


def test_rows_with_equal_means_are_named_together(tmp_path: Path) -> None:
    fill(tmp_path, grid(methods=["lora", "vpt"], seeds=2))
    store = Store(tmp_path)
    for cell in grid(methods=["vpt"], seeds=2):
        record, arrays = store.pair(cell.replace("vpt", "lora"))
        store.put(record.model_copy(update={"cell": cell, "method": finished(cell)[0].method}), arrays)
    (board,) = Site.read(store).boards()
    assert summary(board)["best"][1] == "lora, vpt"


def test_a_persons_own_images_are_shown(tmp_path: Path, weights: Path) -> None:
    photographs(tmp_path / "data" / "places", 10, 0)
    cell = "image_folder[path=places]/tiny_vit/majority/quick/seed=0"
    bench.run(cell, results=tmp_path / "runs", data=tmp_path / "data", weights=weights, quiet=True)
    (record,) = Store(tmp_path / "runs").all()
    shown, why = examples(record, tmp_path / "data", tmp_path)
    assert ([what for _, what in shown], why) == (["flower", "pagoda", "sky", "trees", "water"], "")
