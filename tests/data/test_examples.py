"""Example images are passed on only where the licence lets anyone do so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_results import finished
from PIL import Image

from bench.data.audit.examples import examples, picture, shareable


@pytest.mark.parametrize(
    ("licence", "flavours", "free"),
    [
        ("CC BY 4.0", [], True),
        ("CC0", [], True),
        ("CC BY-NC 4.0", [], False),
        ("research use", [], False),
        ("", [], False),
        ("CC BY 4.0 (dermamnist: CC BY-NC 4.0)", ["bloodmnist"], True),
        ("CC BY 4.0 (dermamnist: CC BY-NC 4.0)", ["dermamnist"], False),
    ],
)
def test_licences(licence: str, flavours: list[str], free: bool) -> None:
    assert shareable(licence, flavours) is free


def test_embedded_images_are_written(tmp_path: Path) -> None:
    found, note = examples(finished("digits/pico/vpt/quick/seed=0")[0], tmp_path, tmp_path / "images")
    assert note == ""
    assert [what for _, what in found] == list("01234567")  # one a class
    assert Image.open(tmp_path / "images" / found[0][0]).size == (8, 8)


def test_images_that_may_not_be_passed_on_are_not(tmp_path: Path) -> None:
    found, note = examples(finished("pacs/pico/vpt/quick/seed=0")[0], tmp_path, tmp_path / "images")
    assert found == []
    assert "licence (research use)" in note
    assert not (tmp_path / "images").exists()


def test_volumes_show_their_middle() -> None:
    volume = np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4)
    middle = picture(volume)
    assert middle is not None
    assert (middle == volume[2]).all()
    assert picture(np.zeros((4, 4), np.uint16)) is None
