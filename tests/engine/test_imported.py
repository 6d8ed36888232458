"""Predictions made elsewhere: judged on our split, shown as imported, and compared with nothing of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photographs import photographs
from PIL import Image
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.core.errors import UsageError
from bench.data.prepare import Prepared, prepare
from bench.datasets.digits import Digits
from bench.datasets.image_folder import ImageFolder
from bench.engine.imported import read, take_in
from bench.pages.build import build
from bench.pages.submission import check
from bench.records import Store
from bench.records.evaluation_log import read as evaluations
from bench.stats.softmax import softmax
from bench.tables import aggregate


@pytest.fixture(scope="module")
def digits() -> Prepared:
    return prepare(Digits(), Path(), 0)


def scores(prepared: Prepared, split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Ids and logits that are right for all but every tenth sample."""
    part = prepared.table.iloc[prepared.rows(split)]
    labels = part["label"].to_numpy()
    labels = np.where(np.arange(len(labels)) % 10 == 0, (labels + 1) % 10, labels)
    return part["id"].to_numpy().astype(str), 3.0 * np.eye(10)[labels] - 1


def npz(folder: Path, ids: np.ndarray, values: np.ndarray) -> Path:
    np.savez(folder / "theirs.npz", ids=ids, scores=values)
    return folder / "theirs.npz"


def as_csv(folder: Path, ids: np.ndarray, values: np.ndarray, head: str = "id,{}") -> Path:
    lines = [head.format(",".join(map(str, range(values.shape[1]))))]
    lines += [f"{one},{','.join(map(str, row))}" for one, row in zip(ids, values, strict=True)]
    (folder / "theirs.csv").write_text("\n".join(lines) + "\n")
    return folder / "theirs.csv"


@pytest.mark.parametrize("make", [npz, as_csv])
@pytest.mark.parametrize("shares", [False, True])
def test_they_are_judged_by_id(
    digits: Prepared, tmp_path: Path, make: Callable[[Path, np.ndarray, np.ndarray], Path], shares: bool
) -> None:
    ids, values = scores(digits)
    order = np.random.default_rng(0).permutation(len(ids))
    file = make(tmp_path, ids[order], (softmax(values) if shares else values)[order])
    record, given = take_in(file, "digits", "theirs", tmp_path / "runs", tmp_path)
    assert given.kind == ("probabilities" if shares else "logits")
    assert record.metrics["test"]["accuracy"] == pytest.approx(1 - np.mean(np.arange(len(ids)) % 10 == 0))
    stored = Store(tmp_path / "runs").predictions(record.cell)
    assert stored["test/ids"].tolist() == ids.tolist()
    np.testing.assert_allclose(softmax(stored["imported/test/logits"]), softmax(values), atol=1e-6)
    assert [evaluation.cell for evaluation in evaluations(tmp_path / "runs")] == [record.cell]
    assert check(tmp_path / "runs").accepted


def test_they_have_a_row_that_nothing_is_compared_with(digits: Prepared, weights: Path, tmp_path: Path) -> None:
    cells = [f"digits/tiny_vit/{method}/quick/seed=0" for method in ("majority", "knn")]
    bench.run(*cells, results=tmp_path / "runs", weights=weights, quiet=True)
    take_in(npz(tmp_path, *scores(digits)), "digits", "a | b", tmp_path / "runs", tmp_path)
    table = aggregate(Store(tmp_path / "runs").all())
    (row,) = [row for row in table.rows if row.key.imported]
    assert row.key.method == 'imported[name="a | b"]'
    assert set(row.warnings) == {"imported"}
    assert set(row.facts.values()) == {None}
    assert (row.ranks, row.letters) == (None, "")
    assert all(row.key not in block.keys for block in table.compared if len(block.keys) > 1)
    asked = ["compare", "imported", "knn", "--results", str(tmp_path / "runs")]
    refused = CliRunner().invoke(app, asked)
    assert (refused.exit_code, "may not be compared" in refused.output) == (2, True)
    assert build(Store(tmp_path / "runs"), tmp_path / "pages").records == 3


def test_validation_samples_may_be_there_too(digits: Prepared, tmp_path: Path) -> None:
    (ids, values), (more, others) = scores(digits), scores(digits, "val")
    file = npz(tmp_path, np.concatenate([ids, more]), np.concatenate([values, others]))
    record, _ = take_in(file, "digits", "theirs", tmp_path / "runs", tmp_path)
    assert set(record.metrics) == {"val", "test"}
    half = npz(tmp_path, np.concatenate([ids, more[:50]]), np.concatenate([values, others[:50]]))
    with pytest.raises(UsageError, match="lacks 150 of 200 val samples"):
        take_in(half, "digits", "other", tmp_path / "runs", tmp_path)


