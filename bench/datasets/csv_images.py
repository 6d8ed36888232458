"""Your own images, listed in a CSV file."""

from __future__ import annotations

from bench.data.tables.manifest import ListedFiles


class CsvImages(ListedFiles):
    """Your own images listed in a CSV file: columns for path, label and, as needed, split, group and domain.

    ``path`` is the CSV file, or a folder that holds a single one; columns are separated by commas, semicolons, tabs or
    bars. An Excel file (.xlsx) is read too, with the extra ``excel``. Paths are relative to the list. Labels may be
    words or numbers; classes are the sorted values.
    Protocols: as for image_folder, and ``grouped``: 60 / 20 / 20 % with no group (patient, slide, ...) in two splits.
    ``holdout`` refuses a list that has a split column: ``protocol=split`` follows it, ``split_column=""`` overrules it.
    """

    task = "classification"
    reads = "list"
    homepage = "docs/datasets.md#your-own-images"
