"""torchvision's video models: their own pooled vector, their weights, their constraints."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from lifted import error, shake
from torch import nn
from torchvision.models import get_model, get_model_weights
from torchvision.models.video.mvit import MSBlockConfig

from bench.backbones.family import family_of
from bench.backbones.video import _MODELS, Video
from bench.backbones.video_models import MViT, build
from bench.core.errors import UsageError

pytestmark = pytest.mark.slow

# small inputs where the architecture takes them
INPUTS: dict[str, dict[str, int]] = {
    "r3d_18": {"frames": 6, "size": 32},
    "mc3_18": {"frames": 4, "size": 48},
    "r2plus1d_18": {"frames": 5, "size": 32},
    "s3d": {"frames": 16},
    "swin3d_t": {"frames": 6, "size": 64},
}


NAMES = (*INPUTS, "mvit")


def whole_model(name: str) -> nn.Module:
    """A random model; "mvit" is MViTv2 with three blocks, since the published ones take 16 x 224 x 224 only."""
    torch.manual_seed(0)
    if name != "mvit":
        return get_model(name, weights=None)
    blocks = [
        MSBlockConfig(num_heads=1, input_channels=16, output_channels=16, kernel_q=[3, 3, 3], kernel_kv=[3, 3, 3],
                      stride_q=[1, stride, stride], stride_kv=[1, 2, 2])
        for stride in (1, 2, 1)
    ]  # fmt: skip
    return torchvision.models.video.MViT(
        spatial_size=(32, 32), temporal_size=6, block_setting=blocks, residual_pool=True, residual_with_cls_embed=False,
        rel_pos_embed=True, proj_after_attn=True, num_classes=5,
    )  # fmt: skip


def backbone(name: str, **fields: int) -> Any:
    """The backbone of the same random model."""
    if name == "mvit":
        return MViT(whole_model(name), Video().find("mvit_v2_s", None), (3, 6, 32, 32))
    torch.manual_seed(0)
    family = Video(**fields)
    return family.load(name, family.find(name, None), pretrained=False)


def test_the_table_is_torchvisions_own() -> None:
    published = {}
    for name in _MODELS:
        arch, _, tag = name.partition(".")
        weights = get_model_weights(arch)["KINETICS400_IMAGENET22K_V1" if tag else "KINETICS400_V1"]
        given = weights.transforms()
        published[name] = (
            weights.url.rpartition("/")[2], (tuple(given.mean), tuple(given.std)), given.crop_size[0],
            round(weights.meta["_metrics"]["Kinetics-400"]["acc@1"], 1),
        )  # fmt: skip
    assert published == {n: (m.file, m.scale, m.size, round(m.top1, 1)) for n, m in _MODELS.items()}
    assert set(_MODELS) == set(Video.names(None))


@pytest.mark.parametrize("name", NAMES)
def test_features_are_what_torchvisions_classifier_sees(name: str) -> None:
    made = backbone(name, **INPUTS.get(name, {}))
    whole = whole_model(name)
    head, seen = whole.get_submodule(made.head), []
    head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    clip = torch.rand(1, *made.input_shape)
    with torch.no_grad():
        whole.eval()(clip)
        features = made(clip)
    expected = seen[0].flatten(2).mean(2) if name == "s3d" else seen[0]
    assert error(features.pooled, expected) < 1e-5
    assert features.tokens.shape[1:] == (made.spec.tokens, made.spec.token_dim)
    assert len(made.spec.grid) == 3
    if name not in ("s3d", "mvit"):
        assert error(features.tokens.mean(1), features.pooled) < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_receives_gradient_and_order_matters(name: str) -> None:
    made = backbone(name, **INPUTS.get(name, {}))
    shake(made)
    made.train(made.spec.family == "cnn")  # statistics of random weights would let the signal fade
    clip = torch.rand(1, *made.input_shape).requires_grad_()
    made(clip).pooled.square().sum().backward()
    assert clip.grad is not None
    per_frame = clip.grad.abs().amax(dim=(0, 1, 3, 4))
    assert (per_frame > 1e-3 * per_frame.max()).all()
    with torch.no_grad():
        assert error(made(clip.flip(2)).pooled, made(clip).pooled) > 1e-4
    assert made.depth_order == "used"


def test_s3d_pools_larger_inputs_as_torchvision_does() -> None:
    made = backbone("s3d")
    final = torch.rand(2, 5, 4, 9, 8)
    expected = torch.nn.AvgPool3d((2, 7, 7), stride=1)(final).mean((2, 3, 4))
    assert error(made.pooled(final), expected) < 1e-6


def test_one_channel_is_repeated() -> None:
    made = backbone("r3d_18", frames=2, size=32)
    volumes = torch.rand(1, 1, 2, 32, 32)
    with torch.no_grad():
        assert torch.equal(made(volumes).pooled, made(volumes.repeat(1, 3, 1, 1, 1)).pooled)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("mvit_v2_s", {"frames": 8}, "16 frames of 224 px only"),
        ("mvit_v1_b", {"size": 112}, "16 frames of 224 px only"),
        ("s3d", {"frames": 8}, "at least 14 frames of 224 px"),
        ("s3d", {"size": 112}, "at least 14 frames of 224 px"),
    ],
)
def test_inputs_that_a_model_does_not_take(name: str, fields: dict[str, int], message: str) -> None:
    family = Video(**fields)
    with pytest.raises(UsageError, match=message):
        family.input_shape(family.find(name, None))


def test_the_normalisation_and_data_of_the_weights() -> None:
    info = Video().find("mvit_v2_s", None)
    assert (info.mean, info.std) == ((0.45,) * 3, (0.225,) * 3)
    assert Video().find("swin3d_b.in22k", None).trained_on.startswith("Kinetics-400, from weights trained on ImageNet")
    assert info.digest == "hub:https://download.pytorch.org/models/mvit_v2_s-ae3be167.pth"
    assert family_of("r3d_18", None).plugin_name() == "video"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with random weights of mc3_18 under its own name."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(7)
    state = torchvision.models.video.mc3_18().state_dict()
    torch.save(state, folder / "mc3_18.pth")
    return folder, state


def test_a_local_file_is_loaded(saved: tuple[Path, dict[str, Any]]) -> None:
    folder, state = saved
    family = Video(frames=2, size=32)
    info = family.find("mc3_18", folder)
    made = family.load("mc3_18", info)
    assert info.digest == "sha256:" + hashlib.sha256((folder / "mc3_18.pth").read_bytes()).hexdigest()
    own = made.model.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(value, state[name]) for name, value in own.items())


def test_an_address_is_loaded_and_checked_against_its_name(
    saved: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, state = saved
    content = (folder / "mc3_18.pth").read_bytes()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    info = Video().find("mc3_18", None)
    good = tmp_path / f"mc3_18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    bad = tmp_path / "mc3_18-00000000.pth"
    for path in (good, bad):
        path.write_bytes(content)
    made = build(info, (3, 2, 32, 32), good.as_uri())
    assert torch.equal(made.model.stem[0].weight, state["stem.0.weight"])
    with pytest.raises(UsageError, match=r"cannot load file.*weights folder"):
        build(info, (3, 2, 32, 32), bad.as_uri())


def test_weights_of_another_model_are_refused(saved: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "r3d_18.pth").write_bytes((saved[0] / "mc3_18.pth").read_bytes())
    family = Video(frames=2, size=32)
    with pytest.raises(UsageError, match=r"r3d_18: cannot load .*weights folder"):
        family.load("r3d_18", family.find("r3d_18", tmp_path))
    (tmp_path / "r3d_18.pth").write_bytes(b"no weights")
    with pytest.raises(UsageError, match=r"r3d_18: cannot load .*weights folder"):
        family.load("r3d_18", family.find("r3d_18", tmp_path))


def test_a_damaged_hub_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r3d_18-b3b3357e.pth").write_bytes(b"half a file")
    with pytest.raises(UsageError, match=r"is damaged: .*b3b3357e"):
        Video().find("r3d_18", tmp_path)


def test_views_are_taken_apart_and_averaged() -> None:
    single, several = backbone("mc3_18", frames=2, size=32), backbone("mc3_18", frames=2, size=32, views=3)
    clips = torch.rand(2, 3, 6, 32, 32)
    with torch.no_grad():
        apart = [single(clips[:, :, start : start + 2]) for start in (0, 2, 4)]
        together = several(clips)
    assert several.input_shape == (3, 6, 32, 32)
    assert several.spec.grid == (3 * single.spec.grid[0], *single.spec.grid[1:])
    assert error(together.pooled, torch.stack([part.pooled for part in apart]).mean(0)) < 1e-5
    assert error(together.tokens, torch.cat([part.tokens for part in apart], dim=1)) < 1e-5
