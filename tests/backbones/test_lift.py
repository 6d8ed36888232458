"""2D weights on volumes: repeated slices give the slice's features, and every slice is looked at."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lifted import ARCHITECTURES, CNNS, VITS, backbone, error, exactness, repeated, shake, volumes
from torch import nn

from bench.backbones.base import Backbone
from bench.backbones.depth_conv import DepthConv2d, Folded
from bench.backbones.family import resolve_backbone
from bench.backbones.inflate import inflate
from bench.backbones.slices import Slices
from bench.backbones.weights import load
from bench.cells.notation import Spec
from bench.core.errors import UsageError
from bench.plugins import registry

pytestmark = pytest.mark.slow

WEIGHTS = os.environ.get("BENCH_WEIGHTS", "")
TOLERANCE = 1e-4

Lift = Callable[[str, int], Backbone]
LIFTS: dict[str, Lift] = {
    "slices": lambda arch, depth: Slices(backbone(arch), depth),
    "slices3": lambda arch, depth: Slices(backbone(arch), depth, planes=3),
    "mean": lambda arch, depth: inflate(backbone(arch), depth),
    "mean2": lambda arch, depth: inflate(backbone(arch), depth, depth_stride=2),
    "centre": lambda arch, depth: inflate(backbone(arch), depth, kernel="centre"),
    "centre4": lambda arch, depth: inflate(backbone(arch), depth, kernel="centre", depth_stride=4),
}


def ways(*archs: str) -> list[tuple[str, str]]:
    """Architectures with the ways that lift them: a Vision Transformer has no centre kernel."""
    return [(arch, way) for arch in archs for way in LIFTS if arch in CNNS or "centre" not in way]


@pytest.mark.parametrize(("arch", "way"), [pair for pair in ways(*ARCHITECTURES) if pair[1] != "slices3"])
def test_a_repeated_slice_gives_its_own_features(arch: str, way: str) -> None:
    images, repeats = repeated(depth=5)
    with torch.no_grad():
        flat = backbone(arch)(images)
    assert exactness(LIFTS[way](arch, 5), images, repeats, flat) <= TOLERANCE


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("pico", 64),
        ("deit_tiny_patch16_224.imagenet1k", 224),
        ("mobilenetv2_100.imagenet1k", 128),
        ("efficientnet_lite0.imagenet1k", 128),
    ],
)
def test_a_repeated_slice_with_trained_weights(name: str, size: int) -> None:
    if name != "pico" and not (Path(WEIGHTS) / f"{name}.safetensors").is_file():
        pytest.skip(f"BENCH_WEIGHTS holds no {name}")
    flat_model = load(Spec.parse(f"{name}[size={size}]"), Path(WEIGHTS) if WEIGHTS else None)
    images, repeats = repeated(depth=4, size=size)
    with torch.no_grad():
        flat = flat_model(images)
    for kernel in ("mean",) if flat_model.spec.family == "vit" else ("mean", "centre"):
        for stride in (1, 2):
            lifted = inflate(copy.deepcopy(flat_model), 4, stride, kernel)
            assert exactness(lifted, images, repeats, flat) <= TOLERANCE
    assert exactness(Slices(flat_model, 4), images, repeats, flat) <= TOLERANCE


@pytest.mark.parametrize("arch", VITS)
def test_one_uncorrected_class_token_is_not_exact(arch: str) -> None:
    images, repeats = repeated(depth=4)
    with torch.no_grad():
        flat = backbone(arch)(images)
    lifted = inflate(backbone(arch), 4)
    assert exactness(lifted, images, repeats, flat) <= TOLERANCE
    for block in lifted.model.blocks:  # type: ignore[union-attr]
        block.attn._forward_pre_hooks.clear()
        block.attn._forward_pre_hooks_with_kwargs.clear()
    assert exactness(lifted, images, repeats, flat) > 100 * TOLERANCE


@pytest.mark.parametrize(("arch", "way"), ways(*ARCHITECTURES))
def test_every_slice_receives_gradient(arch: str, way: str) -> None:
    lifted = LIFTS[way](arch, 5)
    given = volumes(5, batch=1).requires_grad_()
    lifted(given).pooled.square().sum().backward()
    assert given.grad is not None
    per_slice = given.grad.abs().amax(dim=(0, 1, 3, 4))
    assert (per_slice > 1e-3 * per_slice.max()).all()


@pytest.mark.parametrize(("arch", "way"), ways("deit_tiny_patch16_224", "convnext_atto", "tf_efficientnet_lite0"))
def test_order_of_slices_matters_where_declared(arch: str, way: str) -> None:
    lifted = LIFTS[way](arch, 6)
    given, order = volumes(6), torch.tensor([3, 0, 5, 1, 4, 2])

    def change() -> float:
        with torch.no_grad():
            return error(lifted(given[:, :, order]).pooled, lifted(given).pooled)

    at_start = change()
    move(lifted)
    after = change()
    seen = {"ignored": (False, False), "learnable": (False, True), "used": (True, True)}[lifted.depth_order]  # type: ignore[index]
    assert (at_start > TOLERANCE, after > TOLERANCE) == seen


@torch.no_grad()
def move(module: nn.Module) -> None:
    """All weights elsewhere, as training would."""
    torch.manual_seed(1)
    for value in module.parameters():
        value.add_(torch.randn_like(value) * 0.3 * value.std().nan_to_num(0) + torch.randn_like(value) * 0.01)


@pytest.mark.parametrize(("arch", "way"), ways("deit_tiny_patch16_224", "tf_efficientnet_lite0"))
def test_the_declared_grid_and_widths_are_what_comes_out(arch: str, way: str) -> None:
    lifted = LIFTS[way](arch, 6)
    with torch.no_grad():
        features = lifted(volumes(6))
    assert features.tokens.shape == (2, lifted.spec.tokens, lifted.spec.token_dim)
    assert features.pooled.shape == (2, lifted.spec.pooled_dim)
    depth = {"slices": 6, "slices3": 18, "mean": 6, "mean2": 3, "centre": 6, "centre4": 2}[way]
    assert lifted.spec.grid == (depth, *lifted.spec.grid[1:])


def test_tokens_are_laid_out_depth_first() -> None:
    for way in ("slices", "mean", "centre"):
        arch = "tf_efficientnet_lite0"
        lifted = LIFTS[way](arch, 9)
        dark, lit = torch.zeros(1, 3, 9, 64, 64), torch.zeros(1, 3, 9, 64, 64)
        lit[:, :, 0] = 3.0
        with torch.no_grad():
            moved = (lifted(lit).tokens - lifted(dark).tokens).abs().sum(-1).unflatten(1, lifted.spec.grid)
        assert moved[0, 0].min() > 0
        if way != "mean":
            assert moved[0, 8].max() == 0


@pytest.mark.parametrize("arch", ["deit_tiny_patch16_224", "convnext_atto"])
@pytest.mark.parametrize("way", ["slices", "mean"])
def test_one_channel_is_repeated(arch: str, way: str) -> None:
    lifted, given = LIFTS[way](arch, 4), volumes(4)[:, :1]
    with torch.no_grad():
        assert torch.equal(lifted(given).pooled, lifted(given.repeat(1, 3, 1, 1, 1)).pooled)


@pytest.mark.parametrize("way", ["slices", "mean"])
def test_another_depth_is_refused(way: str) -> None:
    with pytest.raises(UsageError, match=r"takes volumes .*4"):
        LIFTS[way]("convnext_atto", 4)(volumes(5))


def test_centre_inflation_is_the_mean_over_slices_at_the_start() -> None:
    given = volumes(5)
    with torch.no_grad():
        one = Slices(backbone("tf_efficientnet_lite0"), 5)(given)
        other = inflate(backbone("tf_efficientnet_lite0"), 5, kernel="centre")(given)
    assert error(other.tokens, one.tokens) <= TOLERANCE


@pytest.mark.parametrize(
    ("kernel", "taps", "groups"), [("mean", 3, 1), ("centre", 3, 1), ("mean", 5, 6), ("centre", 3, 6)]
)
def test_grown_kernels_are_three_dimensional_convolutions(kernel: str, taps: int, groups: int) -> None:
    """Against torch's own 3D convolution of replicated edges with the sum of the 2D kernels, and one tap moved."""
    torch.manual_seed(0)
    flat, folded = nn.Conv2d(6, 12, 3, padding=1, groups=groups), Folded()
    made = DepthConv2d(flat, taps, kernel, folded)  # type: ignore[arg-type]
    folded.batch = 2
    given = torch.randn(2, 6, 5, 8, 8)
    kernel3d = torch.zeros(12, 6 // groups, taps, 3, 3)
    kernel3d[:, :, taps // 2 if kernel == "centre" else slice(None)] = (
        flat.weight if kernel == "centre" else flat.weight[:, :, None] / taps
    )
    with torch.no_grad():
        made.weight.unflatten(1, (6 // groups, taps))[:, :, 0] += 0.5  # the slice before
    kernel3d[:, :, 0] += 0.5
    padded = nn.functional.pad(given, (0, 0, 0, 0, taps // 2, taps // 2), mode="replicate")
    expected = nn.functional.conv3d(padded, kernel3d, flat.bias, padding=(0, 1, 1), groups=groups)
    slices = made(given.transpose(1, 2).flatten(0, 1))
    assert error(slices.unflatten(0, (2, 5)).transpose(1, 2), expected) < 1e-5


@pytest.mark.parametrize(
    ("arch", "layer"),
    [
        ("resnetv2_50", "ResNetV2"),
        ("test_nfnet", "NormFreeNet"),
        ("swin_tiny_patch4_window7_224", "SwinTransformer"),
        ("eva02_tiny_patch14_224", "Eva"),
        ("skresnet18", "SelectiveKernelBasic"),
        ("deit_tiny_distilled_patch16_224", "VisionTransformerDistilled"),
    ],
)
def test_unknown_layers_are_refused(arch: str, layer: str) -> None:
    size = 224 if "224" in arch else 64
    flat = backbone(arch, size)
    with pytest.raises(UsageError, match=f"cannot be inflated: .*{layer}.*lift=slices"):
        inflate(flat, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth_stride": 3}, "power of two"),
        ({"depth_stride": 9}, r"1\.\.depth"),
        ({"depth_kernel": 2}, "odd"),
        ({"depth_kernel": 1}, "odd"),
    ],
)
def test_numbers_that_do_not_fit(options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        inflate(backbone("convnext_atto"), 8, **options)  # type: ignore[arg-type]


def test_a_centre_kernel_of_a_vit_is_refused() -> None:
    with pytest.raises(UsageError, match="skip slices"):
        inflate(backbone("deit_tiny_patch16_224"), 4, kernel="centre")


@pytest.mark.parametrize("method", ["vpt", "adaptformer", "lora", "ssf"])
@pytest.mark.parametrize("arch", ["deit_tiny_patch16_224", "convnext_atto"])
@pytest.mark.parametrize("way", ["slices", "mean"])
def test_what_a_method_adds_keeps_features_exact(method: str, arch: str, way: str) -> None:
    """The same added weights in the 2D model and in the lifted one, on a repeated slice."""
    built = registry.load("baselines", method).build(method, {})
    if arch in CNNS and built.families == ("vit",):
        pytest.skip("for Vision Transformers only")
    flat_model, lifted = backbone(arch), LIFTS[way](arch, 4)
    for model in (flat_model, lifted):
        own = {id(value) for value in model.parameters()}
        torch.manual_seed(2)
        built.inject(model)
        added = [value for value in model.parameters() if id(value) not in own]
        assert added
        torch.manual_seed(3)
        with torch.no_grad():
            for value in added:
                value.add_(torch.randn_like(value) * 0.1)
    images, repeats = repeated(depth=4)
    with torch.no_grad():
        flat = flat_model(images)
        assert error(flat.pooled, backbone(arch)(images).pooled) > 100 * TOLERANCE
    assert exactness(lifted, images, repeats, flat) <= TOLERANCE


@pytest.mark.parametrize("way", ["slices", "mean"])
def test_copies_and_training_mode(way: str) -> None:
    """A deep copy computes by itself, and frozen batch norms stay frozen."""
    lifted = LIFTS[way]("tf_efficientnet_lite0", 4)
    twin = copy.deepcopy(lifted)
    with torch.no_grad():
        expected = lifted(volumes(4, batch=3)).pooled
        twin(volumes(4, batch=1))
        assert torch.equal(lifted(volumes(4, batch=3)).pooled, expected)
        shake(twin)
        assert torch.equal(lifted(volumes(4, batch=3)).pooled, expected)
        assert not torch.equal(twin(volumes(4, batch=3)).pooled, expected)


@pytest.mark.parametrize(
    ("fields", "shape", "grid"),
    [
        ("size=64", (3, 64, 64), (2, 2)),
        ("size=64,lift=slices", (3, 28, 64, 64), (28, 2, 2)),
        ("size=64,lift=slices,depth=3,planes=3", (3, 3, 64, 64), (9, 2, 2)),
        ("size=64,lift=inflate,depth=8,depth_stride=4,kernel=centre", (3, 8, 64, 64), (2, 2, 2)),
    ],
)
def test_a_cell_says_how_weights_are_lifted(fields: str, shape: tuple[int, ...], grid: tuple[int, ...]) -> None:
    spec = Spec.parse(f"pico[{fields}]")
    family = resolve_backbone(spec, None)
    made = load(spec, None)
    assert made.input_shape == shape == family.input_shape(family.find("pico", None))
    assert made.spec.grid == grid


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("depth=8", "depth needs lift=slices or lift=inflate"),
        ("planes=3", "planes needs lift=slices"),
        ("lift=inflate,planes=3", "planes needs lift=slices"),
        ("lift=slices,depth_stride=2", "depth_stride needs lift=inflate"),
        ("lift=slices,kernel=centre", "kernel needs lift=inflate"),
    ],
)
def test_fields_without_meaning_are_refused(fields: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_backbone(Spec.parse(f"pico[{fields}]"), None)
