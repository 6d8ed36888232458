"""Features of CLIP-like models in safetensors files: images, supports, and text of the class names."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from bench.core.errors import DataError
from bench.data import Dataset, Official, Sample, Split
from bench.data.formats.feature_files import FeatureFile, opened, unit
from bench.data.tables.splits import need

TEXT = "text"  # the file of text features by name
SHOTS = (1, 2, 4, 8, 16)
CROSS, DOMAINS = "cross_dataset", "domain_generalisation"  # protocols of two files
# Text files list names and keys; a class name is looked up in these lists, in this order.
NAMED = (("imagenet", "imagenet.photo_of_a"), ("oid", "oid.a_name"))
# Class names that the lists know by another name.
ALIASES = {
    "oxford_pets": {
        "egyptian_mau": "Egyptian cat", "german_shorthaired": "German short-haired pointer",
        "japanese_chin": "Japanese spaniel", "leonberger": "Leonberg", "persian": "Persian cat",
        "wheaten_terrier": "soft-coated wheaten terrier",
    },
    "caltech101": {
        "binocular": "binoculars", "face": "Human face", "headphone": "Headphones", "motorbike": "Motorcycle",
        "rhino": "Rhinoceros", "rooster": "cock", "sea_horse": "Seahorse",
    },
}  # fmt: skip
_IMAGENET = "the test rows are means of augmented views of training images (the 4-shot supports)"


@dataclass(frozen=True, kw_only=True)
class BaseToNew(Official):
    """`Official` splits whose training and validation rows of another vocabulary than ``base`` are left out."""

    unseen: bool = True

    def __call__(self, table: pd.DataFrame, seed: int = 0) -> pd.Series:
        split = super().__call__(table, seed)
        return split.mask(split.isin(["train", "val"]) & (need(table, "vocabulary") != "base"), "")


def _parts(train: str) -> tuple[tuple[str, str], ...]:
    """Names of a file's parts -> splits; supports that are not wanted are left out."""
    supports = {f"support{shots}": "" for shots in SHOTS} | {"pool": "", train: "train"}
    return tuple(supports.items())


