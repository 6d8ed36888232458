"""Pages from templates, tables and charts from data: how a folder of the report is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.core.atomic import write_atomic, write_text
from bench.pages.cells import Sheet
from bench.plots.chart import Chart
from bench.plots.export import library
from bench.plots.style import CONFIG, SCHEMA

STATIC = 100  # rows of a table in the page itself; the script has all of them, and so have the CSV and the plain page
TOLD = 300  # rows of a chart that stand beneath it as a table
LOOK = {"$schema": SCHEMA, "config": CONFIG}  # what all charts have in common is written once
HEAD = "window.adaptbench = window.adaptbench || { sheets: {}, charts: {}, look: {} };\n"
NAVIGATION = (
    ("index.html", "Leaderboards"), ("ablations.html", "Ablations and curves"), ("claims.html", "Claims"),
    ("data.html", "Data cards"), ("about.html", "About"),
)  # fmt: skip


@dataclass(frozen=True)
class Pages:
    """A report's folder.

    Attributes:
        results: What the report calls the results folder.
    """

    folder: Path
    results: str

    @cached_property
    def templates(self) -> Environment:
        """Everything that is not a template's own is escaped."""
        found = Environment(
            loader=PackageLoader("bench.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        found.filters.update(pieces=pieces, paragraphs=paragraphs)
        found.globals.update(navigation=NAVIGATION, static=STATIC, results=self.results, version=_version())
        return found

    def write(self, file: str, template: str, **values: Any) -> None:
        """Fill a template; ``root`` leads from the page to the report's folder."""
        root = "../" * file.count("/")
        text = self.templates.get_template(template).render(page=file, root=root, **values)
        write_text(self.folder / file, text)

    def sheet(self, sheet: Sheet, slug: str) -> dict[str, Any]:
        """Write a table's data: a script for the page, a CSV, and all rows as a plain page where there are many.

        Returns:
            What the template's table needs.
        """
        self.script(f"{slug}-{sheet.id}", "sheets", sheet.plain())
        write_text(self.folder / "csv" / f"{slug}-{sheet.id}.csv", sheet.csv())
        return {"sheet": sheet, "source": f"{slug}-{sheet.id}", "plain": f"all/{slug}-{sheet.id}.html"}

    def whole(self, given: dict[str, Any], title: str) -> None:
        """All rows of a table as a page that needs no script, where the table's own page shows only the first."""
        if len(given["sheet"].lines) > STATIC:
            self.write(given["plain"], "all.html", title=title, **given)

    def charts(self, charts: Mapping[str, Chart], slug: str) -> list[dict[str, Any]]:
        """Write charts' specifications as one script.

        Returns:
            What the template's figures need.
        """
        if not charts:
            return []
        specs = {f"{slug}-{name}": _without_look(chart) for name, chart in charts.items()}
        self.script(f"{slug}-charts", "charts", specs, many=True)
        return [
            {"id": f"{slug}-{name}", "source": f"{slug}-charts", "chart": chart, "rows": _rows(chart)}
            for name, chart in charts.items()
        ]

    def script(self, name: str, kind: str, value: Any, many: bool = False) -> None:
        """Data as a script beside the pages.

        Args:
            many: The value holds several, by name.
        """
        place = f"window.adaptbench.{kind}"
        line = (
            f"Object.assign({place}, {_literal(value)});" if many else f"{place}[{_literal(name)}] = {_literal(value)};"
        )
        write_text(self.folder / "data" / f"{name}.js", f"{HEAD}{line}\n")

    def assets(self) -> None:
        """The style, the script, the chart library, and their licences."""
        place = Path(__file__).parent / "templates"
        for name in ("report.js", "report.css", "LICENCES.txt"):  # first what warnings the folder as a report
            write_text(self.folder / "assets" / name, (place / name).read_text(encoding="utf-8"))
        write_text(self.folder / "assets" / "vega-lite.js", library())
        write_text(self.folder / "assets" / "charts.js", f"{HEAD}window.adaptbench.look = {_literal(LOOK)};\n")
        licence = _licence("vl-convert-python")
        if licence is not None:
            write_atomic(self.folder / "assets" / "vl-convert-LICENSE", lambda file: file.write_bytes(licence))


def _literal(value: Any) -> str:
    """JSON that may stand in a script: classic scripts load from a disk, and nothing in this one can end it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def pieces(text: str) -> list[str]:
    """A name by where it may break: after brackets and commas, not within a word; as in ``report.js``."""
    return re.split(r"(?<=[\[,/:])(?=\S)", text)


def paragraphs(text: str) -> list[list[str]]:
    """Paragraphs of a docstring; of each, every second piece stood in backticks."""
    found = [re.split(r"``?([^`]+)``?", part) for part in re.split(r"\n\s*\n", text)]
    return [part for part in found if part != [""]]


def _without_look(chart: Chart) -> dict[str, Any]:
    return {name: part for name, part in chart.items() if name not in LOOK}


def _rows(chart: Chart) -> tuple[list[str], list[list[str]], int]:
    """The data of a chart as a table: headings, the first rows, and how many there are."""
    points = chart.points
    heads = list(dict.fromkeys(key for point in points for key in point))
    shown = [[_told(point.get(key)) for key in heads] for point in points[:TOLD]]
    return heads, shown, len(points)


def _told(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _version() -> str:
    try:
        return version("adaptbench")
    except PackageNotFoundError:
        return "from source"


def _licence(distribution: str) -> bytes | None:
    """The licence text that a package brought with it."""
    from importlib.metadata import files

    found = next((file for file in files(distribution) or () if file.name == "LICENSE"), None)
    return Path(str(found.locate())).read_bytes() if found else None