def test_what_does_not_fit_is_told_and_leaves_no_record(digits: Prepared, tmp_path: Path) -> None:
    ids, values = scores(digits)
    twice, train = ids.copy(), str(digits.table["id"].iloc[digits.rows("train")[0]])
    twice[1] = ids[0]
    broken = values.copy()
    broken[3, 3] = np.nan
    cases: list[tuple[np.ndarray, np.ndarray, str]] = [
        (ids[1:], values[1:], f"lacks 1 of {len(ids)} test samples"),
        (np.append(ids, train), np.append(values, values[:1], 0), "is no validation or test sample"),
        (twice, values, "stands twice"),
        (ids, values[:, :9], "10 classes"),
        (ids, broken, "not finite"),
    ]
    for some, numbers, said in cases:
        with pytest.raises(UsageError, match=said):
            take_in(npz(tmp_path, some, numbers), "digits", "theirs", tmp_path / "runs", tmp_path)
    with pytest.raises(UsageError, match="no column '9'"):
        read(as_csv(tmp_path, ids, values[:, :9]), digits)
    with pytest.raises(UsageError, match="no column 'id'"):
        read(as_csv(tmp_path, ids, values, "name,{}"), digits)
    for name, content in [("theirs.npz", b"no archive"), ("gone.csv", None)]:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="Cannot read"):
            read(tmp_path / name, digits)
    assert not list((tmp_path / "runs").rglob("*.json"))


def test_another_file_does_not_take_its_place(digits: Prepared, tmp_path: Path) -> None:
    ids, values = scores(digits)
    taken: dict[str, Any] = dict(dataset="digits", name="theirs", results=tmp_path / "runs", root=tmp_path)
    first, _ = take_in(npz(tmp_path, ids, values), **taken)
    assert take_in(tmp_path / "theirs.npz", **taken)[0].predictions == first.predictions
    with pytest.raises(UsageError, match="imported from another file"):
        take_in(npz(tmp_path, ids, values[::-1]), **taken)
    assert take_in(tmp_path / "theirs.npz", **taken, seed=1)[0].seed == 1


def test_what_bench_predict_writes_can_be_imported(weights: Path, tmp_path: Path) -> None:
    photographs(tmp_path / "places", 10, 0)
    cell = "image_folder[path=places]/tiny_vit/linear_probe/quick[epochs=1]/seed=0"
    options = ["--results", str(tmp_path / "runs"), "--weights", str(weights)]
    ran = CliRunner().invoke(app, ["run", cell, *options, "--data", str(tmp_path), "-q", "--keep-weights"])
    assert ran.exit_code == 0, ran.output
    out = tmp_path / "all.csv"
    CliRunner().invoke(app, ["predict", "linear_probe", str(tmp_path / "places"), "--out", str(out), *options])
    (record,) = Store(tmp_path / "runs").all()
    tested = set(Store(tmp_path / "runs").predictions(record.cell)["test/ids"].tolist())
    head, *lines = out.read_text().splitlines()
    (tmp_path / "test.csv").write_text("\n".join([head, *(line for line in lines if line.split(",")[0] in tested)]))
    again, _ = take_in(tmp_path / "test.csv", "image_folder[path=places]", "twin", tmp_path / "runs", tmp_path)
    assert again.metrics["test"]["accuracy"] == record.metrics["test"]["accuracy"]


@pytest.fixture
def numbered(tmp_path: Path) -> Prepared:
    """Classes called 1 to 3, as numbers of grades are."""
    for label in "123":
        (tmp_path / "grades" / label).mkdir(parents=True)
        for number in range(10):
            pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
            pixels[0, 0] = int(label), number, 7  # no two are equal
            Image.fromarray(pixels).save(tmp_path / "grades" / label / f"{number}.png")
    return prepare(ImageFolder(path="grades"), tmp_path, 0)


def table(folder: Path, head: str, rows: list[str]) -> Path:
    file = folder / "grades.csv"
    file.write_text("\n".join([head, *rows]) + "\n")
    return file


