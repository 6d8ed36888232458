"""Your own images in class folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core.errors import DataError
from bench.data import LeaveDomainOut, Official
from bench.data.formats.folders import IMAGE_SUFFIXES, file_table, holds_files, is_clutter, printable, subfolders, walk
from bench.data.tables.names import alike
from bench.data.tables.own import BY_CHANCE, OwnImages, split_name

_NOTES = (".xml", ".txt", ".json", ".yaml")  # of annotations


class ImageFolder(OwnImages):
    """Your own images: ``class/image.jpg``, ``split/class/image.jpg`` or ``domain/class/image.jpg``.

    The protocol says which layout it is: ``holdout``, ``resampled`` (drawn anew for each data seed) and ``kfold``
    (cross-validation, a fold for each data seed) read class folders, ``split`` and ``split_without_val`` train / val /
    test with class folders inside, ``leave_domain_out`` one folder a domain. ``external`` names another folder with
    class folders, whose images are tested beside the test split.
    """

    title = "Own images"
    task = "classification"
    reads = "folder"
    homepage = "docs/datasets.md#your-own-images"
    protocols = {
        **BY_CHANCE,
        "split": Official(),
        "split_without_val": Official(selection="last"),
        "leave_domain_out": LeaveDomainOut(test=""),
    }

    def location(self, root: Path) -> Path:
        return root / self.path

    def class_names(self, root: Path) -> tuple[str, ...]:
        place = self.place(root)
        names = {printable(name) for part in self._parts(place) for name in subfolders(place / part)}
        if problem := alike(names):
            raise DataError(f"image_folder: class folders in {place}: {problem}. Put their images into one folder.")
        return tuple(sorted(names))

    def samples(self, root: Path) -> pd.DataFrame:
        place = self.place(root)
        numbers = {name: label for label, name in enumerate(self.class_names(root))}
        if len(numbers) < 2:
            told = f"image_folder: {place} holds {len(numbers)} class folders; two or more are needed."
            raise DataError(told + _instead(place))
        parts = self._parts(place)
        if self.protocol == "leave_domain_out" and (problem := alike(map(printable, parts))):
            raise DataError(f"image_folder: domain folders in {place}: {problem}. Put their images into one folder.")
        self.check_domain(set(parts))
        self.check_splits({split_name(part) for part in parts})
        table = file_table(row for part in parts for row in self._rows(place, part, numbers))
        elsewhere = self.external_place(root)
        if elsewhere is None:
            return table
        if unknown := sorted(set(map(printable, subfolders(elsewhere))) - numbers.keys()):
            raise DataError(f"image_folder: {elsewhere} has the folder {unknown[0]}, which is no class of {place}.")
        further = self._rows(elsewhere, ".", numbers)
        return self.with_external(table, [{k: row[k] for k in ("path", "label")} for row in further], root, elsewhere)

    def _parts(self, place: Path) -> list[str]:
        """The folders that hold class folders: splits, domains, or the place itself."""
        folders = subfolders(place)
        if self.protocol not in BY_CHANCE:
            return folders
        if folders and {split_name(name) for name in folders} <= {"train", "val", "test"}:
            raise DataError(f"image_folder: {place} holds the folders {', '.join(folders)}; use protocol=split.")
        if shared := _shared_subfolders(place, folders):
            raise DataError(
                f"image_folder: {', '.join(folders[:3])} in {place} hold no images but each the folders "
                f"{', '.join(shared[:3])}. If they are domains, use protocol=leave_domain_out; if classes, csv_images."
            )
        return ["."]

    def _rows(self, place: Path, part: str, numbers: dict[str, int]) -> Iterator[dict[str, Any]]:
        column = "" if self.protocol in BY_CHANCE else "domain" if self.protocol == "leave_domain_out" else "split"
        for file in walk(place / part):
            name, _, rest = file.partition("/")
            if is_clutter(Path(file).name):
                continue
            if not rest or Path(file).suffix.lower() not in IMAGE_SUFFIXES:
                told = f"{printable(place / part / file)} is not an image in a class folder. Remove it."
                raise DataError(told + _instead(place))
            row = {"path": file if part == "." else f"{part}/{file}", "label": numbers[printable(name)]}
            yield {**row, column: split_name(part) if column == "split" else part} if column else row


def _instead(place: Path) -> str:
    """Who else reads the folder, where annotations lie in it."""
    found = any(Path(file).suffix.lower() in _NOTES for file in walk(place))
    return " Images with boxes are read by box_folder, with masks by mask_folder." if found else ""


def _shared_subfolders(place: Path, folders: list[str]) -> list[str]:
    """Two or more names that every folder holds, where none holds a file: domains of classes, not classes."""
    shared: set[str] = set()
    for number, folder in enumerate(folders):
        inside = set(subfolders(place / folder))
        shared = inside if number == 0 else shared & inside
        if len(shared) < 2 or holds_files(place / folder):
            return []
    return sorted(shared) if len(folders) > 1 else []
