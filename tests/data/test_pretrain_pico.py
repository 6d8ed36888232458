"""The tool that trains the embedded backbone runs, and writes what the package reads."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from made_images import picture
from timm.layers import DropPath

from bench.backbones.facts import from_file
from bench.backbones.local import metadata
from bench.backbones.timm_backbone import build

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pretrain_pico", ROOT / "tools" / "pretrain_pico.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pretrain_pico"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def tiny(root: Path) -> None:
    place = root / "tiny-imagenet-200"
    for label, name in enumerate(("n01", "n02")):
        for number in range(4):
            picture(place / "train" / name / "images" / f"{name}_{number}.JPEG", 10 * label + number, 64, 64)
        picture(place / "val" / "images" / f"val_{label}.JPEG", 90 + label, 64, 64)
    (place / "wnids.txt").write_text("n02\nn01\n")
    (place / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn01\t0\t0\t9\t9\nval_1.JPEG\tn02\t0\t0\t9\t9\n")


def test_it_runs_and_the_file_loads(
    tool: ModuleType, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(root)
    out = tmp_path / "try.safetensors"
    words = ["pretrain_pico", "--data", str(root), "--out", str(out), "--epochs", "1", "--partial", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", words)
    tool.main()
    info = from_file(out)
    assert (info.arch, info.size, info.interpolation) == ("convnext_atto", 64, "bilinear")
    assert "8 images" in info.trained_on
    assert metadata(out)["recipe"].endswith("; 1 " + next(tool.stretches(1)).partition(" ")[2] + "; seed 0")
    assert build(info, 64, "try").spec.token_dim == 320


def test_the_file_states_what_the_shipped_one_states(tool: ModuleType) -> None:
    shipped = from_file(ROOT / "bench" / "assets" / "pico.safetensors")
    assert shipped.arch == "convnext_atto"
    assert np.allclose(shipped.mean, tool.MEAN)
    assert np.allclose(shipped.std, tool.STD)
    assert shipped.size == tool.SIZE
    assert metadata(ROOT / "bench" / "assets" / "pico.safetensors")["recipe"].startswith(tool.RECIPE + ";")


def test_the_file_states_the_schedule_that_was_run(tool: ModuleType) -> None:
    first = "epochs of a 12-epoch one-cycle schedule (peak 0.002) with fresh AdamW state and drop path up to 0.05"
    second = "epochs of a 2.4-epoch cosine from 0.0012 to 0 with fresh AdamW state and no drop path"
    assert list(tool.stretches(9.4)) == [f"7 {first}", f"2.4 {second}"]
    assert list(tool.stretches(8)) == [f"7 {first}", f"1 {second}"]
    assert list(tool.stretches(0.5)) == [f"0.5 {first}"]


def test_other_data_are_refused(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metadata name the data, and whether a backbone has seen a data set is judged by them."""
    out = tmp_path / "out.safetensors"
    monkeypatch.setattr(sys, "argv", ["pretrain_pico", "--out", str(out), "--dataset", "digits[shots=2]"])
    with pytest.raises(SystemExit):
        tool.main()
    assert "must be tiny_imagenet" in capsys.readouterr().err
    assert not out.exists()


def test_phases_are_those_of_the_recipe(tool: ModuleType) -> None:
    weights = torch.nn.Linear(1, 1)
    for phase, (first, peak, last) in zip(tool.PHASES, ((2e-3 / 25, 2e-3, None), (1.2e-3, 1.2e-3, 0.0)), strict=True):
        optimizer = torch.optim.AdamW(weights.parameters(), lr=phase.peak)
        schedule = tool._schedule(optimizer, phase, 100)
        rates = [schedule.get_last_lr()[0]]
        for _ in range(100):
            optimizer.step()
            schedule.step()
            rates.append(schedule.get_last_lr()[0])
        assert rates[0] == pytest.approx(first)
        assert max(rates) == pytest.approx(peak, rel=1e-3)
        assert last is None or rates[-1] == pytest.approx(last)


def test_the_second_phase_skips_no_blocks(tool: ModuleType) -> None:
    import timm

    model = timm.create_model("convnext_atto", drop_path_rate=0.05)
    assert max(module.drop_prob for module in model.modules() if isinstance(module, DropPath)) == pytest.approx(0.05)
    assert [phase.drop_path for phase in tool.PHASES] == [True, False]
    no_rows = np.arange(2)
    images = np.zeros((2, 64, 64, 3), dtype=np.uint8)
    tool._train(
        model, tool.PHASES[1], 1, 0.5, images, torch.zeros(2, dtype=torch.long), no_rows, 0, torch.device("cpu")
    )
    assert max(module.drop_prob for module in model.modules() if isinstance(module, DropPath)) == 0


def test_crops_are_one_offset_a_batch_and_flips_one_by_one(tool: ModuleType) -> None:
    torch.manual_seed(0)
    image = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3), dtype=np.uint8)
    batch = tool._augmented(np.repeat(image, 64, axis=0), torch.device("cpu"))
    assert batch.shape == (64, 3, 64, 64)
    kinds = {tuple(one.flatten()[:50].tolist()) for one in batch}
    assert len(kinds) == 2
