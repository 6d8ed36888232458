"""Features made elsewhere: what is refused, what protocols give, and the numbers known of the real files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from made_features import MODEL, NAMES, WIDTH, feature_files, rows, turned, unit
from safetensors import safe_open
from safetensors.numpy import save_file

from bench.core.errors import BenchError, DataError, UsageError
from bench.data.base import rows_of
from bench.data.prepare import Prepared, prepare
from bench.datasets.clip_features import ClipFeatures
from bench.engine.reproduce import reproduce
from bench.engine.run import Done, carry_out
from bench.engine.settings import Settings
from bench.pages.packing import pack
from bench.records import Record, Store

HERE = "clip_features[subset=things"


def prepared(root: Path, data_seed: int = 0, **fields: object) -> Prepared:
    return prepare(ClipFeatures(subset="things", **fields), root, data_seed)


def ids(found: Prepared, split: str) -> set[str]:
    return set(found.table["id"].iloc[found.rows(split)])


def run(root: Path, *cells: str) -> tuple[Done, list[Record | None]]:
    settings = Settings(results=root / "runs", data=root, device="cpu", quiet=True)
    done = carry_out(cells, settings)
    return done, [Store(settings.results).get(name) for name in done.cells]


def test_supports_are_drawn_nested_from_the_largest_or_replayed_as_given(tmp_path: Path) -> None:
    feature_files(tmp_path)
    one, two, other = (prepared(tmp_path, seed, shots=shots) for shots, seed in ((1, 0), (2, 0), (2, 1)))
    assert ids(one, "train") < ids(two, "train") != ids(other, "train")
    assert all("/support4/" in name for name in ids(two, "train"))
    given = prepared(tmp_path, protocol="listed_2")
    assert ids(given, "train") == {f"things/support2/{row}" for row in range(12)}
    assert given.counts == {"train": 12, "val": 24, "test": 30}


def test_names_bring_text_in_label_order(tmp_path: Path) -> None:
    found = prepared(feature_files(tmp_path))
    assert found.class_names == tuple(NAMES)
    assert found.text.shape == (6, WIDTH)
    x, labels = rows(5, 0)
    assert ((x.astype(np.float32) @ found.text.T).argmax(1) == labels).mean() > 0.9


def test_classes_without_text_are_left_out_and_the_rest_renumbered(tmp_path: Path) -> None:
    feature_files(tmp_path, names=["unheard of", *NAMES[1:]])
    found = prepared(tmp_path)
    assert (found.classes, found.class_names, found.counts["test"]) == (5, tuple(NAMES[1:]), 25)
    whole = prepared(tmp_path, named=False)
    assert (whole.classes, whole.text) == (6, None)


@pytest.mark.parametrize("wrong", ["labels", "names"])
def test_keys_and_labels_in_different_order_are_caught(tmp_path: Path, wrong: str) -> None:
    _, labels = rows(4, 4)
    turned = {"labels": {"support4.y": (labels + 1) % 6}, "names": {"names": NAMES[1:] + NAMES[:1]}}[wrong]
    feature_files(tmp_path, **turned)
    with pytest.raises(DataError, match="The order of rows, labels or class names is wrong"):
        prepared(tmp_path)


def test_features_that_are_not_what_the_file_says_are_refused(tmp_path: Path) -> None:
    feature_files(tmp_path, normalised="false (raw)")
    with pytest.raises(DataError, match="says normalised=False"):
        prepared(tmp_path)
    feature_files(tmp_path, **{"test.y": np.zeros(3, dtype=np.int16)})
    with pytest.raises(DataError, match=r"test\.y and its features differ in length"):
        prepared(tmp_path)


def test_changed_text_changes_the_data_identity_alone(tmp_path: Path) -> None:
    first = prepared(feature_files(tmp_path))
    file = tmp_path / "clip_features" / "text.safetensors"
    with safe_open(str(file), "numpy") as stream:
        arrays, facts = {key: 2 * stream.get_tensor(key) for key in stream.keys()}, stream.metadata()  # noqa: SIM118
    save_file(arrays, file, facts)
    second = prepared(tmp_path)
    assert (second.text == 2 * first.text).all()
    assert second.identity != first.identity
    assert second.content == first.content


def test_base_to_new_trains_on_the_first_half_and_judges_each_half_by_itself(tmp_path: Path) -> None:
    feature_files(tmp_path)
    found = prepared(tmp_path, protocol="base_to_new")
    train = found.table.iloc[found.rows("train")]
    assert set(train["label"]) == {0, 1, 2}
    assert set(found.table["label"].iloc[found.rows("test")]) == set(range(6))
    _, [record] = run(tmp_path, f"{HERE},protocol=base_to_new]/cached[size={WIDTH}]/zero_shot/quick/seed=0")
    x, labels = (array.astype(np.float32) for array in rows(5, 0))
    scores = x @ unit(found.text).T
    new = labels >= 3
    expected = (scores[new][:, 3:].argmax(1) + 3 == labels[new]).mean()
    assert record.metrics["test"]["new"] == expected
    assert not record.flags.absent_classes.get("test")


def test_cross_dataset_judges_another_file_among_its_own_classes(tmp_path: Path) -> None:
    feature_files(tmp_path)
    feature_files(tmp_path, stem="others")
    dataset = f"{HERE},protocol=cross_dataset,target=others]"
    _, [record] = run(tmp_path, f"{dataset}/cached[size={WIDTH}]/clip_adapter/quick[epochs=2]/seed=0")
    assert record.n == {"train": 24, "val": 24, "test": 60}
    assert record.metrics["test"]["new"] == pytest.approx(record.metrics["test"]["base"], abs=0.15)
    with pytest.raises(UsageError, match="target names the other data set"):
        ClipFeatures.build("clip_features", {"target": "others"})


def test_domain_generalisation_finds_the_same_classes_in_another_file(tmp_path: Path) -> None:
    feature_files(tmp_path)
    feature_files(tmp_path, stem="sketches", names=NAMES[::-1], **turned())
    found = prepared(tmp_path, protocol="domain_generalisation", target="sketches")
    assert found.class_names == tuple(NAMES)
    assert found.counts == {"train": 24, "val": 24, "test": 30}
    assert {name.split("/")[0] for name in ids(found, "test")} == {"sketches"}
    assert {name.split("/")[0] for name in ids(found, "train") | ids(found, "val")} == {"things"}
    test = found.table.iloc[found.rows("test")]
    assert set(test["domain"]) == {"sketches"}
    assert test["label"].tolist() == rows(5, 0)[1].tolist()  # by name, whatever the other file's order
    dataset = f"{HERE},protocol=domain_generalisation,target=sketches]"
    cells = [f"{dataset}/cached[size={WIDTH}]/{m}/quick[epochs=2]/seed=0" for m in ("taskres", "tip_adapter")]
    _, records = run(tmp_path, *cells)
    assert all(record.metrics["test"]["accuracy"] > 0.8 and record.n["test"] == 30 for record in records)


def test_domain_generalisation_keeps_the_classes_that_both_files_have(tmp_path: Path) -> None:
    feature_files(tmp_path)
    feature_files(tmp_path, stem="sketches", names=[*NAMES[:4], "unheard of", "neither"])
    found = prepared(tmp_path, protocol="domain_generalisation", target="sketches")
    assert (found.classes, found.counts) == (4, {"train": 16, "val": 16, "test": 20})
    feature_files(tmp_path, stem="strange", names=[f"other {name}" for name in NAMES])
    with pytest.raises(DataError, match="no class of strange has text features"):
        prepared(tmp_path, protocol="domain_generalisation", target="strange")
    with pytest.raises(DataError, match="have no class name in common"):
        prepared(tmp_path, protocol="domain_generalisation", target="strange", named=False)


def test_every_adapter_learns_from_files_alone(tmp_path: Path) -> None:
    feature_files(tmp_path)
    methods = ["tip_adapter", "tip_adapter_f", "clip_adapter", "taskres", "text_probe", "clap", "lathadapter"]
    cells = [
        f"{HERE}]/cached[size={WIDTH}]/{m}/few_shot[epochs=3]/seed=0"
        for m in [*methods, "graph_adapter[image_nodes=unit_scaled]"]
    ]
    done, records = run(tmp_path, *cells)
    assert not done.failed
    assert all(record.metrics["test"]["accuracy"] > 0.8 for record in records)
    assert all(record.selection.labels == 24 and record.selection.by == "val" for record in records)


def test_selection_uses_as_many_labels_as_stated_and_says_so(tmp_path: Path) -> None:
    feature_files(tmp_path)
    cells = [f"{HERE},val_shots=2]/cached[size={WIDTH}]/{m}/quick[epochs=2]/seed=0" for m in ("taskres", "tip_adapter")]
    _, records = run(tmp_path, *cells, f"{HERE}]/cached[size={WIDTH}]/zero_shot/quick/seed=0")
    assert [record.selection.labels for record in records] == [12, 12, 0]


def test_choices_made_on_test_are_replayable_and_marked(tmp_path: Path) -> None:
    feature_files(tmp_path)
    place = f"{HERE},protocol=test_selected_2]/cached[size={WIDTH}]"
    cells = [f"{place}/{method}/quick[epochs=2]/seed=0" for method in ("tip_adapter", "tip_adapter_f")]
    _, records = run(tmp_path, *cells)
    assert all(record.flags.test_selected for record in records)
    assert [(record.selection.by, record.selection.labels) for record in records] == [("test", 30)] * 2


def test_without_validation_rows_nothing_is_chosen(tmp_path: Path) -> None:
    feature_files(tmp_path)
    place = f"{HERE},protocol=unselected_2]/cached[size={WIDTH}]"
    methods = ("zero_shot", "tip_adapter", "gda", "ape", "lp_plus_plus[epochs=20]", "taskres")
    _, records = run(tmp_path, *(f"{place}/{method}/quick[epochs=2]/seed=0" for method in methods))
    assert all((record.selection.by, record.selection.labels) == ("none", 0) for record in records)
    assert all("val" not in record.metrics and record.metrics["test"] for record in records)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (f"{HERE}]/cached[size=8]/zero_shot/quick/seed=0", r"inputs \(16,\), and the backbone takes features \(8,\)"),
        (f"{HERE}]/cached[size=16,model=another]/zero_shot/quick/seed=0", "Set model="),
        (f"{HERE}]/pico/linear_probe/quick/seed=0", "use the backbone cached"),
        ("digits/cached/linear_probe/quick/seed=0", "use a backbone that reads them"),
        ("digits/pico/zero_shot/quick/seed=0", "text features of the classes of digits, and pico has no text encoder"),
        (f"{HERE},named=false]/cached[size=16]/zero_shot/quick/seed=0", "needs text features"),
        (f"{HERE}]/cached[size=16]/coop/quick/seed=0", "needs class names and a backbone with a text encoder"),
        (f"{HERE}]/cached[size=16]/taskres/quick[augment=flip]/seed=0", "cannot be augmented"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(tmp_path: Path, cell: str, problem: str) -> None:
    feature_files(tmp_path)
    settings = Settings(results=tmp_path / "runs", data=tmp_path, device="cpu", quiet=True)
    try:
        [failure] = carry_out([cell], settings).failed.values()
    except BenchError as error:
        failure = str(error)
    assert re.search(problem, failure)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("fields", "percent", "hits", "n"),
    [
        ({"subset": "imagenet", "protocol": "listed_1"}, 61.1, 2445, 4000),
        ({"subset": "oxford_pets"}, 92.1, 2286, 2483),
        ({"subset": "caltech101"}, 95.0, 1623, 1709),
    ],
)
def test_zero_shot_on_the_real_files(fields: dict[str, str], percent: float, hits: int, n: int) -> None:
    found = prepare(ClipFeatures(**fields), real_root(), 0)
    x, labels = split_rows(found)
    right = int(((x @ unit(found.text).T).argmax(1) == labels).sum())
    assert (right, len(labels), round(100 * right / n, 1)) == (hits, n, percent)
    assert found.dataset.made_by(found.root) == MODEL


@pytest.mark.realdata
def test_zero_shot_of_both_halves_of_imagenet() -> None:
    found = prepare(ClipFeatures(subset="imagenet", protocol="base_to_new"), real_root(), 0)
    x, labels = split_rows(found)
    scores, new = x @ unit(found.text).T, labels >= 500
    base = 100 * (scores[~new][:, :500].argmax(1) == labels[~new]).mean()
    fresh = 100 * (500 + scores[new][:, 500:].argmax(1) == labels[new]).mean()
    assert (round(base, 1), round(fresh, 1)) == (65.9, 63.6)


def real_root() -> Path:
    root = Path(os.environ.get("BENCH_DATA", "nowhere"))
    if not (root / "clip_features").is_dir():
        pytest.skip("BENCH_DATA has no clip_features")
    return root


def split_rows(found: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of the test split."""
    table = found.table.iloc[found.rows("test")]
    x = np.stack([found.dataset.read(one) for one in rows_of(found.dataset, table, found.root)])
    return x.astype(np.float32), table["label"].to_numpy()


@pytest.mark.parametrize("packed", [False, True])
def test_few_shot_records_reproduce(tmp_path: Path, packed: bool) -> None:
    """Their outputs hold flags beside numbers."""
    feature_files(tmp_path)
    done, _ = run(tmp_path, f"{HERE},shots=2]/cached[size={WIDTH}]/taskres/few_shot[epochs=2]/seed=0")
    store = Store(tmp_path / "runs")
    assert not packed or pack(store).packed == 1
    (cell,) = done.cells
    again = reproduce(store.path(cell), Settings(results=store.folder, data=tmp_path, device="cpu", quiet=True))
    assert (again.verdict, again.largest) == ("equal", 0.0)
