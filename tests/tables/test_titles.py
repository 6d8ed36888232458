"""Titles of plug-ins and words for their fields."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core.errors import UsageError
from bench.plugins.folders import use_folders
from bench.plugins.registry import catalog
from bench.plugins.scan import Kind
from bench.records import Store
from bench.tables.rows import cell_parts
from bench.tables.titles import Titles, labels_of

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("kind", ["baselines", "datasets", "tasks", "augmentations", "backbones", "recipes"])
def test_every_plug_in_has_a_title_of_its_own(kind: Kind) -> None:
    titles = {name: entry.title for name, entry in catalog(kind).items()}
    assert [name for name, title in titles.items() if not title] == []
    twice = [title for title in titles.values() if list(titles.values()).count(title) > 1]
    assert set(twice) <= {"Own images"}, "folders and lists of images are both a person's own"


def test_protocols_and_fields_have_words() -> None:
    titles = Titles()
    assert titles.dataset("pacs[fraction=0.1]", "leave_art_painting") == (
        "PACS, tested on Art Painting, 10 % of the training images"
    )
    assert titles.dataset("medmnist", "official") == "MedMNIST, BreastMNIST"
    assert titles.dataset("medmnist[subset=pneumoniamnist]", "official") == "MedMNIST, PneumoniaMNIST"
    assert titles.of("backbone", "lite0[size=96]") == "EfficientNet-Lite0, 96 px"
    assert titles.of("backbone", "vit_base_patch16_224.augreg_in21k") == "vit_base_patch16_224.augreg_in21k"
    assert titles.of("method", "cladapter[tuning=frozen]") == "CLAdapter (frozen backbone)"
    assert titles.of("method", "lora[rank=4]") == "LoRA (rank 4)"
    assert titles.of("recipe", "tuned_small[lr=0.001,lr_grid=[]]") == "Tuned, small (rate 0.001)"
    assert Titles(canonical=True).dataset("pacs", "paper") == "pacs (paper)"


def test_no_name_in_the_committed_records_is_left_in_code() -> None:
    """Data sets, backbones and recipes: whatever their names state has words."""
    titles, found = Titles(), set[str]()
    for record in Store(RESULTS).all():
        dataset, backbone, _, recipe = cell_parts(record.cell)
        found |= {
            titles.dataset(dataset, record.protocol),
            titles.of("backbone", backbone),
            titles.of("recipe", recipe),
        }
    assert len(found) > 50
    assert [title for title in found if set("[]_=") & set(title)] == []


def test_a_persons_own_plug_in_is_called_by_its_name_or_title(plugin_folder: Path) -> None:
    code = 'from bench.baselines.linear_probe import LinearProbe\n\n\nclass Mine(LinearProbe):\n    """Mine."""\n'
    (plugin_folder / "my_probe.py").write_text(code)
    (plugin_folder / "named.py").write_text(code.replace("class Mine", "class Named") + '\n    title = "My best"\n')
    use_folders([plugin_folder])
    assert Titles().of("method", "my_probe") == "My probe", "an ancestor's title is another's"
    assert Titles().of("method", "named") == "My best"
    assert Titles({"named": "Ours"}).of("method", "named") == "Ours"


def test_labels_come_from_options_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels.toml").write_text('cladapter = "File"\nlora = "LoRA, ours"\n"lora[rank=2]" = "Small"\n')
    found = labels_of(tmp_path, ["cladapter=Option", "lora[rank=4]=Large"])
    assert found == {"cladapter": "Option", "lora": "LoRA, ours", "lora[rank=2]": "Small", "lora[rank=4]": "Large"}
    titles = Titles(found)
    assert [titles.of("method", name) for name in ("lora[rank=2]", "lora[rank=4]", "lora[rank=8]")] == [
        "Small", "Large", "LoRA, ours (rank 8)",
    ]  # fmt: skip


@pytest.mark.parametrize(("given", "file"), [(["cladapter"], ""), ([], "cladapter = 3"), ([], "cladapter")])
def test_wrong_labels_are_refused(tmp_path: Path, given: list[str], file: str) -> None:
    if file:
        (tmp_path / "labels.toml").write_text(file)
    with pytest.raises(UsageError, match="cladapter"):
        labels_of(tmp_path, given)
