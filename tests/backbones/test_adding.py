"""`bench weights add`: checkpoints of one's own, in timm's naming, as files of the weights folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from bench.backbones.adding import Given, add
from bench.backbones.weights import load
from bench.cells.notation import Spec
from bench.cli.app import app
from bench.core.errors import UsageError

ARCH = "test_vit"


def state(**options: int) -> dict[str, Tensor]:
    torch.manual_seed(3)
    return timm.create_model(ARCH, **options).state_dict()


def test_a_training_checkpoint_is_taken_in_and_loads(tmp_path: Path) -> None:
    given = state(num_classes=7)
    torch.save({"state_dict": {f"module.{k}": v for k, v in given.items()}, "epoch": 3}, tmp_path / "mine.pth")
    weights = tmp_path / "weights"
    weights.mkdir()
    options = ["--arch", ARCH, "--weights", str(weights), "--trained-on", "my slides"]
    result = CliRunner().invoke(app, ["weights", "add", str(tmp_path / "mine.pth"), *options])
    assert result.exit_code == 0, result.output
    assert "Added mine: test_vit, 160 px" in result.output
    backbone = load(Spec("mine", {}), weights)
    assert backbone.info.trained_on == "my slides"
    own = backbone.state_dict()
    backbone = {name: value for name, value in given.items() if not name.startswith("head.")}
    assert all(torch.equal(own[f"model.{name}"], value) for name, value in backbone.items())


def test_weights_of_another_input_size_say_it(tmp_path: Path) -> None:
    save_file(state(img_size=96), tmp_path / "small.safetensors")
    folder = tmp_path / "weights"
    folder.mkdir()
    with pytest.raises(UsageError, match="by --size"):
        add(tmp_path / "small.safetensors", Given(ARCH), folder)
    info = add(tmp_path / "small.safetensors", Given(ARCH, size=96, mean=(0.1, 0.2, 0.3)), folder)
    assert (info.size, info.mean) == (96, (0.1, 0.2, 0.3))
    assert load(Spec("small", {}), folder).input_shape == (3, 96, 96)
    with pytest.raises(UsageError, match="already"):
        add(tmp_path / "small.safetensors", Given(ARCH, size=96), folder)


class Harmful:
    """What an attacker would put into a pickle."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    torch.save({"state_dict": Harmful(tmp_path / "ran")}, tmp_path / "bad.pth")
    with pytest.raises(UsageError, match="without running code from it"):
        add(tmp_path / "bad.pth", Given(ARCH), tmp_path)
    assert not (tmp_path / "ran").exists()


def test_what_does_not_fit_is_told_and_leaves_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save(state(), tmp_path / "vit.pth")
    torch.save({"a": state(), "b": state()}, tmp_path / "two.pth")
    torch.save({"epoch": 1}, tmp_path / "none.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"1234")
    for file, given, said in [
        ("vit.pth", Given("test_resnet"), "tensors are missing"),
        ("vit.pth", Given("test_vitt"), "Did you mean"),
        ("vit.pth", Given(ARCH, interpolation="nearest"), "interpolation in its metadata"),
        ("two.pth", Given(ARCH), "several state dicts: a, b"),
        ("none.pth", Given(ARCH), "no state dict"),
        ("broken.safetensors", Given(ARCH), "Cannot read"),
        ("missing.pth", Given(ARCH), "There is no file"),
    ]:
        with pytest.raises(UsageError, match=said):
            add(tmp_path / file, given, folder)
    assert not list(folder.iterdir())
    assert add(tmp_path / "two.pth", Given(ARCH, key="b"), folder, "second").arch == ARCH
