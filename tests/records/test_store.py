"""The store: addresses, round trips, replacement, and what it says when something is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import done, failed

import bench
from bench.cells.cell import Cell
from bench.cells.notation import Spec
from bench.core.errors import UsageError
from bench.records import CorruptRecord, Record, Store, load_records
from bench.records.files import component

NAME = "pacs[protocol=paper]/pico/cladapter[k=10]/quick[epochs=5]/seed=0"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def test_what_was_put_is_read_back(store: Store) -> None:
    record, arrays = done(NAME, right=(60, 80))
    stored = store.put(record, arrays)
    assert store.get(NAME) == stored
    assert stored.metrics == stored.stages[-1].metrics
    assert stored.metrics["test"]["accuracy"] == 0.8
    loaded = store.predictions(NAME)
    assert loaded.keys() == arrays.keys()
    assert all(np.array_equal(loaded[key], arrays[key]) for key in arrays)
    assert store.path(NAME).relative_to(store.folder) == Path(NAME + ".json")
    assert store.path(NAME).with_suffix(".npz").is_file()


def test_nothing_there(store: Store) -> None:
    assert store.get(NAME) is None
    assert store.failure(NAME) is None
    assert list(store.all()) == []
    assert not store.folder.exists()  # reading makes no folder
    with pytest.raises(CorruptRecord, match="no record"):
        store.predictions(NAME)


_params = st.dictionaries(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.one_of(st.integers(), st.text(max_size=300))
)
_specs = st.builds(Spec, st.from_regex(r"[A-Za-z0-9_.+-]{1,12}", fullmatch=True), _params)
_cells = st.builds(Cell, _specs, _specs, _specs, _specs, st.integers(0, 10**9))


@given(_cells, _cells)
def test_addresses_are_distinct_safe_and_inside_the_folder(one: Cell, other: Cell) -> None:
    store = Store(Path("runs"))
    path = store.path(str(one))
    parts = path.relative_to("runs").parts
    assert len(parts) == 5
    assert all(part not in (".", "..") and not part.startswith(".") and len(part) < 200 for part in parts)
    assert all(part.isascii() and "/" not in part and part.isprintable() for part in parts)
    assert (path == store.path(str(other))) == (str(one) == str(other))


def test_long_and_unusual_names_are_stored(store: Store) -> None:
    spec = Spec("csv_images", {"table": "ä/ö: " + "x" * 400})
    name = str(Cell(spec, Spec("pico"), Spec(".."), Spec("quick")))
    store.put(*done(name))
    assert [record.cell for record in store.all()] == [name]
    assert store.get(name) is not None
    assert component("..") == "%2E."


def test_replacing_and_failures(store: Store) -> None:
    store.put_failure(failed(NAME))
    failure = store.failure(NAME)
    assert failure is not None
    assert failure.error is not None
    assert failure.error.kind == "non_finite_loss"
    assert store.get(NAME) is None
    store.put(*done(NAME, right=(70,)))
    assert store.failure(NAME) is None
    store.put_failure(failed(NAME))  # a later failure leaves the older success
    older = store.get(NAME)
    assert older is not None
    assert older.metrics["test"]["accuracy"] == 0.7
    assert [record.status for record in store.all()] == ["failed", "done"]
    record, arrays = done(NAME, right=(90,))
    assert store.put(record, arrays).predictions != older.predictions
    assert [record.status for record in store.all()] == ["done"]
    assert np.array_equal(store.predictions(NAME)["stage1/test/logits"], arrays["stage1/test/logits"])


def test_all_is_ordered_and_skips_hidden_folders(store: Store) -> None:
    names = [NAME.replace("seed=0", f"seed={seed}") for seed in (2, 0, 1)]
    for name in names:
        store.put(*done(name))
    hidden = store.folder / ".checkpoints" / "a" / "b" / "c" / "seed=0.json"
    hidden.parent.mkdir(parents=True)
    hidden.write_text("{}")
    (store.path(NAME).parent / ".tmp-1-aa.json").write_text("half a rec")
    assert [record.cell for record in store.all()] == sorted(names)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cell": "x"}', "\xff"])
def test_a_corrupt_record_is_named(store: Store, text: str) -> None:
    store.put(*done(NAME))
    store.path(NAME).write_text(text, encoding="latin-1")
    for read in (lambda: store.get(NAME), lambda: list(store.all())):
        with pytest.raises(CorruptRecord, match=r"seed=0\.json"):
            read()
    store.put(*done(NAME))  # running the cell again replaces it
    assert store.get(NAME) is not None


def test_a_newer_schema_is_refused(store: Store) -> None:
    store.put(*done(NAME))
    path = store.path(NAME)
    path.write_text(path.read_text().replace('"schema_version": 3', '"schema_version": 4'))
    with pytest.raises(CorruptRecord, match="Input should be 3"):
        store.get(NAME)


def test_a_record_at_another_cells_address_is_refused(store: Store) -> None:
    store.put(*done(NAME))
    other = NAME.replace("k=10", "k=20")
    store.path(other).parent.mkdir(parents=True)
    store.path(NAME).rename(store.path(other))
    with pytest.raises(CorruptRecord, match=r"holds .*k=10"):
        store.get(other)


@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_damaged_predictions_are_never_returned(store: Store, damage: str) -> None:
    record, arrays = done(NAME)
    store.put(record, arrays)
    file = store.path(NAME).with_suffix(".npz")
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:100])
    else:
        arrays["stage1/test/logits"][0, 0] += 1
        np.savez(file, **arrays)
    with pytest.raises(CorruptRecord, match=r"seed=0\.npz is missing or altered"):
        store.predictions(NAME)


def test_python_objects_are_refused(store: Store) -> None:
    record, arrays = done(NAME)
    arrays["test/ids"] = arrays["test/ids"].astype(object)
    with pytest.raises(ValueError, match="test/ids"):
        store.put(record, arrays)
    assert store.get(NAME) is None


def test_an_unwritable_folder_is_a_usage_error(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    for attempt in (
        Store(blocker / "runs").check_writable,
        lambda: Store(blocker / "runs").put(*done(NAME)),
        lambda: Store(blocker).put_failure(failed(NAME)),
    ):
        with pytest.raises(UsageError, match=r"Cannot write .* Choose a folder"):
            attempt()
    assert blocker.read_bytes() == b""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_can_be_read(store: Store) -> None:
    store.put(*done(NAME))
    store.folder.chmod(0o500)
    try:
        assert store.get(NAME) is not None
        assert store.predictions(NAME)
        with pytest.raises(UsageError, match="Choose a folder"):
            store.check_writable()
    finally:
        store.folder.chmod(0o700)


def test_undefined_numbers_become_null_and_nan_in_the_frame(store: Store) -> None:
    record, arrays = done(NAME)
    stage = record.stages[0].model_dump()
    stage["metrics"]["test"]["auc"] = float("nan")
    fields = record.model_dump() | {"stages": [stage | {"curves": {"train_loss": [1.0, float("inf")]}}]}
    store.put(Record(**fields), arrays)
    stored = store.get(NAME)
    assert stored is not None
    assert stored.metrics["test"]["auc"] is None
    assert stored.stages[0].curves["train_loss"] == [1.0, None]
    assert load_records(store.folder)["test_auc"].isna().all()


def test_comparable_leaves_time_and_environment_out() -> None:
    record, _ = done(NAME)
    slower = record.model_copy(
        update={
            "hardware": record.hardware.model_copy(update={"seconds": 99.0}),
            "environment": {"python": "3.12"},
            "git_revision": "abc",
        }
    )
    other, _ = done(NAME, right=(81,))
    assert record.comparable() == slower.comparable()
    assert record.comparable() != other.comparable()


def test_a_status_and_its_error_go_together() -> None:
    with pytest.raises(ValueError, match="needs an error"):
        Record(**(done(NAME)[0].model_dump() | {"status": "failed"}))


def test_load_records(store: Store) -> None:
    store.put(*done(NAME))
    store.put_failure(failed(NAME.replace("seed=0", "seed=1")))
    frame = load_records(store.folder).set_index("seed")
    assert frame.loc[0, "test_accuracy"] == 0.8
    assert frame.loc[0, "dataset"] == "pacs"
    assert frame.loc[0, "protocol"] == "paper"
    assert frame.loc[0, "method.k"] == 10
    assert frame.loc[0, "n_test"] == 100
    assert frame.loc[1, "status"] == "failed"
    assert frame.loc[1, "error_kind"] == "non_finite_loss"
    assert bench.load_records is load_records
    with pytest.raises(UsageError, match="no results folder"):
        load_records(store.folder / "elsewhere")


def test_records_import_neither_torch_nor_timm() -> None:
    import subprocess

    heavy = "{'torch', 'timm', 'pandas'}"
    code = f"import sys, bench.records, bench.tasks.classification; print({heavy} & set(sys.modules) or 'none')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "none"
