"""The report: one folder of pages that opens from a disk, without a server and without a network."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bench.core.errors import UsageError
from bench.pages import ablations, boards, claims, compare, data_cards, record
from bench.pages.answers import answer
from bench.pages.pages import Pages
from bench.pages.site import Board, Run, Site
from bench.records import CorruptRecord, Record, Store

MARKER = "assets/report.js"  # what tells an older report from a folder of something else


# From a record and a folder: (file, what it shows) of the pictures written there, and why there are none.
Examples = Callable[[Record, Path], tuple[list[tuple[str, str]], str]]


# From a record, a folder and its data set's stored audit: (file, what it shows) of the pairs that look alike.
Pairs = Callable[[Record, Path, dict[str, Any]], list[tuple[str, str]]]


def no_examples(record: Record, folder: Path) -> tuple[list[tuple[str, str]], str]:
    """Nothing is known of where data lie."""
    return [], "No example images: the report was made without data."


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        megabytes: Of the whole folder.
    """

    folder: Path
    records: int
    boards: int
    pages: int
    megabytes: float

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / "index.html"

    @property
    def counts(self) -> str:
        """How much it is, in words."""
        counts = f"{self.records:,} records, {self.boards:,} leaderboards, {self.pages:,} pages"
        return f"{counts}, {self.megabytes:.1f} MB"

    def __str__(self) -> str:
        return f"{self.index}\n{self.counts}"

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.index.absolute().as_uri())}">{escape(str(self.index))}</a>: {self.counts}'


def no_pairs(record: Record, folder: Path, audit: dict[str, Any]) -> list[tuple[str, str]]:
    """As `no_examples`."""
    return []


def build(store: Store, out: Path, examples: Examples = no_examples, pairs: Pairs = no_pairs) -> Written:
    """Write the report of a results folder; an older one in the same place is replaced.

    Args:
        examples: Writes example images of a record's data set into a folder.
        pairs: Writes pairs of near duplicates that its audit found.

    Raises:
        UsageError: There are no records, or ``out`` is a folder of something else.
    """
    site = Site.read(store)
    _clear(out, store.folder)
    pages = Pages(out, str(store.folder))
    pages.assets()
    told, claim_facts = claims.read(store)
    summaries = [_board(pages, site, board) for board in site.boards()]
    _index(pages, site, summaries)
    _ablations(pages, site, claim_facts)
    _claims(pages, told, claim_facts)
    _data_cards(pages, site, examples, pairs)
    _about(pages, site)
    files = [file for file in out.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    return Written(out, len(site.records), len(summaries), sum(f.suffix == ".html" for f in files), size)


def _clear(out: Path, results: Path) -> None:
    """Remove an older report: pages of records that are gone must not stay."""
    if out.resolve() == results.resolve() or (out.exists() and not out.is_dir()):
        raise UsageError(f"{out} is not a place for a report. Choose another folder by --out.")
    if (out / MARKER).is_file():
        shutil.rmtree(out)
    elif any(not place.is_dir() for place in out.rglob("*")):  # empty folders are what a full disk leaves of a report
        raise UsageError(f"{out} holds something else than a report. Choose another folder by --out.")


def _board(pages: Pages, site: Site, board: Board) -> dict[str, Any]:
    common = {"board": board, "place": board.place, "slug": board.slug}
    sheet = pages.sheet(boards.leaderboard(board), board.slug)
    pages.whole(sheet, board.words)
    charts = pages.charts(boards.pictures(board, site), f"{board.slug}-board")
    warnings = {word: text for row in board.rows for word, text in row.warnings.items()}
    found = answer(board, site)
    pages.write(
        f"board-{board.slug}.html", "board.html", **common, table=sheet, charts=charts, warnings=warnings, answer=found,
        verdicts=[*boards.verdicts(board), *boards.notes_of(board, site)],
    )  # fmt: skip
    pairs = compare.pair_table(board)
    given = None if pairs is None else pages.sheet(pairs, board.slug)
    if given is not None:
        pages.whole(given, f"Pairs of {board.words}")
    reason = board.reason
    pages.write(f"compare-{board.slug}.html", "compare.html", **common, table=given, reason=reason)
    fronts = pages.charts(boards.fronts(board, site), f"{board.slug}-pareto")
    pages.write(f"pareto-{board.slug}.html", "pareto.html", **common, charts=fronts)
    for row, name in zip(board.rows, board.names, strict=True):
        _record(pages, site.store, board, (row, name))
    return {**boards.summary(board), "answer": found}


def _record(pages: Pages, store: Store, board: Board, named: tuple[Any, str]) -> None:
    row, name = named
    runs = [run for cell in row.cells if (run := _run(store, cell)) is not None]
    found = record.page(board, row, name, runs)
    file = board.record_page(row)
    charts = pages.charts(found.pop("charts"), Path(file).stem)
    address = [str(store.path(cell).relative_to(store.folder)) for cell in row.cells]
    pages.write(file, "record.html", **found, charts=charts, files=address)


def _run(store: Store, cell: str) -> Run | None:
    """A record and its predictions; none, and a note, where another process or damage has taken them since."""
    try:
        return store.pair(cell)
    except CorruptRecord as error:
        store.note(error)
        record = store.get(cell)
        return None if record is None else (record, {})


def _index(pages: Pages, site: Site, summaries: Sequence[dict[str, Any]]) -> None:
    sheet = pages.sheet(boards.overview(summaries), "all")
    pages.whole(sheet, "Comparison groups")
    failed = sum(record.status == "failed" for record in site.records)
    pages.write(
        "index.html",
        "index.html",
        table=sheet,
        records=len(site.records),
        failed=failed,
        answers=[found for one in summaries if (found := one["answer"]) is not None],
        notes=boards.general_notes(site),
    )


def _ablations(pages: Pages, site: Site, claim_facts: Sequence[dict[str, Any]]) -> None:
    sections = list(ablations.sections(site, claim_facts))
    charts = pages.charts({section.id: section.chart for section in sections}, "ablations")
    pages.write("ablations.html", "ablations.html", sections=list(zip(sections, charts, strict=True)), charts=charts)


def _claims(pages: Pages, told: Sequence[Any], claim_facts: Sequence[dict[str, Any]]) -> None:
    sheet = pages.sheet(claims.table(told), "all")
    pages.whole(sheet, "Published numbers")
    drawn = claims.chart(claim_facts)
    charts = pages.charts({"claims": drawn} if drawn else {}, "all")
    pages.write("claims.html", "claims.html", table=sheet, charts=charts, counts=claims.counts(told))


def _data_cards(pages: Pages, site: Site, examples: Examples, pairs: Pairs) -> None:
    by_name: dict[str, list[Record]] = defaultdict(list)
    for found in site.records:
        by_name[found.dataset.name].append(found)
    told = []
    for name, records in sorted(by_name.items()):
        images, note = examples(records[0], pages.folder / "images")
        data_card = data_cards.data_card(name, records, site.store.folder)
        alike = pairs(records[0], pages.folder / "images", data_card.audit) if data_card.audit else []
        told.append((data_card, images, note, alike))
    pages.write("data.html", "data.html", data_cards=told)


def _about(pages: Pages, site: Site) -> None:
    environments: dict[tuple[str, ...], int] = defaultdict(int)
    for found in site.records:
        seen = (
            found.git_revision,
            *(f"{key} {value}" for key, value in sorted(found.environment.items())),
            found.hardware.device,
        )
        environments[seen] += 1
    pages.write("about.html", "about.html", environments=sorted(environments.items(), key=lambda item: -item[1]))
