"""Sets with a folder a domain, and sets with list files, against PACS itself, DomainBed's rule and published counts."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from made_images import domain_folders, vtab_lists

from bench.core.errors import DataError, MissingData
from bench.data.formats.lists import listed
from bench.data.prepare import checked_table, prepare
from bench.data.tables.domains import DomainFolders, counts_of, protocols_of
from bench.data.tables.splits import DomainHoldout
from bench.datasets.pacs import PACS, SIZES
from bench.datasets.vlcs import VLCS
from bench.datasets.vtab import NATURAL, SETS, SPECIALISED, STRUCTURED, VTAB
from bench.plugins.registry import load


class PacsFolders(DomainFolders):
    """PACS by the general reader."""

    task = "classification"
    folder = "pacs"
    domains = tuple(SIZES)
    protocols = protocols_of(domains)
    expected = counts_of(SIZES)


@pytest.mark.realdata
@pytest.mark.parametrize("domain", SIZES)
def test_pacs_as_a_folder_a_domain_is_pacs(domain: str) -> None:
    if not (place := os.environ.get("BENCH_DATA")) or not (Path(place) / "pacs").is_dir():
        pytest.skip("BENCH_DATA holds no PACS")
    general = prepare(PacsFolders(protocol=f"leave_{domain}"), Path(place), 3)
    pacs = prepare(PACS(protocol=f"domainbed_{domain}"), Path(place), 3)
    assert general.counts == pacs.counts
    for column in ("id", "label", "domain", "split"):
        assert general.table[column].tolist() == pacs.table[column].tolist()
    assert prepare(PacsFolders(protocol=f"oracle_{domain}"), Path(place), 3).differences == {}


def test_the_two_selections_train_on_the_same_samples(root: Path) -> None:
    domain_folders(root, VLCS, 5, 4)
    table = checked_table(VLCS(), root)
    leave, oracle = (DomainHoldout(test="SUN09", oracle=oracle)(table, 1) for oracle in (False, True))
    assert (leave == "train").tolist() == (oracle == "train").tolist()
    assert set(table["domain"][oracle == "val"]) == set(table["domain"][oracle == "test"]) == {"SUN09"}
    assert set(table["domain"][leave == "val"]) == set(VLCS.domains) - {"SUN09"}
    assert ((oracle == "val").sum(), (oracle == "test").sum()) == (4, 16)


def test_a_class_that_a_domain_lacks_is_named(root: Path) -> None:
    domain_folders(root, VLCS, 5, 1)
    (root / "VLCS" / "SUN09" / "c4").rename(root / "VLCS" / "SUN09" / "c9")
    with pytest.raises(DataError, match=r"SUN09.*Caltech101.*'c4'"):
        checked_table(VLCS(), root)


def test_other_numbers_of_classes_are_refused(root: Path) -> None:
    domain_folders(root, VLCS, 4, 1)
    with pytest.raises(DataError, match="holds 4 class folders a domain; 5 are published"):
        checked_table(VLCS(), root)


@pytest.mark.parametrize("name", ["vlcs", "office_home", "terra_incognita", "domain_net"])
def test_protocols_are_written_without_quotes(name: str) -> None:
    names = load("datasets", name).protocols
    assert [protocol for protocol in names if not re.fullmatch(r"(leave|oracle)_[a-z0-9_]+", protocol)] == []


def test_vtab_has_three_groups_of_nineteen_sets() -> None:
    assert (len(NATURAL), len(SPECIALISED), len(STRUCTURED), len(SETS)) == (7, 4, 8, 19)


@pytest.mark.parametrize(("protocol", "counts"), [("select", (10, 10, 10)), ("full", (20, 0, 10))])
def test_vtab_follows_its_lists(root: Path, protocol: str, counts: tuple[int, ...]) -> None:
    vtab_lists(root / "vtab-1k" / "eurosat", 10)
    prepared = prepare(VTAB(subset="eurosat", protocol=protocol), root, 0, partial=True)
    assert tuple(prepared.counts.values()) == counts
    assert np.array_equal(np.bincount(prepared.table["label"]), np.full(10, sum(counts) // 10))
    whole = {"select": (800, 200, 5400), "full": (1000, 0, 5400)}[protocol]
    assert prepared.differences["test"] == {"expected": whole[2], "found": 10}
    assert prepared.differences["train"]["expected"] == whole[0]


def test_vtab_names_a_listed_image_that_is_not_there(root: Path) -> None:
    place = root / "vtab-1k" / "eurosat"
    vtab_lists(place, 10)
    (place / "images/test/000003.jpg").unlink()
    with pytest.raises(DataError, match=r"1 listed images are not in .*images/test/000003\.jpg"):
        checked_table(VTAB(subset="eurosat"), root)


def test_lists_take_spaces_in_paths(root: Path) -> None:
    (root / "l.txt").write_text("a b/c.jpg 3\n\nd.jpg 0\n")
    assert list(listed(root / "l.txt")) == [("a b/c.jpg", 3), ("d.jpg", 0)]


@pytest.mark.parametrize("line", ["a.jpg", "a.jpg x", "a.jpg -1", " 3"])
def test_a_line_that_is_no_path_and_class_is_named(root: Path, line: str) -> None:
    (root / "l.txt").write_text(f"a.jpg 0\n{line}\n")
    with pytest.raises(DataError, match=r"l\.txt, line 2"):
        list(listed(root / "l.txt"))


def test_a_list_that_is_not_there_is_named(root: Path) -> None:
    with pytest.raises(MissingData, match=r"l\.txt"):
        list(listed(root / "l.txt"))