class ClipFeatures(Dataset):
    """Image features of a CLIP-like model with given supports, and raw text features of class names, from files.

    ``clip_features/SUBSET.safetensors`` holds ``test.x`` (n, d) and ``test.y`` (n,), perhaps ``val.x/.y``, and
    ``supportK.x/.y`` with K rows a class; metadata: ``classes`` (JSON list in label order), ``model``, ``normalised``
    (true or false, and it must be so). Text lies in ``text.safetensors``, raw, as lists of names with features. The
    largest supports are the pool that ``shots`` draws from; protocol listed_K replays the given ones. Without test rows
    (ImageNet) the 4-shot supports are the test split and the 2-shot ones the pool. Support rows may be means of
    augmented views: the file's ``support_views`` says so.

    ``base_to_new`` trains on the first half of the classes and tests on both halves, each among its own;
    ``cross_dataset`` trains on `subset` and tests also on the test rows of `target`, among that one's classes.
    ``domain_generalisation`` trains on the classes of `subset` that `target` has too and tests on `target` alone: the
    same classes in other pictures, as ImageNet against its sketches.
    """

    title = "CLIP features"
    words = {
        "subset": "{}",
        "subset=": "Oxford Pets",
        "subset=caltech101": "Caltech101",
        "subset=oxford_pets": "Oxford Pets",
        "protocol=pool": "",
        "protocol=listed_*": "given supports of {} a class",
        "protocol=test_selected_*": "given supports of {} a class, selected on the test split",
        "target": "tested on {}",
    }
    homepage = "docs/few_shot.md#data"
    licence = "none stated for the features at hand; not for redistribution"
    task = "few_shot"
    folder = "clip_features"
    download = "your own extraction (the layout is in docs/few_shot.md)"
    protocols = {
        "pool": Official(column="part", rename=_parts("pool")),
        **{f"listed_{shots}": Official(column="part", rename=_parts(f"support{shots}")) for shots in SHOTS},
        **{
            f"test_selected_{shots}": Official(
                column="part", rename=_parts(f"support{shots}"), selection="test_best",
                note="selects on test, as the released code of several methods does",
            )
            for shots in SHOTS
        },
        **{
            f"unselected_{shots}": Official(
                column="part", rename=(*_parts(f"support{shots}"), ("val", "")), selection="last",
                note="has no validation rows: nothing is chosen",
            )
            for shots in SHOTS
        },
        "base_to_new": BaseToNew(column="part", rename=_parts("pool")),
        CROSS: Official(column="part", rename=_parts("pool"), unseen=True),
        DOMAINS: Official(column="part", rename=_parts("pool")),
    }  # fmt: skip

    subset: str = Field("oxford_pets", description="the file's stem: imagenet, oxford_pets, caltech101, oxford_flowers")
    named: bool = Field(True, description="only classes that have text features")
    target: str = Field("", description="the other file of protocols cross_dataset and domain_generalisation")

    @model_validator(mode="after")
    def _target_is_used(self) -> ClipFeatures:
        if self.target and self.protocol not in (CROSS, DOMAINS):
            raise ValueError(f"target names the other data set of protocol={CROSS} or {DOMAINS}, and only there")
        return self

    def applicable(self) -> tuple[str, ...]:
        if self.target:
            return (self.protocol,)
        return tuple(name for name in self.protocols if name not in (CROSS, DOMAINS))

    @property
    def rule(self) -> Split:
        """ImageNet has no validation rows, and its own test rows are training images: both are said."""
        rule = super().rule
        if self.subset != "imagenet":
            return rule
        said = _IMAGENET if self.protocol != DOMAINS else ""
        return replace(rule, selection=rule.selection or "last", note="; ".join(filter(None, (rule.note, said))))

    def class_names(self, root: Path) -> tuple[str, ...]:
        return tuple(name for part in self._vocabularies(root) for name in part.names)

    def made_by(self, root: Path) -> str:
        models = {part.file.metadata.get("model", "") for part in self._files(root)}
        if len(models) != 1 or "" in models:
            raise DataError(f"clip_features: {self.subset} {self.target} must name one model, and name {models}.")
        return models.pop()

    def text_features(self, root: Path) -> np.ndarray | None:
        if not self.named:
            return None
        text = np.concatenate([part.text for part in self._vocabularies(root) if part.text is not None])
        for part in self._files(root):
            part.check_alignment()
        return text

    def samples(self, root: Path) -> pd.DataFrame:
        self.require(root)
        files = self._files(root)
        if self.protocol == DOMAINS:
            return shifted(*files)
        table = united(files)
        if self.protocol == "base_to_new":
            table["vocabulary"] = np.where(table["label"] < math.ceil(len(files[0].names) / 2), "base", "new")
        return table

    def read(self, sample: Sample) -> np.ndarray:
        assert sample.path is not None
        return opened(sample.path).arrays[sample.id.split("/")[1] + ".x"][sample.index]

    def _files(self, root: Path) -> list[Chosen]:
        self.require(root)
        if self.protocol in (CROSS, DOMAINS) and not self.target:
            raise DataError(f"clip_features: protocol={self.protocol} needs target=..., the other data set's file.")
        stems = [self.subset, *([self.target] if self.target else [])]
        files = [chosen(self.location(root), stem, self.named) for stem in stems]
        return shared(*files) if self.protocol == DOMAINS else files

    def _vocabularies(self, root: Path) -> list[Chosen]:
        """The files whose classes follow each other in label order."""
        return self._files(root)[:1] if self.protocol == DOMAINS else self._files(root)


@dataclass(frozen=True)
class Chosen:
    """A file's chosen classes, by their old labels, with their text features (C, d), if any."""

    file: FeatureFile
    labels: tuple[int, ...]
    text: np.ndarray | None

    @property
    def names(self) -> list[str]:
        """Of the chosen classes."""
        return [self.file.classes[label] for label in self.labels]

    def only(self, places: Sequence[int]) -> Chosen:
        """The classes at these places, in this order."""
        text = None if self.text is None else self.text[list(places)]
        return Chosen(self.file, tuple(self.labels[place] for place in places), text)

    def table(self, first: int) -> pd.DataFrame:
        """All rows of the chosen classes, whose new labels begin at ``first``."""
        return pd.concat([self._rows(part, name, first) for name, part in self._sources().items()], ignore_index=True)

    def _sources(self) -> dict[str, str]:
        """Part as protocols call it -> part of the file. The largest supports are the pool."""
        parts = {name.removesuffix(".y") for name in self.file.arrays if name.endswith(".y")}
        found = {name: name for name in sorted(parts)}
        if "test" not in parts:
            found["test"] = found.pop("support4")
        supports = [name for name in found if name.startswith("support")]
        pool = max(supports, key=lambda name: int(name.removeprefix("support")), default="")
        return {**found, "pool": pool} if pool else found

    def _rows(self, source: str, part: str, first: int) -> pd.DataFrame:
        labels = self.file.arrays[f"{source}.y"].astype(np.int64)
        renumbered = pd.Series(range(first, first + len(self.labels)), index=list(self.labels))
        rows = np.flatnonzero(np.isin(labels, self.labels))
        ids = [f"{self.file.stem}/{source}/{row}" + ("/pool" if part == "pool" else "") for row in rows]
        path = f"{self.file.stem}.safetensors"
        return pd.DataFrame(
            {"id": ids, "label": renumbered[labels[rows]].to_numpy(), "part": part, "path": path, "index": rows}
        )

    def check_alignment(self) -> None:
        """Raise DataError when text recognises the supports, or test rows where there are none, no better than chance:
        keys, labels or names do not fit."""
        if self.text is None or len(self.labels) < 3:
            return
        sources = self._sources()
        source = sources.get("pool", sources["test"])
        labels = self.file.arrays[f"{source}.y"].astype(np.int64)
        rows = np.isin(labels, self.labels)
        scores = self.file.arrays[f"{source}.x"][rows].astype(np.float32) @ unit(self.text).T
        share = float((np.array(self.labels)[scores.argmax(1)] == labels[rows]).mean())
        if share < min(0.5, 3 / len(self.labels)):
            raise DataError(
                f"clip_features: text recognises {100 * share:.1f} % of {self.file.stem}'s {source} rows, chance is "
                f"{100 / len(self.labels):.1f} %. The order of rows, labels or class names is wrong."
            )