@pytest.mark.parametrize(
    ("head", "row", "expected"),
    [
        ("id,1,2,3", "a,0.7,0.2,0.1", (0.7, 0.2, 0.1)),
        ("id,0,1,2", "a,0.7,0.2,0.1", (0.7, 0.2, 0.1)),  # numbers, although two of them are names too
        ("id,p(1),p(2),p(3)", "a,0.7,0.2,0.1", (0.7, 0.2, 0.1)),
        ("id,3,2,1", "a,0.1,0.2,0.7", (0.7, 0.2, 0.1)),
    ],
)
def test_columns_are_named_in_one_way(
    head: str, row: str, expected: tuple[float, ...], numbered: Prepared, tmp_path: Path
) -> None:
    found = read(table(tmp_path, head, [row]), numbered)
    np.testing.assert_allclose(np.exp(found.values[0]), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("head", "row", "named"),
    [
        ("id,0,1,2,3", "a,.4,.3,.2,.1", "their names or by their numbers"),
        ("id,1,2,3,p(1),p(2),p(3)", "a,.4,.3,.3,.3,.3,.4", r"p\(NAME\)"),
        ("id,p(1),2,3", "a,.4,.3,.3", "no column"),
        ("id,1,2,2,3", "a,.4,.3,.2,.1", "two columns '2'"),
    ],
)
def test_columns_that_can_be_read_in_two_ways_are_refused(
    head: str, row: str, named: str, numbered: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=named):
        read(table(tmp_path, head, [row]), numbered)


@pytest.mark.parametrize("row", ["0.33,0.33,0.33", "0.67,0.33,0.01", "1.0,0.0,0.0", "0.995,0.002,0.002"])
def test_rounded_probabilities_are_probabilities(row: str, numbered: Prepared, tmp_path: Path) -> None:
    found = read(table(tmp_path, "id,1,2,3", [f"a,{row}"]), numbered)
    values = np.array(row.split(","), dtype=float)
    assert found.kind == "probabilities"
    np.testing.assert_allclose(np.exp(found.values[0]), values / values.sum(), rtol=1e-5, atol=1e-30)
    assert ("1 rows" in found.remark) == (abs(values.sum() - 1) > 1e-3)


@pytest.mark.parametrize("row", ["1.0000001,0.0,0.0", "1.0000002,-0.0000002,0", "0.5,0.49999999,-0.00000001"])
def test_noise_of_computed_probabilities_makes_no_logits(row: str, numbered: Prepared, tmp_path: Path) -> None:
    found = read(table(tmp_path, "id,1,2,3", [f"a,{row}"]), numbered)
    assert (found.kind, found.remark) == ("probabilities", "")
    assert np.exp(found.values[0]).sum() == pytest.approx(1)


@pytest.mark.parametrize("rows", [["90,6,4", "33,33,33"], ["120,70,10", "200,0,0"], ["0.9,0.8,0.1", "1,1,1"]])
def test_percentages_votes_and_independent_shares_ask(rows: list[str], numbered: Prepared, tmp_path: Path) -> None:
    file = table(tmp_path, "id,1,2,3", [f"{number},{row}" for number, row in enumerate(rows)])
    with pytest.raises(UsageError, match="--scores logits"):
        read(file, numbered)
    values = np.array([row.split(",") for row in rows], dtype=float)
    shares = np.exp(read(file, numbered, "probabilities").values)
    np.testing.assert_allclose(shares, values / values.sum(1, keepdims=True), rtol=1e-5, atol=1e-30)


def test_a_record_says_that_its_probabilities_were_divided(digits: Prepared, tmp_path: Path) -> None:
    ids, values = scores(digits)
    record, _ = take_in(npz(tmp_path, ids, softmax(values).round(2)), "digits", "a", tmp_path / "runs", tmp_path)
    assert [note for note in record.flags.notes if f"of {len(ids)} rows" in note]


def test_what_may_be_either_asks(numbered: Prepared, tmp_path: Path) -> None:
    file = table(tmp_path, "id,1,2,3", ["a,0.9,0.8,0.1"])
    with pytest.raises(UsageError, match="--scores probabilities, or --scores logits"):
        read(file, numbered)
    assert read(file, numbered, "logits").values[0].tolist() == pytest.approx([0.9, 0.8, 0.1])
    assert np.exp(read(file, numbered, "probabilities").values[0]).sum() == pytest.approx(1)
    assert read(table(tmp_path, "id,1,2,3", ["a,3,-1,0"]), numbered).kind == "logits"
    with pytest.raises(UsageError, match="negative"):
        read(file.with_name("grades.csv"), numbered, "probabilities")
