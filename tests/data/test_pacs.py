"""PACS: domains, folds and the official lists."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from made_images import stubs

from bench.core.errors import DataError, MissingData
from bench.data.audit.checks import audit
from bench.data.prepare import prepare
from bench.datasets.pacs import PACS, SIZES

EACH = 6


def pacs(root: Path, lists: bool = True) -> None:
    """Six images a domain and class; per class the lists give four to train and two to crossval."""
    for domain in SIZES:
        paths = [f"{domain}/{name}/pic_{n}.jpg" for name in PACS.classes for n in range(EACH)]
        stubs(root / "pacs", paths)
        if lists:
            write_list(root, domain, "train", lambda n: n < 4)
            write_list(root, domain, "crossval", lambda n: n >= 4)
            write_list(root, domain, "test", lambda n: True)


def write_list(root: Path, domain: str, part: str, keep: object) -> None:
    lines = [
        f"{domain}/{name}/pic_{n}.jpg {label}"
        for label, name in enumerate(PACS.classes, start=1)
        for n in range(EACH)
        if keep(n)  # type: ignore[operator]
    ]
    (root / "pacs_splits").mkdir(exist_ok=True)
    (root / "pacs_splits" / f"{domain}_{part}_kfold.txt").write_text("\n".join(lines) + "\n")


def test_a_domain_is_left_out(root: Path) -> None:
    pacs(root, lists=False)
    for domain in SIZES:
        prepared = prepare(PACS(protocol=f"leave_{domain}"), root, 0, partial=True)
        assert set(prepared.table["domain"].iloc[prepared.rows("test")]) == {domain}
        assert prepared.counts["test"] == 7 * EACH
        assert sum(prepared.counts.values()) == 4 * 7 * EACH


def domainbed(sizes: dict[str, int], test: str, trial: int) -> dict[str, set[int]]:
    """Numbers within each domain that validate, by DomainBed's own steps: its seed, its shuffle, its first fifth."""
    chosen = {}
    for number, domain in enumerate(sorted(sizes)):
        if domain != test:
            seed = int(hashlib.md5(f"({trial}, {number})".encode()).hexdigest(), 16) % (2**31)
            keys = list(range(sizes[domain]))
            np.random.RandomState(seed).shuffle(keys)
            chosen[domain] = set(keys[: int(sizes[domain] * 0.2)])
    return chosen


@pytest.mark.parametrize("trial", [0, 1])
def test_domainbed_splits_are_those_of_its_trial_seed(root: Path, trial: int) -> None:
    pacs(root, lists=False)
    prepared = prepare(PACS(protocol="domainbed_photo"), root, trial, partial=True)
    assert prepared.counts == {"train": 3 * (42 - 8), "val": 3 * 8, "test": 42}
    expected = domainbed(dict.fromkeys(SIZES, 7 * EACH), "photo", trial)
    for domain, members in prepared.table.groupby("domain", sort=False):
        found = set(np.flatnonzero((members["split"] == "val").to_numpy()).tolist())
        assert found == expected.get(str(domain), set())
        assert (members["split"] == "test").all() == (domain == "photo")


def test_domainbed_splits_vary_with_the_data_seed_and_others_do_not(root: Path) -> None:
    pacs(root, lists=False)
    for protocol, varies in (("domainbed_photo", True), ("leave_photo", False)):
        one, other = (prepare(PACS(protocol=protocol), root, seed, partial=True).table["split"] for seed in (0, 1))
        assert (one != other).any() == varies
        assert ((one == "test") == (other == "test")).all()


def test_official_lists_give_train_and_val_of_the_other_domains(root: Path) -> None:
    pacs(root)
    prepared = prepare(PACS(protocol="official_sketch"), root, 0, partial=True)
    assert prepared.counts == {"train": 3 * 7 * 4, "val": 3 * 7 * 2, "test": 7 * EACH}
    assert set(prepared.table["domain"].iloc[prepared.rows("test")]) == {"sketch"}
    assert prepared.table["path"].iloc[prepared.rows("val")].str.fullmatch(r".*pic_[45]\.jpg").all()


def test_other_protocols_need_no_lists(root: Path) -> None:
    pacs(root, lists=False)
    assert prepare(PACS(protocol="leave_photo"), root, 0, partial=True).counts["train"] > 0
    with pytest.raises(MissingData, match=r"art_painting_train_kfold\.txt"):
        prepare(PACS(protocol="official_photo"), root, 0, partial=True)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("cartoon/elephant/pic_4.jpg 1", "has the label 1 instead of 2"),
        ("cartoon/elephant/pic_9.jpg 2", "names an image that is not there"),
        ("cartoon/dog/pic_0.jpg 1", "names an image a second time"),
        ("cartoon/elephant/pic_4.jpg", "names an image that is not there"),
    ],
)
def test_an_altered_line_is_named(root: Path, line: str, problem: str) -> None:
    pacs(root)
    file = root / "pacs_splits" / "cartoon_crossval_kfold.txt"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], line, *lines[3:]]) + "\n")
    with pytest.raises(DataError, match=rf"cartoon_crossval_kfold\.txt, line 3: .*{problem}"):
        prepare(PACS(protocol="official_photo"), root, 0, partial=True)
    assert prepare(PACS(protocol="leave_photo"), root, 0, partial=True).counts["test"] == 42


def test_a_corrected_copy_wins_and_the_audit_tells(root: Path) -> None:
    pacs(root)
    file = root / "pacs_splits" / "cartoon_crossval_kfold.txt"
    right = file.read_text()
    file.write_text(right.replace("cartoon/dog/pic_4.jpg 1", "cartoon/dog/pic_4.jpg 0"))
    (file.parent / "corrected").mkdir()
    (file.parent / "corrected" / file.name).write_text(right)
    assert prepare(PACS(protocol="official_photo"), root, 0, partial=True).counts["val"] == 42
    remarks = [problem["detail"] for problem in audit(PACS(), root)["problems"] if problem["kind"] == "source"]
    assert len(remarks) == 1
    assert "cartoon_crossval_kfold.txt differs from" in remarks[0]


def test_an_unlisted_image_is_named(root: Path) -> None:
    pacs(root)
    stubs(root / "pacs", ["photo/dog/pic_77.jpg"])
    with pytest.raises(DataError, match=r"photo/dog/pic_77\.jpg is in none of the lists"):
        prepare(PACS(protocol="official_sketch"), root, 0, partial=True)


def test_a_missing_class_folder_is_named(root: Path) -> None:
    pacs(root)
    for file in (root / "pacs" / "photo" / "house").iterdir():
        file.unlink()
    (root / "pacs" / "photo" / "house").rmdir()
    with pytest.raises(DataError, match="photo/house"):
        prepare(PACS(), root, 0, partial=True)
