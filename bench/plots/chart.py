"""A chart: a Vega-Lite specification that says what it shows, and shows itself in a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.plots.style import COLUMN, CONFIG, LINE_CHARACTERS, SCHEMA, WIDTHS

Values = list[dict[str, Any]]
MIME = "application/vnd.vegalite.v6+json"


class Chart(dict[str, Any]):
    """A Vega-Lite specification, complete with its data: ``json.dumps(chart)`` is what other tools read."""

    @property
    def heading(self) -> str:
        """The title on one line: the finding."""
        return str(self["usermeta"]["finding"])

    @property
    def description(self) -> str:
        """What the picture shows, for those who do not see it."""
        return str(self["description"])

    @property
    def points(self) -> Values:
        """The rows that are drawn."""
        return list(self["data"]["values"])

    def save(self, file: str | Path, format: str | None = None) -> Path:
        """Write the chart; the ending of the name chooses the format unless one is given.

        Raises:
            UsageError: There is no such format, or the file cannot be written.
        """
        from bench.plots.export import save

        return save(self, Path(file), format)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from bench.plots.export import png

        return {MIME: dict(self), "image/png": png(self), "text/plain": f"{self.heading}\n{self.description}"}


def chart(
    finding: str,
    about: Iterable[str],
    description: str,
    values: Values,
    height: int,
    width: int = COLUMN,
    **view: Any,
) -> Chart:
    """Put a chart together.

    Args:
        finding: What the chart shows, as a sentence; its title.
        about: Parts of the line beneath: data, samples, what bars mean.
        description: What is drawn, for those who do not see it.
        values: Rows of data, all of which are shown somewhere.
        height: Pixels of the plot without title, axes and legend.
        width: Pixels of the whole picture.
        view: ``mark`` and ``encoding``, or ``layer``, and whatever else belongs to the view. A layer that ``needs`` a
            field is left out where no row has it: one without data would stretch the axes to infinity.
    """
    if "layer" in view:
        view["layer"] = [_plain(layer) for layer in view["layer"] if _has(values, layer)]
    return Chart(
        {
            "$schema": SCHEMA,
            "description": description,
            "title": {
                "text": broken(finding, bold=True, width=width),
                "subtitle": broken("\u00a0· ".join(about), False, width),  # no line begins with a dot
            },
            "usermeta": {"finding": finding},
            "data": {"values": values},
            "width": width,
            "height": height,
            "autosize": {"type": "fit-x", "contains": "padding"},
            **view,
            "config": CONFIG,
        }
    )


def panels(
    finding: str,
    about: Iterable[str],
    description: str,
    values: Values,
    by: tuple[str, Sequence[str]],
    spec: dict[str, Any],
    columns: int = 2,
    **view: Any,
) -> Chart:
    """Put a chart of several equal panels together; for the rest see `chart`.

    Args:
        by: The field that says a row's panel, and its values in order: the panels' titles.
        spec: One panel, with its own width and height.
    """
    facet = {"field": by[0], "type": "nominal", "sort": list(by[1]), "title": None}
    drawn = chart(finding, about, description, values, 0, facet=facet, columns=columns, spec=spec, **view)
    for name in ("width", "height", "autosize"):  # of the panels, not of the whole
        del drawn[name]
    return drawn


def _has(values: Values, layer: dict[str, Any]) -> bool:
    return "needs" not in layer or any(value.get(layer["needs"]) is not None for value in values)


def _plain(layer: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in layer.items() if name != "needs"}


def broken(text: str, bold: bool, width: int) -> list[str]:
    """Lines of a title over a picture of some width: Vega does not break them."""
    most = round(LINE_CHARACTERS * width / COLUMN * WIDTHS[bold])
    return textwrap.wrap(text, most, break_on_hyphens=False) or [""]
