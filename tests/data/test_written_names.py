"""Names and tables as people write them: blanks, capitals, accents, empty cells, columns that are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_images import class_folders, picture

from bench.core.errors import DataError
from bench.data.audit.checks import audit
from bench.data.prepare import Prepared, prepare
from bench.data.tables.names import alike, is_empty, meant
from bench.datasets.csv_images import CsvImages
from bench.datasets.image_folder import ImageFolder

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.fixture
def place(root: Path) -> Path:
    """Twenty pictures, no two alike, for lists to name."""
    for number in range(20):
        picture(root / "own" / "img" / f"{number}.png", number)
    return root


def listed(place: Path, header: str, lines: list[str], **fields: Any) -> CsvImages:
    (place / "own" / "list.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return CsvImages(path="own/list.csv", **fields)


def prepared(place: Path, header: str, lines: list[str], **fields: Any) -> Prepared:
    return prepare(listed(place, header, lines, **fields), place, 0)


def lines_of(end: str = "", group: str = "P{}", label: str = "{}") -> list[str]:
    names = ("cat", "dog")
    return [
        f"img/{n}.png,{label.format(names[n % 2])}{',' + group.format(n % 5) if group else ''}{end}" for n in range(20)
    ]


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("P0", "P0 ", "blanks"), ("cat", "Cat", "capitals"), (COMPOSED, DECOMPOSED, "accents"),
        ("4", "4.0", "how they are written"), ("big  cat", "big cat", "blanks"),
    ],
)  # fmt: skip
def test_names_that_a_person_takes_for_one(one: str, other: str, how: str) -> None:
    assert how in alike([one, "something else", other])
    assert alike(["4", "40", "P0", "P1", "cat", "cats"]) == ""


def test_what_says_that_nothing_is_known() -> None:
    assert all(map(is_empty, ["", "  ", "NaN", "NA", "none", "NULL", "n/a"]))
    assert not any(map(is_empty, ["0", "nano", "no", "-"]))


@pytest.mark.parametrize("column", ["group", "label"])
def test_blanks_around_values_make_no_other_group_and_no_other_class(column: str, place: Path) -> None:
    """One patient in two splits, and four classes of two, otherwise."""
    lines = lines_of()
    which = {"group": 2, "label": 1}[column]
    for number in range(0, 20, 3):
        parts = lines[number].split(",")
        parts[which] = f" {parts[which]} "
        lines[number] = ",".join(parts)
    found = prepared(place, " path, label ,group ", lines, protocol="grouped")
    assert found.class_names == ("cat", "dog")
    assert found.table.groupby("group")["split"].nunique().max() == 1
    assert found.table["group"].nunique() == 5


@pytest.mark.parametrize(("column", "value"), [(1, "Cat"), (1, "CAT"), (2, "p0"), (2, COMPOSED)])
def test_values_that_differ_only_so_are_refused(column: int, value: str, place: Path) -> None:
    lines = [line.split(",") for line in lines_of()]
    lines[1][2] = DECOMPOSED
    lines[0][column] = value
    with pytest.raises(DataError, match="differ only in"):
        prepared(place, "path,label,group", [",".join(line) for line in lines])


@pytest.mark.parametrize("empty", ["NA", "NaN", "None", " "])
@pytest.mark.parametrize("column", [1, 2])
def test_what_is_not_known_is_empty(empty: str, column: int, place: Path) -> None:
    lines = [line.split(",") for line in lines_of()]
    lines[4][column] = empty
    with pytest.raises(DataError, match=r"line 6: (label|group) is empty"):
        prepared(place, "path,label,group", [",".join(line) for line in lines])


@pytest.mark.parametrize("header", ["path,label,", "path,label"])
def test_a_separator_at_every_lines_end_shifts_nothing(header: str, place: Path) -> None:
    found = prepared(place, header, lines_of(",", group=""))
    assert found.class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("header", "lines", "told"),
    [
        ("path,label,label", lines_of(), "two columns 'label'"),
        ("path,label", lines_of(), "line 2: 3 values for 2 columns"),
        ("path, label,group,group ", lines_of(",x"), "two columns 'group'"),
    ],
)
def test_tables_that_say_two_things_are_refused(header: str, lines: list[str], told: str, place: Path) -> None:
    with pytest.raises(DataError, match=told):
        prepared(place, header, lines)


@pytest.mark.parametrize("field", ["group_column", "domain_column", "split_column", "path_column", "label_column"])
@pytest.mark.parametrize("protocol", ["holdout", "grouped"])
def test_a_column_that_is_named_and_lacks_is_refused(field: str, protocol: str, place: Path) -> None:
    with pytest.raises(DataError, match=rf"no column 'grop'; it has path, label, group\..*{field}="):
        prepared(place, "path,label,group", lines_of(), protocol=protocol, **{field: "grop"})


def test_groups_in_several_splits_name_the_protocol_first(place: Path) -> None:
    with pytest.raises(DataError, match=r"-o protocol=grouped\), or accept"):
        prepared(place, "path,label,group", lines_of())
    assert prepared(place, "path,label,group", lines_of(), protocol="grouped").counts["test"]


def test_files_that_are_not_there_are_one_problem_with_its_cause(place: Path) -> None:
    lines = [line.replace("img/", "img\\") for line in lines_of(group="")]
    report = audit(listed(place, "path,label", lines), place)
    (problem,) = [one for one in report["problems"] if one["status"] == "undeclared" and one["kind"] != "unlisted"]
    assert (problem["kind"], problem["count"]) == ("missing_file", 20)
    assert "img/0.png is there: write / instead of \\" in problem["detail"]


def test_what_a_path_probably_means(tmp_path: Path) -> None:
    for name in ("Cell 1.png", f"{COMPOSED}.png"):
        (tmp_path / name).write_bytes(b"")
    assert "capitals" in meant(tmp_path, "cell 1.png")
    assert "accents" in meant(tmp_path, f"{DECOMPOSED}.png")
    assert "ending" in meant(tmp_path, "Cell 1")
    assert meant(tmp_path, "another.png") == ""


def test_the_audit_counts_classes_and_groups_and_tells_of_lopsided_splits(place: Path) -> None:
    lines = [f"img/{n}.png,{('cat', 'dog')[n % 2]},{'P0' if n < 12 else f'P{n}'}" for n in range(20)]
    report = audit(listed(place, "path,label,group", lines, protocol="grouped"), place)
    assert report["classes"] == {"cat": 10, "dog": 10}
    assert (report["groups"]["P0"], len(report["groups"])) == (12, 9)
    warned = {one["kind"]: one for one in report["problems"] if one["status"] == "warning"}
    assert {"split_size"} <= warned.keys()
    assert any(f"{split} has" in one["detail"] for one in report["problems"] for split in ("val", "test"))


@pytest.mark.parametrize(("one", "other"), [(COMPOSED, DECOMPOSED), ("cat", "Cat")])
def test_class_folders_of_one_name_are_refused(one: str, other: str, root: Path) -> None:
    for split, name in (("train", one), ("train", "dog"), ("test", other), ("test", "dog")):
        class_folders(root / "made", classes=1)
        (root / "own" / split).mkdir(parents=True, exist_ok=True)
        (root / "made" / "c0").rename(root / "own" / split / name)
    with pytest.raises(DataError, match="differ only in"):
        prepare(ImageFolder(path="own", protocol="split_without_val"), root, 0)


def test_domain_folders_of_one_name_are_refused(root: Path) -> None:
    for domain in ("day", "Day", "night"):
        class_folders(root / "own" / domain, classes=2, each=5)
    with pytest.raises(DataError, match=r"domain folders.*differ only in capitals"):
        prepare(ImageFolder(path="own", protocol="leave_domain_out", test_domain="night"), root, 0)


class Visits(ImageFolder):
    """An adapter of one's own whose groups are written in two ways."""

    def samples(self, root: Path) -> pd.DataFrame:
        table = super().samples(root)
        return table.assign(group=[f"{'Pp'[number % 2]}{number // 4}" for number in range(len(table))])


