"""open_clip models as backbones: text as open_clip encodes it, prompts through it, activations that must agree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from bench.backbones.family import resolve_backbone
from bench.backbones.open_clip import OpenClip
from bench.baselines.cocoop import CoCoOp
from bench.baselines.coop import CoOp
from bench.cells.notation import Spec
from bench.conformance.tiny import SIZE, tiny_images
from bench.conformance.tiny_text import tiny_clip
from bench.core.errors import UsageError
from bench.engine.run import carry_out
from bench.engine.settings import Settings
from bench.methods import HeadSpec
from bench.records import Store

NAMES = ("golden_retriever", "cat", "traffic light")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_clip(tmp_path)
    return tmp_path


def load(folder: Path, text: str = "tiny_clip") -> torch.nn.Module:
    spec = Spec.parse(text)
    family = resolve_backbone(spec, folder)
    return family.load(spec.name, family.find(spec.name, folder))


@torch.no_grad()
def test_features_are_open_clips(folder: Path) -> None:
    backbone = load(folder)
    images = torch.randn(2, 3, SIZE, SIZE)
    features = backbone(images)
    torch.testing.assert_close(features.pooled, backbone.model.eval().visual(images)[0])
    assert features.tokens.shape == (2, 4, 32)
    prompts = ["a photo of a golden retriever.", "a photo of a cat.", "a photo of a traffic light."]
    expected = backbone.model.encode_text(backbone.tokenise(prompts))
    torch.testing.assert_close(backbone.text_features(NAMES), expected)
    encoder = backbone.text_encoder()
    tokens = encoder.tokens(prompts)
    torch.testing.assert_close(encoder(encoder.embed(tokens), tokens), expected)


def test_a_learned_context_of_the_templates_words_is_the_template(folder: Path) -> None:
    backbone = load(folder).requires_grad_(False)
    spec = HeadSpec(
        backbone.spec, len(NAMES), NAMES, text=backbone.text_features(NAMES), encoder=backbone.text_encoder()
    )
    head = CoOp(context=4).head(spec)
    tokens = backbone.tokenise(["a photo of a"])
    head.ctx.data.copy_(backbone.model.token_embedding(tokens)[0, 1:5])
    torch.testing.assert_close(head.text(), spec.text)
    conditional = CoCoOp(context=4).head(spec)
    conditional.ctx.data.copy_(head.ctx.data)
    for parameter in conditional.shift.parameters():
        parameter.data.zero_()
    features = backbone(torch.randn(3, 3, SIZE, SIZE))
    torch.testing.assert_close(conditional(features), head(features))


def test_text_is_encoded_once_in_evaluation_and_anew_after_a_step(folder: Path) -> None:
    backbone = load(folder).requires_grad_(False)
    head = CoOp(context=2).head(HeadSpec(backbone.spec, 3, NAMES, encoder=backbone.text_encoder())).eval()
    with torch.no_grad():
        assert head.text() is head.text()
        before = head.text()
        head.ctx.mul_(20)
        assert not torch.equal(head.text(), before)


def test_the_template_is_part_of_the_identity(folder: Path) -> None:
    other = resolve_backbone(Spec.parse('tiny_clip[template="a sketch of {}"]'), folder)
    assert other.changed() == {"template": "a sketch of {}"}
    plain, sketch = load(folder), load(folder, 'tiny_clip[template="a sketch of {}"]')
    assert not torch.equal(plain.text_features(NAMES), sketch.text_features(NAMES))
    with pytest.raises(UsageError, match="once, for the class name"):
        OpenClip.build("tiny_clip", {"template": "a photo"})


def test_another_activation_than_the_weights_were_trained_with_is_refused(folder: Path) -> None:
    file = folder / "tiny_clip.safetensors"
    with safe_open(str(file), "pt") as stream:
        state, facts = {key: stream.get_tensor(key) for key in stream.keys()}, stream.metadata()  # noqa: SIM118
    save_file(state, folder / "wrong.safetensors", {**facts, "trained_quick_gelu": "false"})
    with pytest.raises(UsageError, match="trained with GELU, and this architecture has QuickGELU"):
        load(folder, "wrong")
    with pytest.raises(UsageError, match="trained with QuickGELU, and this architecture has GELU"):
        OpenClip().find("open_clip.ViT-B-32.openai", None)


def test_names_of_the_hub() -> None:
    found = OpenClip().find("open_clip.ViT-B-32-quickgelu.openai", None)
    assert (found.arch, found.size, found.trained_on) == ("ViT-B-32-quickgelu", 224, "openai")
    assert OpenClip.knows("open_clip.anything", None)
    assert not OpenClip.knows("vit_base_patch16_clip_224.openai", None)
    with pytest.raises(UsageError, match="open_clip has no weights"):
        OpenClip().find("open_clip.ViT-B-32.nothing", None)
    with pytest.raises(UsageError, match="No backbone"):
        OpenClip().find("open_clip.nothing.openai", None)


def test_incomplete_files_are_refused(folder: Path) -> None:
    save_file({"x": torch.zeros(1)}, folder / "half.safetensors", {"open_clip_config": json.dumps({"embed_dim": 4})})
    with pytest.raises(UsageError, match=r"open_clip_config\.vision_cfg in its metadata: Field required"):
        load(folder, "half")


@pytest.mark.parametrize(
    ("part", "field", "value", "said"),
    [
        ("vision_cfg", "timm_model_name", "vit_tiny_patch16_224", "'timm_model_name' does not shape a tower"),
        ("vision_cfg", "timm_model_pretrained", True, "'timm_model_pretrained' does not shape"),
        ("text_cfg", "hf_model_name", "someone/else", "'hf_model_name' does not shape"),
        ("text_cfg", "hf_tokenizer_name", "../elsewhere", "'hf_tokenizer_name' does not shape"),
        ("vision_cfg", "image_size", 10**9, "image_size, a number from 1 to"),
        ("vision_cfg", "image_size", [224, 160], "image_size, a number from 1 to"),
        ("text_cfg", "context_length", "77", "context_length, a number above 0"),
        ("", "cache_dir", "/elsewhere", "cache_dir in its metadata: Extra inputs are not permitted"),
        ("", "embed_dim", -1, "embed_dim in its metadata"),
    ],
)
def test_a_file_names_no_other_weights(folder: Path, part: str, field: str, value: object, said: str) -> None:
    with safe_open(str(folder / "tiny_clip.safetensors"), framework="pt") as stream:
        state, facts = {key: stream.get_tensor(key) for key in stream.keys()}, stream.metadata()  # noqa: SIM118
    config = json.loads(facts["open_clip_config"])
    (config[part] if part else config)[field] = value
    save_file(state, folder / "hostile.safetensors", {**facts, "open_clip_config": json.dumps(config)})
    with pytest.raises(UsageError, match=re.escape(said)):
        OpenClip().find("hostile", folder)


@pytest.mark.parametrize(("field", "value"), [("mean", "[0.5]"), ("mean", "[NaN, 0, 0]"), ("std", "[0, 1, 1]")])
def test_normalisation_is_three_numbers(folder: Path, field: str, value: str) -> None:
    with safe_open(str(folder / "tiny_clip.safetensors"), framework="pt") as stream:
        state, facts = {key: stream.get_tensor(key) for key in stream.keys()}, stream.metadata()  # noqa: SIM118
    save_file(state, folder / "hostile.safetensors", {**facts, field: value})
    with pytest.raises(UsageError, match=f"{field}.* in its metadata"):
        OpenClip().find("hostile", folder)


def test_prompts_train_through_the_text_encoder_and_adapters_beside_them(folder: Path) -> None:
    dataset = tiny_images(folder, each=6)
    settings = Settings(results=folder / "runs", data=folder, weights=folder, device="cpu", quiet=True)
    methods = ["zero_shot", "coop[context=2]", "cocoop[context=2]", "clip_adapter"]
    done = carry_out([f"{dataset}/tiny_clip/{method}/quick[epochs=2]/seed=0" for method in methods], settings)
    assert not done.failed
    records = {r.method.name: r for name in done.cells if (r := Store(settings.results).get(name))}
    assert records["coop"].parameters.trainable == records["coop"].parameters.added == 2 * 16
    assert records["zero_shot"].parameters.trainable == 0
    losses = records["coop"].stages[0].curves["train_loss"]
    assert losses[1] != losses[0]
