"""Write docs/datasets.md from the data sets' cards.

``python tools/make_dataset_docs.py`` writes the file; with ``--check`` it only says whether the file is up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path

from bench.cells.notation import format_value
from bench.data.base import Counts, Dataset
from bench.data.tables.splits import Split
from bench.plugins import registry

PAGE = Path(__file__).resolve().parent.parent / "docs" / "datasets.md"
INTRODUCTION = """\
# Data sets

This page is made from the data sets' cards by `python tools/make_dataset_docs.py`.

A data set is a table of samples and a way to read one. A *protocol* turns the table into train / val / test.
`shots=16` or `fraction=0.1` keep part of any protocol's training split, `val_shots` and `val_fraction` part of its
validation split: subsets are nested (4 shots are among the 8 shots) and chosen by the data seed; the test split stays
whole. Where `shots` train and all validation samples select, tables say so.

A cell names the data set with its protocol and fields: `pacs`, `pacs[protocol=leave_photo]`,
`breakhis[magnification=100,shots=16]`.

- **Where data lie**: below `--data`, else `BENCH_DATA`, else a cache folder of yours. `bench data path NAME` says
  where, `bench data fetch NAME` downloads (with pooch) the sets that have a mirror with a checksum, and a missing set
  says what to get.
- **Are they right**: counts (and checksums, where published) that differ from the expected ones stop a run, and so
  does a class without a training sample (of label maps, boxes and objects: in no training target); `--partial` accepts
  them, and every table then says "partial" or "untrained classes". Without any object in training nothing runs.
  Annotations follow a photograph that EXIF turns, and are refused where nobody can tell. Groups (patients, slides) or
  identical files in more than one split stop a run too, unless the protocol declares that the published one has them
  (for your own images: the field `accept_leaks`).
- `bench data audit NAME` decodes everything: unreadable, odd and unlisted files, equal pixels, conflicting labels,
  leaks of every protocol. Exit code 1: something is wrong that is not declared. It warns of images that look alike,
  within and across splits: at most 6 of the 64 bits of their perceptual hashes differ (the lowest 8 x 8 frequencies of
  the image in grey at 32 x 32 pixels), and these pixels correlate by 0.9 or more. Of images that
  do so, directly or over others, it counts one set. Smaller and flat images are not compared, nor are volumes. The
  report shows the nearest pair of each set where the licence lets images be passed on.
- **Deep images** (16 bits, float) become bytes by a named rule of the whole set, never by an image's own maximum:
  `intensity="window[0,4095]"` takes these values as black and white, `intensity=full` the range of the integer type.
  Without one they stop a run; `bench data audit` suggests the window.
- **The cache**: samples are decoded and resized once (`bench cache ls`; `bench cache clear` keeps what is being built);
  `BENCH_CACHE` moves it. When all arrays pass `BENCH_CACHE_LIMIT_GB` (20), those not used for longest go.

## Your own images

From the first look to predictions on new images, with everything that is printed: [own_images.md](own_images.md). Put
them in class folders, say 200 images in `data/pets/cat/*.jpg`, `data/pets/dog/*.jpg`, and so on. Two commands:

```
bench data audit "image_folder[path=pets]" --data data
bench run own -o "dataset=image_folder[path=pets]" --data data
```

