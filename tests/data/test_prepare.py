"""From adapter and protocol to a checked table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from cached import cached
from made_images import class_folders, picture, pixels

from bench.core.errors import DataError, MissingData, UsageError
from bench.data import Dataset, Folds, Official, Sample, Split
from bench.data.prepare import Prepared, prepare
from bench.datasets.digits import Digits
from bench.datasets.image_folder import ImageFolder


class Made(Dataset):
    """A data set whose table a test writes; pixels follow the index."""

    task = "classification"
    protocols: ClassVar[dict[str, Split]] = {
        "given": Official(selection="last"),
        "declared": Official(selection="last", leaks=("patient", "duplicate")),
        "folds": Folds(folds=2, train=(0,), test=(1,), selection="last"),
    }
    group_kind = "patient"
    table: ClassVar[dict[str, Any]] = {}

    def samples(self, root: Path) -> pd.DataFrame:
        return pd.DataFrame(self.table)

    def read(self, sample: Sample) -> np.ndarray:
        return pixels(sample.index, 4, 4)


def made(protocol: str = "given", **columns: Any) -> Dataset:
    """Six samples, two classes; columns replace the usual ones, None removes one."""
    usual = {
        "id": list("abcdef"),
        "label": [0, 1, 0, 1, 0, 1],
        "index": range(6),
        "split": ["train", "train", "train", "train", "test", "test"],
    }
    table = {name: values for name, values in {**usual, **columns}.items() if values is not None}
    return type("Made", (Made,), {"table": table, "__module__": Made.__module__, "__doc__": Made.__doc__})(
        protocol=protocol
    )


def test_counts_rows_and_classes(root: Path) -> None:
    prepared = prepare(made(), root, 0)
    assert prepared.counts == {"train": 4, "val": 0, "test": 2}
    assert prepared.rows("train").tolist() == [0, 1, 2, 3]
    assert prepared.rows("test").tolist() == [4, 5]
    assert prepared.classes == 2
    assert prepared.table.index.tolist() == list(range(6))


def test_every_class_needs_training_samples(root: Path) -> None:
    split = ["train", "test", "train", "test", "test", "val"]
    with pytest.raises(DataError, match=r"no training sample of 1 class\(es\): 1\..*--partial"):
        prepare(made(split=split), root, 0)
    assert prepare(made(split=split), root, 0, partial=True).untrained == (1,)
    assert prepare(made(), root, 0, partial=True).untrained == ()


def test_unlabelled_samples_are_never_used(root: Path) -> None:
    prepared = prepare(made(label=[0, 1, -1, 1, 0, 1]), root, 0)
    assert "c" not in set(prepared.table["id"])
    assert prepared.counts["train"] == 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": list("abcdea")}, "'a' stands twice"),
        ({"label": [0, 1, 0, 1, 0, -2]}, "from 0 up"),
        ({"label": [0.0, 1, 0, 1, 0, 1]}, "whole numbers"),
        ({"index": None}, "'path' or 'index'"),
        ({"label": [-1] * 6}, "no labelled sample"),
        ({"split": ["train"] * 6}, "test split empty"),
        ({"split": ["train", "train", "train", "train", "test", "holdout"]}, "'holdout'"),
        ({"split": None}, "needs the column 'split'"),
    ],
)
def test_a_broken_table_is_refused(root: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepare(made(**columns), root, 0)


def test_labels_must_fit_the_class_names(root: Path) -> None:
    dataset = made()
    type(dataset).classes = ("only",)
    with pytest.raises(DataError, match="b has label 1, but there are 1 classes"):
        prepare(dataset, root, 0)


def test_counts_that_differ_stop_a_run_unless_partial(root: Path) -> None:
    dataset = made()
    type(dataset).expected = {"given": {"train": 5, "test": (1, 1), "total": 6}}
    with pytest.raises(DataError, match=r"train 4 instead of 5.*--partial"):
        prepare(dataset, root, 0)
    assert prepare(dataset, root, 0, partial=True).differences == {"train": {"expected": 5, "found": 4}}


def test_counts_per_class_are_compared(root: Path) -> None:
    dataset = made()
    type(dataset).expected = {"given": {"test": (2, 0)}}
    assert prepare(dataset, root, 0, partial=True).differences == {"test": {"expected": [2, 0], "found": [1, 1]}}


def test_expected_counts_are_those_before_shots(root: Path) -> None:
    dataset = Digits(shots=4)
    assert prepare(dataset, root, 0).counts == {"train": 40, "val": 200, "test": 1397}


def test_a_group_in_two_splits_must_be_declared(root: Path) -> None:
    patients = ["p", "q", "r", "s", "p", "t"]
    with pytest.raises(DataError, match=r"1 patient\(s\) in several splits, e.g. 'p'"):
        prepare(made(group=patients), root, 0)
    assert prepare(made("declared", group=patients), root, 0).leaks == {"patient": 1}


def test_equal_samples_in_two_splits_must_be_declared(root: Path) -> None:
    with pytest.raises(DataError, match=r"1 duplicate\(s\) in several splits, e.g. 'b'"):
        prepare(made(index=[0, 1, 2, 3, 4, 1]), root, 0)
    assert prepare(made("declared", index=[0, 1, 2, 3, 4, 1]), root, 0).leaks == {"duplicate": 1}


def test_equal_samples_within_a_split_are_no_leak(root: Path) -> None:
    assert prepare(made(index=[0, 1, 1, 3, 4, 5]), root, 0).leaks == {}


def test_a_copied_file_in_two_splits_is_named(root: Path) -> None:
    for split, seeds in (("train", (1, 2)), ("test", (3, 4))):
        for label, seed in enumerate(seeds):
            picture(root / "own" / split / f"c{label}" / "x.png", seed)
    copy = root / "own" / "test" / "c1" / "y.png"
    copy.write_bytes((root / "own" / "train" / "c0" / "x.png").read_bytes())
    with pytest.raises(DataError, match=r"duplicate.*'test/c1/y.png'"):
        prepare(ImageFolder(path="own", protocol="split_without_val"), root, 0)


def test_identity_follows_bytes_rows_and_splits(root: Path) -> None:
    first = prepare(made(), root, 0).identity
    assert prepare(made(), root, 1).identity == first
    assert prepare(made(index=[0, 1, 2, 3, 4, 9]), root, 0).identity != first
    assert prepare(made(label=[1, 1, 0, 1, 0, 1]), root, 0).identity != first
    assert prepare(made("folds"), root, 0).identity != first
    assert prepare(made(split=["train", "train", "train", "", "test", "test"]), root, 0).identity != first


def test_identity_ignores_samples_the_protocol_leaves_out(root: Path) -> None:
    split = ["train", "train", "train", "", "test", "test"]
    assert (
        prepare(made(split=split), root, 0).identity
        == prepare(made(split=split, index=[0, 1, 2, 99, 4, 5]), root, 0).identity
    )


def test_identity_follows_a_files_bytes(root: Path) -> None:
    class_folders(root / "own", each=5)
    dataset = ImageFolder(path="own")
    first = prepare(dataset, root, 0)
    picture(root / "own" / "c0" / "3.png", seed=77)
    assert prepare(dataset, root, 0).identity != first.identity
    assert first.identity == first.identity.lower()
    assert len(first.identity) == 64


def test_missing_data_say_what_to_do(root: Path) -> None:
    with pytest.raises(MissingData, match=r"image_folder\[path=...\]"):
        prepare(ImageFolder(), root, 0)
    with pytest.raises(MissingData, match="there is nothing at"):
        prepare(ImageFolder(path="nowhere"), root, 0)


class Channel(ImageFolder):
    """Reads one colour of each image, by a field."""

    channel: int = 0

    def read(self, sample: Sample) -> np.ndarray:
        return np.repeat(super().read(sample)[..., self.channel, None], 3, axis=2)


def test_a_field_that_changes_how_files_are_read_changes_identity_and_cache(root: Path) -> None:
    class_folders(root / "own")
    one, other = (prepare(Channel(path="own", channel=channel), root, 0) for channel in (0, 1))
    assert one.identity != other.identity
    first, second = (cached(prepared, 8) for prepared in (one, other))
    assert not np.array_equal(first, second)


def test_validation_subsets_are_nested_and_seeded_and_touch_nothing_else(root: Path) -> None:
    whole = prepare(Digits(), root, 0)
    ids = {shots: set(ids_of(prepare(Digits(val_shots=shots), root, 0), "val")) for shots in (1, 4, 16)}
    assert [len(chosen) for chosen in ids.values()] == [10, 40, 160]
    assert ids[1] < ids[4] < ids[16] < set(ids_of(whole, "val"))
    few = prepare(Digits(val_shots=4), root, 0)
    for split in ("train", "test"):
        assert ids_of(few, split) == ids_of(whole, split)
    assert set(ids_of(prepare(Digits(val_shots=4), root, 1), "val")) != ids[4]
    assert prepare(Digits(val_fraction=0.25), root, 0).counts == {"train": 200, "val": 50, "test": 1397}


def ids_of(prepared: Prepared, split: str) -> list[str]:
    return prepared.table["id"].iloc[prepared.rows(split)].tolist()


def test_validation_subsets_need_validation_data(root: Path) -> None:
    for field, value in (("val_shots", 1), ("val_fraction", 0.5)):
        dataset = type(made()).build("made", {"protocol": "given", field: value})
        type(dataset).table = type(made()).table
        with pytest.raises(DataError, match=f"protocol 'given' has no validation split. Leave out {field}"):
            prepare(dataset, root, 0)
    with pytest.raises(DataError, match=r"val_shots=21: class \d has only 20 validation samples"):
        prepare(Digits(val_shots=21), root, 0)
    with pytest.raises(UsageError, match="give val_shots or val_fraction, not both"):
        Digits.build("digits", {"val_shots": 2, "val_fraction": 0.5})


def test_few_shot_training_with_all_validation_labels_is_noted(root: Path) -> None:
    (note,) = prepare(Digits(shots=4), root, 0).notes
    assert note == "4 shots train, but all 200 validation samples may select (see val_shots)"
    for dataset in (Digits(), Digits(fraction=0.5), Digits(shots=4, val_shots=4), Digits(shots=4, val_fraction=0.1)):
        assert prepare(dataset, root, 0).notes == ()
    table = type(made()).table
    alone = type(made()).build("made", {"protocol": "given", "shots": 1})
    type(alone).table = table
    assert prepare(alone, root, 0).notes == ()  # no validation data


def test_kept_features_of_test_data_serve_every_subset_and_protocol_of_the_same_rows(root: Path) -> None:
    whole, few, other = (
        prepare(Digits(**fields), root, seed) for fields, seed in (({}, 0), ({"shots": 4}, 0), ({"shots": 4}, 1))
    )
    assert len({one.identity for one in (whole, few, other)}) == 3
    assert whole.content == few.content == other.content
    assert whole.rows_key("test") == few.rows_key("test") == other.rows_key("test")
    assert len({one.rows_key("train") for one in (whole, few, other)}) == 3
    assert whole.rows_key("val") != whole.rows_key("test")


def test_the_content_follows_every_rows_bytes_and_how_they_are_read(root: Path) -> None:
    class_folders(root / "own")
    first = prepare(ImageFolder(path="own"), root, 0)
    picture(root / "own" / "c0" / "3.png", seed=77)
    second = prepare(ImageFolder(path="own"), root, 0)
    assert first.content != second.content
    assert first.rows_key("test") == second.rows_key("test")
    assert prepare(Channel(path="own", channel=1), root, 0).content != prepare(Channel(path="own"), root, 0).content


def test_rows_that_swap_their_names_are_other_rows(root: Path) -> None:
    """The content tells bytes in the table's order, so a split is known by row numbers as well as by ids."""
    one = prepare(made(), root, 0)
    swapped = prepare(made(id=list("abcdfe")[:6], split=["train"] * 4 + ["test", "train"]), root, 0)
    other = prepare(made(id=list("abcdef"), split=["train"] * 4 + ["train", "test"]), root, 0)
    assert ids_of(swapped, "test") == ["f"]
    assert ids_of(other, "test") == ["f"]
    assert swapped.rows_key("test") != other.rows_key("test")
    assert one.rows_key("test") not in (swapped.rows_key("test"), other.rows_key("test"))


def test_keys_follow_the_ids(root: Path) -> None:
    first, turned = prepare(made(), root, 0), prepare(made(id=list("fedcba")), root, 0)
    assert first.keys.dtype == np.uint64
    assert np.array_equal(first.keys, turned.keys[::-1])
    assert len(set(first.keys.tolist())) == 6