def test_the_audit_warns_of_names_alike_whoever_reads_the_table(root: Path) -> None:
    class_folders(root / "own", classes=2, each=10)
    report = audit(Visits(path="own", accept_leaks=("group",)), root)
    (problem,) = [one for one in report["problems"] if one["kind"] == "alike"]
    assert problem["status"] == "warning"
    assert "'P0' and 'p0' differ only in capitals" in problem["detail"]


@pytest.mark.parametrize(
    ("written", "cause"),
    [("img\\{}.png", "write / instead"), ("img/{}", "ending"), ("img/{}.PNG", "capitals"), ("images/{}.png", "")],
)
def test_a_run_tells_all_missing_files_at_once(written: str, cause: str, place: Path) -> None:
    lines = [f"{written.format(number)},{number % 2}" for number in range(20)]
    with pytest.raises(DataError, match=f"20 of 20 files.*{cause}"):
        prepared(place, "path,label", lines)


def sheet(file: Path, header: list[str], rows: list[list[object]]) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="Excel files need the extra excel")
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    book.save(file)


def test_excel_is_read_as_the_csv_is(place: Path) -> None:
    rows: list[list[object]] = [[f"img/{n}.png", ("cat ", "dog")[n % 2], None, None] for n in range(20)]
    sheet(place / "own" / "list.xlsx", [" path", "label "], [*rows, [None], [None]])
    assert prepare(CsvImages(path="own/list.xlsx"), place, 0).class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("header", "more", "told"),
    [
        (["path", "label", "label"], ["x"], "two columns 'label'"),
        (["path", "label"], ["a note"], "line 2: 3 values for 2 columns"),
        (["path", "label", "group"], ["NA"], "line 2: group is empty"),
    ],
)
def test_excel_lists_that_say_two_things_are_refused(
    header: list[str], more: list[object], told: str, place: Path
) -> None:
    sheet(place / "own" / "list.xlsx", header, [[f"img/{n}.png", n % 2, *more] for n in range(20)])
    with pytest.raises(DataError, match=told):
        prepare(CsvImages(path="own/list.xlsx"), place, 0)


def test_a_worksheet_of_a_list_that_has_none_is_refused(place: Path) -> None:
    with pytest.raises(DataError, match="no worksheets"):
        prepared(place, "path,label", lines_of(group=""), worksheet="first")


def test_lines_without_a_value_keep_the_numbers_of_the_others(place: Path) -> None:
    lines = lines_of()
    lines[3] = "img/3.png,,P3"
    with pytest.raises(DataError, match="line 7: label is empty"):
        prepared(place, "path,label,group", [*lines[:2], "", ",,", *lines[2:]])
