"""The picture of a result shows the numbers of the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import done

from bench.core.errors import UsageError
from bench.plots.comparison import comparison
from bench.tables import aggregate


def draw(names: dict[str, tuple[int, ...]]):  # type: ignore[no-untyped-def]  # a matplotlib Figure
    return comparison(aggregate([done(name, right=right)[0] for name, right in names.items()], stages=True))


def test_points_intervals_and_floors(tmp_path: Path) -> None:
    setting = "digits/pico/{}/quick/seed=0"
    drawn = draw(
        {
            setting.format("majority"): (25,),
            setting.format("knn"): (70,),
            setting.format("linear_probe"): (60,),
            setting.format("cladapter"): (75, 90),
        }
    )
    axes = drawn.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "cladapter stage1",
        "cladapter stage2",
        "linear_probe",
    ]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(line.get_xdata()[0]) for line in points] == pytest.approx([75, 90, 60])
    assert [line.get_markerfacecolor() for line in points] == ["white", points[1].get_color(), points[1].get_color()]
    floors = [float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() == "--"]
    assert floors == pytest.approx([25, 70])
    drawn.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_several_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="not 2"):
        draw({"digits/pico/vpt/quick/seed=0": (60,), "pacs/pico/vpt/quick/seed=0": (60,)})
