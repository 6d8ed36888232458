"""Suites: axes to cells, and overrides that land where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.core.errors import UsageError
from bench.grid.suite import load_suite, load_targets, parse_override
from bench.plugins import registry

SUITE = '''"""What it shows."""
dataset = "digits"
backbone = "pico"
recipe = "quick"
methods = ["knn", dict(name="knn", k=[3, 5]), "linear_probe"]
seeds = [0, 1]
'''


@pytest.fixture(autouse=True)
def _no_folders_afterwards() -> Iterator[None]:
    yield
    registry.use_folders([])


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(SUITE)
    return path


def names(path: Path | str, *overrides: str) -> list[str]:
    return [cell.name for cell in load_suite(path, dict(parse_override(text) for text in overrides)).cells]


def test_grid_in_order_without_repetition(suite: Path) -> None:
    found = load_suite(suite)
    assert (found.name, found.doc) == ("small", "What it shows.")
    assert [cell.name for cell in found.cells] == [
        f"digits/pico/{method}/quick/seed={seed}" for method in ("knn", "knn[k=3]", "linear_probe") for seed in (0, 1)
    ]


def test_quick_covers_what_it_promises() -> None:
    cells = names("quick")
    assert len(cells) == len(set(cells)) == 24
    assert any(name.startswith("digits/pico/cladapter[tuning=frozen]/quick[") for name in cells)
    assert {name.rpartition("=")[2] for name in cells} == {"0", "1", "2"}
    assert {name.split("/")[0] for name in cells} == {"digits"}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seeds=3", ["digits/pico/knn/quick/seed=3"]),
        ("seed=[1,2]", ["digits/pico/knn/quick/seed=1", "digits/pico/knn/quick/seed=2"]),
        ("data_seed=7", ["digits/pico/knn/quick/seed=0,data_seed=7"]),
        ("data_seed=0", ["digits/pico/knn/quick/seed=0"]),
        ("k=9", ["digits/pico/knn[k=9]/quick/seed=0"]),
        ("k=[5,9]", ["digits/pico/knn/quick/seed=0", "digits/pico/knn[k=9]/quick/seed=0"]),
        ("image_size=96", ["digits/pico[size=96]/knn/quick/seed=0"]),
        ("epochs=2", ["digits/pico/knn/quick[epochs=2]/seed=0"]),
        ("lr=[0.1,0.2]", ["digits/pico/knn/quick[lr=0.1]/seed=0", "digits/pico/knn/quick[lr=0.2]/seed=0"]),
        ("shots=4", ["digits[shots=4]/pico/knn/quick/seed=0"]),
        ("shots=none", ["digits/pico/knn/quick/seed=0"]),
        ("backbone=resnet18[size=64]", ["digits/resnet18[size=64]/knn/quick/seed=0"]),
        ("recipe=[quick,paper[epochs=3]]", ["digits/pico/knn/quick/seed=0", "digits/pico/knn/paper[epochs=3]/seed=0"]),
        ("methods=[majority,knn[k=2]]", ["digits/pico/majority/quick/seed=0", "digits/pico/knn[k=2]/quick/seed=0"]),
        ("dataset=pacs[protocol=leave_photo]", ["pacs[protocol=leave_photo]/pico/knn/quick/seed=0"]),
        ("protocol=limited", ["digits/pico/knn/quick/seed=0"]),
    ],
)
def test_each_kind_of_override(suite: Path, override: str, expected: list[str]) -> None:
    base = {"methods": "knn", "seeds": 0}
    key, value = parse_override(override)
    base = {k: v for k, v in base.items() if k.rstrip("s") != key.rstrip("s")}
    assert [cell.name for cell in load_suite(suite, {**base, key: value}).cells] == expected


def test_method_fields_reach_only_methods_that_have_them(suite: Path) -> None:
    assert names(suite, "k=7", "seeds=0") == [
        "digits/pico/knn[k=7]/quick/seed=0",
        "digits/pico/linear_probe/quick/seed=0",
    ]


def test_a_field_of_one_method(suite: Path) -> None:
    both = ("methods=[knn,cladapter]", "seeds=0")
    assert names(suite, *both, "k=7") == [
        "digits/pico/knn[k=7]/quick/seed=0",
        "digits/pico/cladapter[k=7]/quick/seed=0",
    ]
    one = names(suite, *both, "cladapter.k=7")
    assert one == ["digits/pico/knn/quick/seed=0", "digits/pico/cladapter[k=7]/quick/seed=0"]
    assert names(suite, "methods=knn", "seeds=0", "digits.shots=2") == ["digits[shots=2]/pico/knn/quick/seed=0"]
    with pytest.raises(UsageError, match=r"linear_probe.*'k'"):
        names(suite, "linear_probe.k=7")


def test_a_field_of_the_recipe_for_one_method(tmp_path: Path) -> None:
    """A rate that was chosen for one method is fixed for it alone: in a text, in a dict, by -o."""
    path = tmp_path / "rates.py"
    path.write_text(
        SUITE.replace(
            'dict(name="knn", k=[3, 5]), "linear_probe"',
            'dict(name="lora", rank=2, lr=[0.1, 0.2]), "linear_probe[lr=0.3]"',
        )
        + "lr = 0.5\n"
    )
    rows = [name.split("/")[2:4] for name in names(path, "seeds=[0]", "knn.epochs=2")]
    assert rows == [
        ["knn", "quick[epochs=2,lr=0.5]"],
        ["lora[rank=2]", "quick[lr=0.1]"],
        ["lora[rank=2]", "quick[lr=0.2]"],
        ["linear_probe", "quick[lr=0.3]"],
    ]
    assert [name.split("/")[3] for name in names(path, "methods=[linear_probe]", "linear_probe.lr_grid=[0.1,0.2]")] == [
        "quick[lr=0.5,lr_grid=[0.1,0.2]]"
    ] * 2
    with pytest.raises(UsageError, match="no parameter 'learning_rate'"):
        names(path, "lora.learning_rate=1")


def test_a_list_is_one_value_of_a_field_that_takes_lists(suite: Path) -> None:
    base = ("methods=knn", "seeds=0")
    assert names(suite, *base, "lr_grid=[0.1,0.2]") == ["digits/pico/knn/quick[lr_grid=[0.1,0.2]]/seed=0"]
    assert len(names(suite, *base, "lr_grid=[[0.1,0.2],[0.3]]")) == 2
    assert names(suite, *base, "lr_grid=[]") == ["digits/pico/knn/quick/seed=0"]
    own = names(suite, *base, "dataset=image_folder[path=x]", "accept_leaks=[duplicate]")
    assert own == ["image_folder[path=x,accept_leaks=[duplicate]]/pico/knn/quick/seed=0"]


def test_a_suite_may_set_fields_itself_and_inherit(suite: Path, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text('"""Child."""\n_base_ = "small.py"\nmethods = "knn"\nepochs = 2\nshots = [1, 2]\n')
    found = load_suite(child)
    assert found.doc == "Child."
    assert len(found.cells) == 4
    assert found.cells[0].name == "digits[shots=1]/pico/knn/quick[epochs=2]/seed=0"
    assert names(child, "epochs=7", "shots=1", "seeds=0") == ["digits[shots=1]/pico/knn/quick[epochs=7]/seed=0"]


def test_another_data_set_does_not_inherit_the_protocol(suite: Path, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text('"""Child."""\n_base_ = "small.py"\nmethods = "knn"\nprotocol = "limited"\nseeds = 0\n')
    assert names(child) == ["digits/pico/knn/quick/seed=0"]
    assert names(child, "dataset=pacs") == ["pacs/pico/knn/quick/seed=0"]
    with pytest.raises(UsageError, match="no protocol 'limited'"):
        names(child, "dataset=pacs", "protocol=limited")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("epocs=2", "no 'epocs' to set.*'epochs'"),
        ("tuning=frozen", "no 'tuning' to set"),  # no method of the suite has it
        ("epochs=many", r"quick\[epochs\]"),
        ("seeds=-1", "whole number from 0"),
        ("seeds=[]", "list is empty|names no|no cell"),
        ("methods=[]", "names no method"),
        ("methods=knn[k=1", "position"),
        ("methods=kn", "No method 'kn'"),
        ("dataset=pacs[protocol=papr]", "no protocol 'papr'"),
        ("k", "key=value"),
        ("=3", "key=value"),
    ],
)
def test_wrong_overrides_are_refused(suite: Path, override: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        names(suite, override)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SUITE + "1 / 0\n", r"broken\.py:7: ZeroDivisionError"),
        (SUITE + "def f(:\n", r"broken\.py:7"),
        (SUITE.replace("dataset", "dataset_name"), "no dataset|names no dataset"),
        (SUITE + "epocs = 3\n", "no 'epocs' to set"),
        (SUITE + "method = 'knn'\n", "Both"),
        (SUITE.replace('"knn",', "3,"), "neither a text"),
        ('_base_ = "gone.py"\n' + SUITE, "gone.py"),
    ],
)
def test_wrong_suite_files_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        load_suite(path)


def test_targets_are_suites_files_and_cells(suite: Path) -> None:
    cell = "digits[protocol=limited]/pico/knn[k=5]/quick/seed=0"
    by_name, by_file, by_cell = load_targets(["quick", str(suite), cell])
    assert (by_name.name, by_file.name) == ("quick", "small")
    assert [c.name for c in by_cell.cells] == ["digits/pico/knn/quick/seed=0"]
    with pytest.raises(UsageError, match="cell's name"):
        load_targets([cell], {"epochs": 3})
    with pytest.raises(UsageError, match=r"No suite 'quik'.*'quick'"):
        load_targets(["quik"])
    with pytest.raises(UsageError, match="no suite file"):
        load_targets(["./gone.py"])
    with pytest.raises(UsageError, match=r"ends with its seed: digits/pico/knn/quick/seed=0\."):
        load_targets(["digits/pico/knn/quick"])


def test_own_suites_join(plugin_folder: Path) -> None:
    (plugin_folder / "mine.py").write_text(SUITE)
    registry.use_folders([plugin_folder])
    assert load_suite("mine").name == "mine"
