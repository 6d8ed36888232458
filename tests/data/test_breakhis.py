"""BreakHis: its published counts, its patients, its file names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from counted import crosstab
from made_images import stubs

from bench.core.errors import DataError
from bench.data.prepare import prepare
from bench.datasets.breakhis import SIZES, TYPES, BreakHis


def slide(kind: str, case: str, magnification: int, count: int) -> list[str]:
    side, letter = ("benign", "B") if kind in ("A", "F", "PT", "TA") else ("malignant", "M")
    folder = f"histology_slides/breast/{side}/SOB/{TYPES[kind]}/SOB_{letter}_{kind}_14-{case}/{magnification}X"
    return [f"{folder}/SOB_{letter}_{kind}-14-{case}-{magnification}-{n:03d}.png" for n in range(1, count + 1)]


def breakhis(root: Path, magnification: int = 200) -> None:
    """The malignant part at full published size, spread over slides; 13412 lies under DC and LC."""
    sizes = {"DC": 896, "LC": 163, "MC": 196, "PC": 135}
    paths: list[str] = []
    for kind, size in sizes.items():
        slides = 9
        for number in range(slides):
            case = "13412" if number == 0 and kind in ("DC", "LC") else f"{2000 + number}{list(sizes).index(kind)}AB"
            paths += slide(kind, case, magnification, size // slides + (number < size % slides))
    stubs(root / "BreaKHis_v1", paths)


def test_breakhis_paper_has_the_published_counts_and_declares_its_leak(root: Path) -> None:
    breakhis(root)
    prepared = prepare(BreakHis(), root, 0)
    assert prepared.counts == {"train": 834, "val": 278, "test": 278}
    assert prepared.class_names == (
        "ductal_carcinoma",
        "lobular_carcinoma",
        "mucinous_carcinoma",
        "papillary_carcinoma",
    )
    assert sum(map(np.array, crosstab(prepared).values())).tolist() == [896, 163, 196, 135]  # type: ignore[arg-type]
    assert prepared.leaks["patient"] > 20


def test_breakhis_patients_are_disjoint(root: Path) -> None:
    breakhis(root)
    table = prepare(BreakHis(protocol="patient"), root, 0).table
    assert table.groupby("group")["split"].nunique().max() == 1
    assert table[table["group"] == "14-13412"]["label"].nunique() == 2


def test_breakhis_letters_name_blocks_of_one_case(root: Path) -> None:
    breakhis(root)
    assert "14-20010" in set(prepare(BreakHis(), root, 0).table["group"])


@pytest.mark.parametrize(("n_classes", "labels"), [(2, [0, 0, 1]), (8, [0, 3, 5])])
def test_breakhis_classes(root: Path, n_classes: int, labels: list[int]) -> None:
    stubs(root / "BreaKHis_v1", [*slide("A", "1", 40, 1), *slide("TA", "2", 40, 1), *slide("LC", "3", 40, 1)])
    table = BreakHis(n_classes=n_classes, magnification=40).samples(root)
    by_type = table.set_index(table["path"].str.extract(r"SOB_._([A-Z]+)-")[0])["label"]
    assert [by_type[kind] for kind in ("A", "TA", "LC")] == labels


def test_breakhis_says_which_magnifications_there_are(root: Path) -> None:
    stubs(root / "BreaKHis_v1", slide("DC", "1", 100, 1))
    with pytest.raises(DataError, match=r"no 200X images.*found 100X"):
        BreakHis().samples(root)


@pytest.mark.parametrize(("magnification", "size"), [(40, 1995), (100, 2081), (200, 2013), (400, 1820)])
def test_breakhis_expects_all_published_images(magnification: int, size: int) -> None:
    for n_classes in (2, 8):
        per_class = BreakHis(magnification=magnification, n_classes=n_classes).expects()["total"]
        assert isinstance(per_class, tuple)
        assert sum(per_class) == size
        assert len(per_class) == n_classes
    assert sum(map(sum, SIZES.values())) == 7909


def test_breakhis_without_training_images_of_a_type_needs_partial(root: Path) -> None:
    kinds = ("DC", "MC", "PC")  # no LC at all
    paths = [path for n, kind in enumerate(kinds) for case in range(5) for path in slide(kind, f"{n}{case}", 200, 2)]
    stubs(root / "BreaKHis_v1", paths)
    assert prepare(BreakHis(protocol="patient"), root, 0, partial=True).untrained == (1,)


@pytest.mark.parametrize("name", ["SOB_M_XX-14-1-200-001.png", "holiday.png", "SOB_M_LC-14-1-200-001.png",
                                  "SOB_B_DC-14-1-200-002.png", "SOB_M_DC-14-1-400-001.png"])  # fmt: skip
def test_breakhis_refuses_strange_names(root: Path, name: str) -> None:
    paths = slide("DC", "1", 200, 1)
    stubs(root / "BreaKHis_v1", [*paths, str(Path(paths[0]).with_name(name))])
    with pytest.raises(DataError, match=name):
        BreakHis().samples(root)
