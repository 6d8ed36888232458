"""A data set is a table of samples and a way to read one (docs/datasets.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt, field_validator, model_validator

from bench.cells.params import Params
from bench.core.errors import MissingData, UsageError, nearest
from bench.data.formats.boxes import WIDTH, without_area
from bench.data.formats.intensity import OF_IMAGES, Intensity
from bench.data.tables.splits import Split
from bench.plugins.contract import must_define

if TYPE_CHECKING:
    import pandas as pd

    from bench.tasks.base import Task

Flip = Literal["horizontal", "vertical", "depth"]
Counts = dict[str, int | tuple[int, ...]]  # split, or "total" -> samples, or samples per class in label order

# Parts of a card that say where data come from; changing them changes no sample.
CARD_FIELDS = ("homepage", "licence", "citation", "download", "mirrors", "overlaps", "averages")


@dataclass(frozen=True)
class Sample:
    """One row of the table, with the folder its path is relative to.

    Attributes:
        id: Unique, stable name within the data set.
        path: The file, or None when the sample is a row of an array.
        index: The row of that array, or -1.
        root: The data set's own folder.
        target: The file of its label map or boxes, or None.
    """

    id: str
    path: Path | None
    index: int
    root: Path
    target: Path | None = None


class Dataset(Params):
    """Base of all data sets; one subclass a file in ``bench/datasets/``, the file's stem is its name.

    A subclass states its card (the class variables below), `samples`, `read` and `protocols`.
    Its own pydantic fields become parameters of the cell's name.
    """

    version: ClassVar[int] = 1  # raised when the same files give other samples
    homepage: ClassVar[str] = ""
    title: ClassVar[str] = ""  # for people; without one its name
    words: ClassVar[dict[str, str]] = {  # of fields and protocols in a title: see `bench.tables.titles`
        "fraction": "{:.0%} of the training images",
        "shots": "{} a class",
        "val_fraction": "",
        "val_shots": "",
        "intensity": "{}",
        "protocol=official": "",
    }
    licence: ClassVar[str] = ""
    own: ClassVar[bool] = False  # whoever makes a report has these data, so that it may show them
    citation: ClassVar[str] = ""
    task: ClassVar[str]  # the name of a task plug-in; every data set states it, or has a field of this name
    libraries: ClassVar[tuple[str, ...]] = ()  # that reading it needs, beyond what every installation has
    forbidden_flips: ClassVar[tuple[Flip, ...]] = ()  # axes along which a mirrored sample would be another thing
    folder: ClassVar[str] = ""  # below the data root; empty: the data are embedded or come from a field
    download: ClassVar[str] = ""  # what to get, from where; part of the missing-data message
    mirrors: ClassVar[dict[str, str]] = {}  # url -> "sha256:..." or "md5:..."
    classes: ClassVar[tuple[str, ...]] = ()
    beside: ClassVar[tuple[str, ...]] = ()  # patterns of image files in the folder that are not samples, for the audit
    group_kind: ClassVar[str] = "group"  # what the column `group` holds: "patient", "slide", "physical sample"
    leak_fix: ClassVar[str] = "declare the leak in the protocol"  # what to do about one that is meant
    protocols: ClassVar[dict[str, Split]] = {}
    expected: ClassVar[dict[str, Counts]] = {}  # protocol -> full counts of its splits, before shots and fraction
    averages: ClassVar[str] = ""  # patterns of protocols whose mean the paper reports, such as "split*"
    overlaps: ClassVar[tuple[str, ...]] = ()  # words in a backbone's `trained_on` that mean it has seen these data

    protocol: str = Field("", description="evaluation protocol; the first one listed is the default")
    shots: PositiveInt | None = Field(None, description="training samples kept per class (nested, seeded)")
    fraction: float | None = Field(None, gt=0, le=1, description="share of the training split kept (nested, seeded)")
    val_shots: PositiveInt | None = Field(None, description="validation samples kept per class (nested, seeded)")
    val_fraction: float | None = Field(
        None, gt=0, le=1, description="share of the validation split kept (nested, seeded)"
    )
    intensity: str = Field("", description="how deep images become bytes: full, or a window such as window[0,4095]")

    @field_validator("intensity")
    @classmethod
    def _known_rule(cls, rule: str) -> str:
        if rule:
            Intensity.parse(rule, OF_IMAGES)
        return rule

    @model_validator(mode="before")
    @classmethod
    def _default_protocol(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("protocol", "") == "":
            return {**values, "protocol": cls.default_protocol()}
        return values

    @model_validator(mode="after")
    def _check(self) -> Dataset:
        if self.protocol not in self.protocols:
            raise ValueError(f"no protocol {self.protocol!r}. {nearest(self.protocol, self.protocols)}")
        self._check_subset("shots", "fraction")
        self._check_subset("val_shots", "val_fraction")
        return self

    def _check_subset(self, shots: str, fraction: str) -> None:
        if getattr(self, shots) is None:
            return
        if getattr(self, fraction) is not None:
            raise ValueError(f"give {shots} or {fraction}, not both")
        if not self.task_plugin.single_label:
            raise ValueError(f"{shots} counts samples per class, and this is a {self.task} data set; give {fraction}")

    @classmethod
    def default_protocol(cls) -> str:
        """The first protocol listed."""
        return next(iter(cls.protocols), "")

    @classmethod
    def plugin_name(cls) -> str:
        """The stem of the file the class is written in."""
        return cls.__module__.rpartition(".")[2]

    def changed(self) -> dict[str, Any]:
        """Fields that differ from their defaults; the default protocol is the first listed."""
        params = super().changed()
        if params.get("protocol") == self.default_protocol():
            del params["protocol"]
        return params

    @property
    def rule(self) -> Split:
        """The split rule of the chosen protocol."""
        return self.protocols[self.protocol]

    @property
    def task_plugin(self) -> Task:
        """The task that the data set names.

        Raises:
            UsageError: The class states no task, or no task plug-in has this name.
        """
        if not getattr(self, "task", ""):
            raise UsageError(
                f"{self.plugin_name()} states no task. Add a line such as task = ... to {type(self).__name__}."
            )
        from bench.plugins.registry import load

        task: Task = load("tasks", self.task)()
        return task

    def under(self, protocol: str) -> Self:
        """The same data set under another protocol."""
        return type(self)(**{**self.model_dump(), "protocol": protocol})

    def applicable(self) -> tuple[str, ...]:
        """Protocols that fit these fields; the audit looks at all of them."""
        return tuple(self.protocols)

    def remarks(self, root: Path) -> list[str]:
        """Known oddities of the published files that are found here, for the audit."""
        return []

    def notes(self, root: Path) -> list[str]:
        """What a reader of a table should know of the files that are found here; records keep these lines."""
        return []

    def sources(self) -> dict[str, str]:
        """Download addresses with checksums; adapters whose files depend on a field override this."""
        return self.mirrors

    def checksums(self) -> dict[str, str]:
        """Published checksums of files below `location`: path -> "md5:..." or "sha256:..."; others count as partial."""
        return {}

    def class_names(self, root: Path) -> tuple[str, ...]:
        """Names in label order; adapters whose classes depend on a field or on the folder override this."""
        return self.classes

    def expects(self) -> Counts:
        """Expected counts of the chosen protocol; empty when nothing is published for these fields."""
        return self.expected.get(self.protocol, {})

    @property
    def reads_files(self) -> bool:
        """Whether every sample is an image file that the base class reads."""
        return type(self).read is Dataset.read

    @must_define
    def samples(self, root: Path) -> pd.DataFrame:
        """Return the table of samples.

        Args:
            root: The data root; the set lies in ``root / self.folder``.

        Returns:
            One row a sample: ``id`` (str, unique, stable), ``path`` (str, below `location`) and/or ``index`` (int row
            of an array, in that file if there is a path), and ``domain``, ``group``, ``split`` where they exist. Where
            the task gives each sample one class also ``label``: int, 0..C-1, or -1 for unlabelled samples, which are
            never used; for other tasks it is optional and only balances splits. Where targets are maps or boxes in
            files, ``target`` (str, below `location`). The order is stable.

        Raises:
            MissingData: The data are not there.
            DataError: A file is not where the layout says.
        """
        raise NotImplementedError

    def read(self, sample: Sample) -> np.ndarray:
        """Decode one sample: an image (H, W, 3) or (H, W), or a volume (D, H, W) or (D, H, W, C) with C of 1 or 3.

        Values are uint8, or of any other type that the field `intensity` turns into bytes afterwards; volumes may also
        be float16 in 0..1, which is kept.

        Raises:
            DataError: The file is corrupt; the message names it.
        """
        if sample.path is None:
            raise NotImplementedError(f"{type(self).__name__} must define read(): its samples are not files")
        from bench.data.formats.images import read_image

        return read_image(sample.path)

    def read_target(self, sample: Sample) -> np.ndarray:
        """Decode the target of one sample, where it does not stand in the table.

        Returns:
            A label map: integers of the input's height and width (and depth), 255 marking what counts nowhere. Or boxes
            (k, 6): left, top, right, bottom in pixels of the input, the class, and 1 where a box is not judged.

        Raises:
            DataError: The file is corrupt; the message names it.
        """
        if sample.target is None:
            raise NotImplementedError(f"{type(self).__name__} needs read_target() or the column 'target'")
        from bench.data.formats.images import read_map

        return read_map(sample.target)

    def made_by(self, root: Path) -> str:
        """The model whose features the samples are, as a cached backbone names it; empty where they are inputs."""
        return ""

    def text_features(self, root: Path) -> np.ndarray | None:
        """Raw text features (C, d) of the classes in label order, where the samples are features and text lies there.

        Raises:
            DataError: The text does not belong to the classes or to the features.
        """
        return None

    def reading(self) -> dict[str, object]:
        """What decides how `read` decodes beside the adapter's code and fields, as JSON values: libraries' versions."""
        return {}

    def left_out(self, sample: Sample) -> tuple[str, ...]:
        """Annotations of one sample that reading leaves out, a line each; the audit names them, records count them.

        The base class knows boxes without area, which no detector could find.
        """
        if self.task_plugin.target != "boxes":
            return ()
        found = np.asarray(self.read_target(sample), dtype=float).reshape(-1, WIDTH)
        lost = found[without_area(found)]
        return tuple(f"{sample.id}: a box without area at {box[:4].round(2).tolist()}" for box in lost)

    def location(self, root: Path) -> Path:
        """The data set's own folder; for embedded data the root itself."""
        return root / self.folder

    def require(self, root: Path) -> Path:
        """Return `location`, or raise the one message that says how to get the data.

        Raises:
            MissingData: The folder is missing or empty.
        """
        place = self.location(root)
        if place.is_dir() and any(place.iterdir()):
            return place
        raise MissingData(self.missing(place))

    def missing(self, place: Path) -> str:
        """What to download, from where, where to put it, and the licence."""
        source = self.download or self.homepage or "see the data set's card"
        return (
            f"{self.plugin_name()}: no data at {place}. Get it from {source} (licence: {self.licence or 'unknown'}) "
            f"and put it there, or point --data / BENCH_DATA to the folder that holds {self.folder or 'it'!r}."
        )


def rows_of(dataset: Dataset, table: pd.DataFrame, root: Path) -> Iterator[Sample]:
    """Yield each row of the table as a `Sample`, in order."""
    place = dataset.location(root)
    paths = table["path"] if "path" in table else [None] * len(table)
    indices = table["index"] if "index" in table else [-1] * len(table)
    targets = table["target"] if "target" in table else [None] * len(table)
    for name, path, index, target in zip(table["id"], paths, indices, targets, strict=True):
        file, map_file = (None if below is None else place / below for below in (path, target))
        yield Sample(name, file, int(index), place, map_file)