The first says what is wrong with the files, if anything is; the second adapts two ImageNet backbones that come with the
package, a CNN (`lite0`) and a Vision Transformer (`deit_tiny`), in six ways (`bench show own`) on a stratified
60 / 20 / 20 % split, three seeds, and prints their table. It ends with what was best and what does not differ
significantly from it. The more images there are the fewer epochs they get (recipe `own`), and
`bench run own --dry-run ...` says about how long it takes. Folders of splits (`train/cat/...`) or domains
(`night/cat/...`) are other protocols of [`image_folder`](#image_folder); patients, slides or anything else that must
stay together need a list of
the images: [`csv_images`](#csv_images). Several labels an image, a number, boxes and masks are
[on that page](own_images.md#several-labels-or-a-number). A path with a slash is written in quotes:
`'image_folder[path="own/pets"]'`. Links in a folder are followed and lists may name files outside of theirs
(`../`): what is read is what you put there. Images of more than 100 million pixels are refused.

One split of few images decides little. `-o protocol=resampled -o data_seed=[0,1,2,3,4]` draws it anew for each data
seed; intervals and differences are then over splits, corrected for the training images that splits share.
`-o protocol=kfold -o seeds=[0,1,2,3,4]` cross-validates: a fold for each seed, so that five test every image once
(`folds=10` with ten seeds; seeds 5 to 9 repeat five folds with others). `grouped_kfold` keeps groups together.

Every trained method gets four trials whose learning rates are compared on the validation split. Where the best one is
the lowest or highest tried, its row has a warning: search further by `-o recipe=tuned`, which takes many times as long.

## Your own volumes

List them in a table, with paths relative to it: `data/brains/participants.tsv` with the columns `path`, `label` and, as
needed, `split`, `group` (the patient) and `target` (a label map). A path is a NIfTI file, or a folder with one DICOM
series.

```
bench data audit 'nifti_folder[path="brains/participants.tsv",protocol=grouped]' --data data
bench run quick3d --data data -o 'backbone=pico[lift=slices,size=64,depth=64]' \\
    -o 'dataset=nifti_folder[path="brains/participants.tsv",protocol=grouped,spacing=[1,1,1],shape=[64,64,64]]'
```

Files are read whole and checked: half a file, one that does not say how it is oriented, a sheared or constant one (so
also a CT with a tilted gantry), one with several volumes or with values that are no numbers is refused by name. Lengths
count in the unit of the header, each DICOM slice has its own slope and intercept, and a `spacing` that leaves an axis
less than two voxels is refused. The audit names headers whose sform and qform contradict each other; the sform is
used. Orientation is made the same (slices from below to above, rows from back to front, columns from left to right),
then spacing and shape; `contrast` says how intensities become bytes. Backbones, augmentation and trivial baselines for
volumes:
[volumes.md](volumes.md).

A data set that others will use deserves an adapter: `bench new dataset NAME` writes a file that works,
`bench check FILE` tells what it still lacks, such as the texts of its card.
"""


def page() -> str:
    """The whole page."""
    datasets = {name: registry.load("datasets", name) for name in sorted(registry.catalog("datasets"))}
    overview = [f"| [`{name}`](#{name}) | {_summary(cls)} | {cls.licence} |" for name, cls in datasets.items()]
    parts = [INTRODUCTION, "## Built-in data sets\n", "| name | what | licence |", "|---|---|---|", *overview, ""]
    for name, cls in datasets.items():
        parts += card(name, cls())
    return "\n".join(parts).rstrip() + "\n"


def card(name: str, dataset: Dataset) -> Iterator[str]:
    """One data set's lines."""
    cls = type(dataset)
    yield f"### {name}\n"
    yield _text(cls) + "\n"
    for label, value in (
        ("Homepage", cls.homepage),
        ("Licence", cls.licence),
        ("Cite", cls.citation),
        ("Folder below the data root", f"`{cls.folder}`" if cls.folder else ""),
        ("Get it from", cls.download),
        ("Never mirrored", ", ".join(dataset.forbidden_flips)),
        ("Pre-trained backbones that have seen it", ", ".join(f"`{word}`" for word in cls.overlaps)),
    ):
        if value:
            yield f"- {label}: {value}"
    yield ""
    yield from _fields(cls)
    yield "| protocol | rule | expected train / val / test | declared |"
    yield "|---|---|---|---|"
    for protocol in cls.protocols:
        one = dataset.under(protocol)
        yield f"| `{protocol}` | {_rule(one.rule)} | {_expected(one.expects())} | {_declared(one.rule)} |"
    yield ""


def _summary(cls: type[Dataset]) -> str:
    return _text(cls).splitlines()[0].rstrip(".")


def _text(cls: type[Dataset]) -> str:
    """The docstring as Markdown."""
    return cleandoc(cls.__doc__ or "").replace("``", "`")


def _fields(cls: type[Dataset]) -> Iterator[str]:
    base = Dataset.model_fields
    own = {
        name: field
        for name, field in cls.model_fields.items()
        if name not in base or field.default != base[name].default
    }
    if own:
        yield "| field | default | meaning |"
        yield "|---|---|---|"
        for name, field in own.items():
            yield f"| `{name}` | `{format_value(field.default)}` | {field.description} |"
        yield ""


def _rule(rule: Split) -> str:
    shown = [field for field in fields(rule) if field.name not in {one.name for one in fields(Split)}]
    values = [f"{one.name}={getattr(rule, one.name)!r}" for one in shown if getattr(rule, one.name) != one.default]
    return f"`{type(rule).__name__}({', '.join(values)})`"


def _expected(counts: Counts) -> str:
    def total(count: int | tuple[int, ...]) -> int:
        return sum(count) if isinstance(count, tuple) else count

    if {"train", "test"} <= set(counts):
        return " / ".join(f"{total(counts[split]):,}" if split in counts else "-" for split in ("train", "val", "test"))
    return ", ".join(f"{split} {total(count):,}" for split, count in counts.items()) or "-"


def _declared(rule: Split) -> str:
    parts = [f"leaks: {', '.join(rule.leaks)}"] if rule.leaks else []
    parts += [f"reports `{rule.selection}`"] if rule.selection else []
    parts += [rule.note] if rule.note else []
    return "; ".join(parts) or "-"


def main() -> int:
    """Write or check the page; 1 when the check fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when the page is out of date")
    if parser.parse_args().check:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()
        print(
            f"{PAGE.name} is up to date." if current else f"{PAGE.name} is out of date: run tools/make_dataset_docs.py."
        )
        return 0 if current else 1
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
