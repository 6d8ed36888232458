"""`bench run --dry-run` asks nobody: what backbones of a hub cost is known without their weights."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from made_images import class_folders
from sparing import slow_but
from typer.testing import CliRunner, Result

from bench.backbones.family import resolve_backbone
from bench.cells.notation import Spec
from bench.cli.app import app


@pytest.fixture(autouse=True)
def unplugged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and nothing that an earlier download left."""

    def refused(*given: Any, **named: Any) -> NoReturn:
        raise OSError(f"no connection to {given[:2]}")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def dry(cell: str, results: Path) -> Result:
    return CliRunner().invoke(app, ["run", f"{cell}/quick/seed=0", "--dry-run", "--json", "--results", str(results)])


@pytest.mark.parametrize(
    "cell",
    slow_but(
        [
            "digits/vit_tiny_patch16_224.augreg_in21k[size=32]/linear_probe",
            "digits/vit_tiny_patch16_224.augreg_in21k[size=32]/lora",
            "digits/mobilenetv3_small_050.lamb_in1k[size=64]/full_finetune",
            "medmnist[subset=vesselmnist3d]/r3d_18[size=32,frames=4]/knn",
            "digits/pit_ti_224.in1k/knn",
        ],
        "digits/mobilenetv3_small_050.lamb_in1k[size=64]/full_finetune",
    ),
)
def test_what_is_not_here_is_estimated(cell: str, tmp_path: Path) -> None:
    result = dry(cell, tmp_path / "results")
    assert result.exit_code == 0, result.output
    (group,) = json.loads(result.stdout)["groups"]
    assert group["seconds"] > 0


@pytest.mark.parametrize("cell", ["digits/crossvit_tiny_240.in1k/linear_probe", "digits/pit_ti_224.in1k/cladapter"])
def test_what_does_not_fit_is_told_in_a_line(cell: str, tmp_path: Path) -> None:
    result = dry(cell, tmp_path / "results")
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert cell.split("/")[1] in result.stderr


def test_a_tokeniser_is_not_fetched_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some architectures' lie on a hub."""
    open_clip = pytest.importorskip("open_clip")
    monkeypatch.delattr(open_clip, "get_tokenizer")
    spec = Spec("open_clip.RN50-quickgelu.openai", {})
    family = resolve_backbone(spec, None)
    with torch.device("meta"):
        backbone = family.load(spec.name, family.find(spec.name, None), pretrained=False)
    assert backbone.spec.pooled_dim == 1024


def test_a_dry_run_refuses_what_the_run_refuses_in_the_same_words(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "test")):
        class_folders(tmp_path / "mine" / split, height=9 + number)
    words = [
        *("run", "own", "-o", "dataset=image_folder[protocol=split_without_val,path=mine]", "-o", "backbone=pico"),
        *("-o", "methods=[linear_probe]", "--data", str(tmp_path), "--results", str(tmp_path / "runs")),
    ]
    for further, refusal in (([], "has no validation split"), (["--val-only"], "cannot run with --val-only")):
        ran, tried = (CliRunner().invoke(app, [*words, *further, *dry]) for dry in ([], ["--dry-run"]))
        assert (tried.exit_code, tried.output) == (ran.exit_code, ran.output)
        assert ran.exit_code == 2
        assert refusal in ran.output
    assert not (tmp_path / "runs").exists()