def united(files: list[Chosen]) -> pd.DataFrame:
    """All rows of the first file and the test rows of the others, whose classes follow; each its own vocabulary."""
    tables, first = [], 0
    for number, part in enumerate(files):
        table = part.table(first)
        if number:
            table = table[table["part"] == "test"]
        if len(files) > 1:
            table["vocabulary"] = part.file.stem
        tables.append(table)
        first += len(part.names)
    return pd.concat(tables, ignore_index=True)


def shifted(source: Chosen, target: Chosen) -> pd.DataFrame:
    """Rows of the source without its test rows, and the test rows of the target, with their domain."""
    train, test = (part.table(0).assign(domain=part.file.stem) for part in (source, target))
    return pd.concat([train[train["part"] != "test"], test[test["part"] == "test"]], ignore_index=True)


def shared(source: Chosen, target: Chosen) -> list[Chosen]:
    """Both files with the classes that both have by name, in the source's order.

    Raises:
        DataError: They have none in common.
    """
    places = {words(name)[0]: place for place, name in enumerate(target.names)}
    pairs = [(own, places[word]) for own, name in enumerate(source.names) if (word := words(name)[0]) in places]
    if not pairs:
        raise DataError(f"clip_features: {source.file.stem} and {target.file.stem} have no class name in common.")
    return [part.only(kept) for part, kept in zip((source, target), zip(*pairs, strict=True), strict=True)]


@lru_cache(maxsize=16)
def _chosen(place: Path, stem: str, named: bool, stamps: tuple[int, ...]) -> Chosen:
    file = opened(place / f"{stem}.safetensors")
    if not named:
        return Chosen(file, tuple(range(len(file.classes))), None)
    rows = text_rows(file, opened(place / f"{TEXT}.safetensors"))
    if not rows:
        raise DataError(f"clip_features: no class of {stem} has text features. Say named=false for its images alone.")
    return Chosen(file, tuple(rows), np.stack(list(rows.values())))


def chosen(place: Path, stem: str, named: bool) -> Chosen:
    """The classes of a file: all, or those that text is known of."""
    files = [place / f"{name}.safetensors" for name in (stem, TEXT)]
    return _chosen(place, stem, named, tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files))


def text_rows(file: FeatureFile, text: FeatureFile) -> dict[int, np.ndarray]:
    """Label -> raw text feature (d,), of the classes that have one; a list of just these classes goes by order."""
    listed = json.loads(text.metadata["classes"])
    for source, key in NAMED:
        if listed[source] == file.classes:
            return dict(enumerate(text.arrays[key].astype(np.float32)))
    known, aliases = text_by_name(text), ALIASES.get(file.stem, {})
    found = {}
    for label, name in enumerate(file.classes):
        ways = [known[word] for word in words(aliases.get(name, name)) if word in known]
        if ways:
            found[label] = ways[0]
    return found


def text_by_name(file: FeatureFile) -> dict[str, np.ndarray]:
    """Word -> raw text feature (d,), from the lists in `NAMED`; the first list that knows a word has it."""
    listed, found = json.loads(file.metadata["classes"]), {}
    for source, key in reversed(NAMED):
        for name, feature in reversed(list(zip(listed[source], file.arrays[key].astype(np.float32), strict=True))):
            found.update(dict.fromkeys(words(name), feature))
    return found


def words(name: str) -> list[str]:
    """A class name as lists compare it: lower case, underscores and hyphens as spaces, synonyms apart, whole first."""
    plain = name.lower().replace("_", " ").replace("-", " ")
    return [plain, *(part.strip() for part in plain.split(","))]
