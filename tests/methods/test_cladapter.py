"""CLAdapter against numbers computed by the released code, and against the published counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from torch.utils._python_dispatch import TorchDispatchMode

from bench.backbones import Features, FeatureSpec
from bench.baselines.cladapter import CLAdapter, CLAdapterHead
from bench.core.errors import UsageError
from bench.engine.cost import macs, size
from bench.methods import HeadSpec

FIXTURE = Path(__file__).parent.parent / "fixtures" / "cladapter_reference.safetensors"


@pytest.fixture(scope="module")
def reference() -> dict[str, Tensor]:
    return load_file(FIXTURE)


def released_state(reference: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("state."): value for name, value in reference.items() if name.startswith("state.")}


def features(tokens: Tensor) -> Features:
    return Features(tokens, tokens.mean(1))


def test_forward_equals_the_released_code(reference: dict[str, Tensor]) -> None:
    head, tokens = CLAdapterHead.from_reference(released_state(reference)), reference["tokens"]
    close = dict(rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(head.attention(tokens), reference["attention"], **close)
    torch.testing.assert_close(head.adapt(tokens), reference["adapted_tokens"], **close)
    torch.testing.assert_close(head(features(tokens)), reference["logits"], **close)


def test_loss_and_gradients_equal_the_released_code(reference: dict[str, Tensor]) -> None:
    head = CLAdapterHead.from_reference(released_state(reference))
    tokens = reference["tokens"].clone().requires_grad_()
    loss = cross_entropy(head(features(tokens)), reference["labels"])
    loss.backward()
    torch.testing.assert_close(loss.detach(), reference["loss"].squeeze())
    attention = head.blocks[0].attention
    for name, found in {
        "tokens": tokens, "centers": attention.centers, "tran_ms": attention.matrices,
        "down_layer.weight": attention.down.weight,
    }.items():  # fmt: skip
        expected = reference[f"grad.{name}"]
        torch.testing.assert_close(found.grad, expected, rtol=1e-4, atol=2e-6 * float(expected.abs().max()))


def test_sizes_are_read_from_the_checkpoint(reference: dict[str, Tensor]) -> None:
    state = released_state(reference)
    head = CLAdapterHead.from_reference({"state." + name: value for name, value in state.items()})
    attention = head.blocks[0].attention
    assert attention.centers.shape == (32, 4)
    assert attention.matrices.shape == (4, 256, 256)
    assert head.classifier.fc.out_features == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("post.norm2.bias"), "norm2.bias"),
        (lambda s: s.update({"post.extra": torch.zeros(1)}), "extra"),
        (lambda s: s.update({"head.attn.proj.weight": torch.zeros(1)}), "proj.weight"),
        (lambda s: s.update({"blocks.0.attention.centers": torch.zeros(1)}), "no name of the released code"),
        (lambda s: s.update({"state.head.bias": torch.zeros(5)}), "twice"),
        (lambda s: s.update({"head.bias": torch.zeros(6)}), "classifier.fc.bias"),
        (lambda s: s.clear(), "centers"),
    ],
)
def test_a_wrong_checkpoint_is_refused(reference: dict[str, Tensor], change: object, words: str) -> None:
    state = released_state(reference)
    change(state)  # type: ignore[operator]
    with pytest.raises(UsageError, match=words):
        CLAdapterHead.from_reference(state)


def head_at(dim: int, tokens: int, **fields: object) -> CLAdapterHead:
    head = CLAdapter(**fields).head(HeadSpec(FeatureSpec(dim, dim, (tokens,), "vit"), 7))  # type: ignore[arg-type]
    assert isinstance(head, CLAdapterHead)
    return head


def test_a_field_without_effect_is_refused() -> None:
    with pytest.raises(UsageError, match="bottleneck is for mode=channel"):
        CLAdapter.build("cladapter", {"mode": "token", "bottleneck": 8})


@pytest.mark.parametrize(("dim", "published"), [(768, 6_448_896), (1024, 10_258_688)])
def test_added_parameters_as_published(dim: int, published: int) -> None:
    head = head_at(dim, 196)
    assert size(head) - size(head.classifier) == published


@pytest.mark.parametrize(("dim", "k"), [(32, 3), (96, 20), (192, 100)])
def test_added_parameters_follow_the_formula(dim: int, k: int) -> None:
    head = head_at(dim, 9, k=k)
    formula = dim * k + 65536 * k + (256 * dim + 256) + (256 * dim + dim) + 8 * dim**2 + 5 * dim + 8 * dim
    assert size(head) - size(head.classifier) == formula


@pytest.mark.parametrize(("dim", "tokens", "published"), [(768, 196, 1.016e9), (1024, 49, 0.44e9)])
def test_multiply_accumulates_as_published(dim: int, tokens: int, published: float) -> None:
    with torch.device("meta"):
        head, input_ = head_at(dim, tokens), features(torch.zeros(1, tokens, dim))
    assert macs(head, input_) == pytest.approx(published, rel=5e-3)


def expanded(head: CLAdapterHead, tokens: Tensor) -> Tensor:
    """The paper's equations in order, with the (B, K, R, R) tensor that the module never builds."""
    block = head.blocks[0]
    z = block.norm1(head.norm1(tokens))
    cosine = torch.einsum("bd,dk->bk", normalize(z.mean(1), dim=1), normalize(block.attention.centers, dim=0))
    beta = cosine.exp() / cosine.exp().sum(1, keepdim=True)
    mixed = (beta[:, :, None, None] * block.attention.matrices[None]).sum(1)
    if block.attention.mode == "token":
        a = torch.einsum("bmn,bnd->bmd", mixed, z)
    else:
        a = block.attention.up(torch.einsum("bnr,brs->bns", block.attention.down(z), mixed))
    return head.norm2(a + block.contract(block.activation(block.expand(block.norm2(a)))))


