"""Charts for print: width in millimetres, one size of letters, no title, fonts embedded."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from made_records import done
from PIL import Image

import bench
from bench.core.errors import UsageError
from bench.engine.run import Done
from bench.plots.export import pdf
from bench.records import Store

RunCells = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in (0, 1, 2):
        for method, hits in {"lora": 80, "cladapter": 70, "knn": 60}.items():
            Store(tmp_path).put(*done(f"pacs/pico/{method}/quick/seed={seed}", right=(hits,)))
    return tmp_path


def box(chart: dict[str, object]) -> tuple[float, float]:
    """Width and height in points, of the PDF."""
    found = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf(chart))
    assert found is not None
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("width", [85, 174])
def test_a_picture_is_as_wide_as_asked(folder: Path, width: int) -> None:
    wide, high = box(bench.plot("comparison", results=folder, width_mm=width))
    assert wide == pytest.approx(width / 25.4 * 72, abs=1)
    untitled = bench.plot("comparison", results=folder, width_mm=width, title=False)
    assert box(untitled)[1] < high
    assert "title" not in untitled
    assert untitled.heading


def test_letters_have_the_size_asked_for(folder: Path) -> None:
    text = json.dumps(bench.plot("pareto", results=folder, font_size=7)["config"])
    sizes = {float(size) for size in re.findall(r'ontSize": ([\d.]+)', text)}
    assert sizes == {7.0, 8.4}
    with pytest.raises(UsageError, match="--font-size"):
        bench.plot("pareto", results=folder, font_size=70)
    with pytest.raises(UsageError, match="--width-mm"):
        bench.plot("pareto", results=folder, width_mm=8.5)


def test_names_of_ones_own_and_embedded_fonts(folder: Path, tmp_path: Path) -> None:
    chart = bench.plot("comparison", results=folder, label=["cladapter=Ours"], out=tmp_path / "figure.pdf")
    assert any("Ours" in str(point) for point in chart.points)
    data = (tmp_path / "figure.pdf").read_bytes()
    streams = b"".join(
        zlib.decompress(part) for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.S) if part[:1] == b"x"
    )
    assert b"/FontFile" in data + streams
    bench.plot("comparison", results=folder, out=tmp_path / "figure.png", width_mm=85)
    assert Image.open(tmp_path / "figure.png").width == pytest.approx(85 / 25.4 * 72 * 3, abs=3)


def test_the_epochs_of_one_row_are_drawn_and_of_several_refused(folder: Path, run_cells: RunCells) -> None:
    run_cells(folder / "trained", ["linear_probe"], "quick[epochs=2]")
    chart = bench.plot("training", results=folder / "trained")
    assert {point["epoch"] for point in chart.points} == {1, 2}
    with pytest.raises(UsageError, match="3 are chosen"):
        bench.plot("training", results=folder)
