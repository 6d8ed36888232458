"""Reading claims: one CSV a paper, the built-in ones and those of a folder of the user's."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import ValidationError

from bench.claims.schema import Claim
from bench.core.errors import UsageError, nearest

BUILT_IN = Path(__file__).parent / "published"
ISSUES = ".known_issues.csv"


@dataclass(frozen=True)
class Issue:
    """Something known to be wrong or unclear about claims.

    Attributes:
        applies_to: Pattern on claim ids, as in ``cladapter:table7:*``.
    """

    applies_to: str
    issue: str
    source: str


@dataclass(frozen=True)
class Paper:
    """A paper's claims in the order of its file, and what is known about them."""

    name: str
    claims: tuple[Claim, ...]
    issues: tuple[Issue, ...]

    def issues_of(self, claim: Claim) -> list[Issue]:
        """The known issues that concern a claim."""
        return [issue for issue in self.issues if fnmatchcase(claim.id, issue.applies_to)]


def load(folder: Path | None = None) -> dict[str, Paper]:
    """All papers by name, which is the file's stem.

    Args:
        folder: Further CSVs; a paper there replaces a built-in one of its name.

    Raises:
        UsageError: The folder, a file, a column or a row is wrong; the message names the line.
    """
    if folder is not None and not folder.is_dir():
        raise UsageError(f"There is no folder of claims {folder}.")
    files = {file.stem: file for place in (BUILT_IN, folder) if place for file in _files(place)}
    papers = {name: _paper(name, file) for name, file in sorted(files.items())}
    _check_references([claim for paper in papers.values() for claim in paper.claims])
    return papers


def chosen(papers: dict[str, Paper], selector: str | None) -> list[Claim]:
    """The claims of ``PAPER``, ``PAPER:TABLE`` or one whole id; all of them without a selector.

    Raises:
        UsageError: There is no such paper, table or claim.
    """
    claims = [claim for paper in papers.values() for claim in paper.claims]
    found = [c for c in claims if selector is None or f"{c.id}:".startswith(f"{selector}:")]
    if not found:
        assert selector is not None
        paper = papers.get(selector.partition(":")[0])
        known = papers if paper is None else _names(paper, ":" in selector.partition(":")[2])
        raise UsageError(f"No claim {selector!r}. {nearest(selector, known)}")
    return found


def _names(paper: Paper, whole: bool) -> set[str]:
    return {claim.id if whole else f"{paper.name}:{claim.table}" for claim in paper.claims}


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.csv")) if not file.name.endswith(ISSUES)]


def _paper(name: str, file: Path) -> Paper:
    claims: dict[str, Claim] = {}
    for line, row in _rows(file, tuple(Claim.model_fields)):
        try:
            claim = Claim.model_validate({"paper": name, **{key: text for key, text in row.items() if text != ""}})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "row"
            raise UsageError(f"{file}, line {line}: {place}: {first['msg']}.") from None
        if claim.paper != name:
            raise UsageError(f"{file}, line {line}: the paper is {claim.paper!r}, the file's name says {name!r}.")
        if claim.id in claims:
            raise UsageError(f"{file}, line {line}: the id {claim.id} is there already. Give each claim its own.")
        claims[claim.id] = claim
    beside = file.with_name(name + ISSUES)
    issues = [Issue(**row) for _, row in _rows(beside, ("applies_to", "issue", "source"))] if beside.exists() else []
    return Paper(name, tuple(claims.values()), tuple(issues))


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and fields of each row."""
    try:
        with file.open(newline="", encoding="utf-8") as text:
            reader = csv.DictReader(text)
            for name in reader.fieldnames or []:
                if name not in columns:
                    raise UsageError(f"{file}: there is no column {name!r}. {nearest(name, columns)}")
            for row in reader:
                if None in row or None in row.values():
                    raise UsageError(f"{file}, line {reader.line_num}: not as many fields as columns.")
                yield reader.line_num, dict(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"Cannot read {file}: {error}.") from error


def _check_references(claims: Sequence[Claim]) -> None:
    known = {claim.id for claim in claims}
    for claim in claims:
        for other in claim.made_of:
            if other not in known:
                raise UsageError(f"{claim.id} is made of {other}, which is no claim. {nearest(other, known)}")
