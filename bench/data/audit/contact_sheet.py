"""Many small pictures on one: what was wrong, with what each was taken for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.core.atomic import write_atomic
from bench.core.errors import DataError, UsageError
from bench.data.audit.examples import picture
from bench.data.base import Dataset, rows_of

SIDE, GAP, LINE, COLUMNS = 160, 8, 14, 5  # pixels; the last counts pictures
LETTERS = 24  # that fit below a picture


def contact_sheet(dataset: Dataset, root: Path, captions: Mapping[str, Sequence[str]], file: Path) -> None:
    """Write samples as one picture, five beside each other, lines of text below each.

    Args:
        captions: Sample's id -> as many lines for each; the order is that of the sheet.

    Raises:
        UsageError: The inputs are no images.
        DataError: A sample is not in the data, or cannot be read.
    """
    from PIL import Image, ImageDraw, ImageFont

    table = dataset.samples(root).set_index("id", drop=False)
    if gone := [name for name in captions if name not in table.index]:
        raise DataError(f"{gone[0]} is not in the data below {dataset.location(root)}. Name their folder by --data.")
    lines = max(map(len, captions.values()), default=0)
    high, columns = SIDE + LINE * lines + GAP, min(COLUMNS, max(len(captions), 1))
    size = columns * (SIDE + GAP) + GAP, -(-len(captions) // columns) * high + GAP
    sheet, font = Image.new("RGB", size, "white"), ImageFont.load_default(LINE - 3)
    draw = ImageDraw.Draw(sheet)
    for number, sample in enumerate(rows_of(dataset, table.loc[list(captions)], root)):
        pixels = picture(dataset.read(sample))
        if pixels is None:
            raise UsageError(f"{sample.id} is no image of bytes, so it cannot be on a sheet.")
        left, top = GAP + number % columns * (SIDE + GAP), GAP + number // columns * high
        image = Image.fromarray(pixels).convert("RGB")
        image.thumbnail((SIDE, SIDE))
        sheet.paste(image, (left + (SIDE - image.width) // 2, top + SIDE - image.height))
        for line, text in enumerate(captions[sample.id]):
            draw.text((left, top + SIDE + 2 + LINE * line), text[:LETTERS], "black", font)
    write_atomic(file, lambda place: sheet.save(place, "PNG"))