@pytest.mark.parametrize("mode", ["channel", "token"])
def test_both_modes_equal_the_equations(mode: str) -> None:
    torch.manual_seed(0)
    fields = {"bottleneck": 8} if mode == "channel" else {}
    head, tokens = head_at(24, 10, k=6, mode=mode, **fields), torch.randn(3, 10, 24)
    torch.testing.assert_close(head.adapt(tokens), expanded(head, tokens), rtol=1e-4, atol=1e-5)
    assert head.blocks[0].attention.matrices.shape == ((6, 10, 10) if mode == "token" else (6, 8, 8))


def test_depth_ratio_and_dropout_change_the_head() -> None:
    deep = head_at(24, 10, depth=3, mlp_ratio=0.5, dropout=0.5)
    assert len(deep.blocks) == 3
    assert deep.blocks[0].expand.out_features == 12
    tokens = torch.randn(2, 10, 24)
    assert not torch.equal(deep.train().adapt(tokens), deep.adapt(tokens))
    assert torch.equal(deep.eval().adapt(tokens), deep.adapt(tokens))


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation makes, backward ones too."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, Tensor) and value.untyped_storage().nbytes():
                self.largest = max(self.largest, value.untyped_storage().nbytes() // value.element_size())
        return result


def test_no_tensor_of_all_matrices_per_image_is_built() -> None:
    batch, k, width = 8, 5, 64
    head, tokens = head_at(32, 6, k=k, bottleneck=width), torch.randn(batch, 6, 32, requires_grad=True)
    with Largest() as mode:
        head(features(tokens)).sum().backward()
    assert batch * width * width <= mode.largest < batch * k * width * width


def test_attention_is_almost_uniform_at_the_start() -> None:
    torch.manual_seed(0)
    beta = head_at(768, 196).attention(torch.randn(16, 196, 768))
    assert beta.shape == (16, 20)
    np.testing.assert_allclose(beta.sum(1).detach(), 1, rtol=1e-5)
    assert 0.04 < beta.min() < 0.05 < beta.max() < 0.06
    assert beta.max() / beta.min() < np.exp(2)


@pytest.mark.parametrize(("tuning", "trains"), [("frozen", ["head"]), ("full", ["all"]), ("staged", ["head", "all"])])
def test_stages_of_the_tunings(tuning: str, trains: list[str]) -> None:
    assert [stage.trains for stage in CLAdapter(tuning=tuning).stages()] == trains  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["channel", "token"])
def test_the_released_naming_is_written_as_it_is_read(reference: dict[str, Tensor], mode: str) -> None:
    fields = {"bottleneck": 8} if mode == "channel" else {}
    head = head_at(24, 10, k=6, mode=mode, depth=2, **fields)
    again = CLAdapterHead.from_reference(head.to_reference())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in head.state_dict().items())
    released = released_state(reference)
    read = {name for name in released if ".attn.proj." not in name}
    assert CLAdapterHead.from_reference(released).to_reference().keys() == read
