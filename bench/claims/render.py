"""Rows as a table, markdown, CSV or JSON, and one claim in full."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from tabulate import tabulate

from bench.claims.findings import summary
from bench.claims.schema import Claim
from bench.claims.verdicts import VERDICTS, Judgement
from bench.claims.verification import Row
from bench.core.commands import command
from bench.core.errors import UsageError, nearest

RENAMED = {"mean": "ours", "delta": "tolerance"}  # of a judgement, beside the claim's own fields
HEAD = ("claim", "metric", "published", "ours", "difference", "tolerance", "verdict", "why", "arithmetic")


def render(rows: Sequence[Row], format: str = "table") -> str:
    """All rows in a format.

    Raises:
        UsageError: There is no such format.
    """
    if format not in FORMATS:
        raise UsageError(f"No format {format!r}. {nearest(format, FORMATS)}")
    return FORMATS[format](rows)


def counted(rows: Sequence[Row]) -> str:
    """``282 claims: 3 reproduced, 279 not run; arithmetic: 12 impossible``."""
    verdicts = Counter(row.judgement.verdict for row in rows)
    impossible = sum(any(f.status == "impossible" for f in row.findings) for row in rows)
    told = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdicts[verdict])
    return f"{len(rows)} claims: {told}; arithmetic: {impossible} impossible as stated"


def _table(rows: Sequence[Row]) -> str:
    body = [_cells(row) for row in rows]
    text = tabulate(body, HEAD, tablefmt="simple", disable_numparse=True, maxcolwidths=[None] * 7 + [40, 40])
    return f"{text}\n{counted(rows)}"


def _markdown(rows: Sequence[Row]) -> str:
    return f"{markdown(HEAD, [_cells(row) for row in rows])}\n\n{counted(rows)}"


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table in GitHub's markdown."""
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in body]
    return tabulate(escaped, head, tablefmt="github", disable_numparse=True)


def _cells(row: Row) -> list[str]:
    claim, judgement = row.claim, row.judgement
    return [
        claim.id,
        claim.metric,
        _unit(claim, claim.value),
        our_mean(claim, judgement),
        in_unit(claim, judgement.difference, signed=True),
        in_unit(claim, judgement.delta) if judgement.p is not None else "",
        judgement.verdict,
        judgement.reason,
        summary(row.findings),
    ]


def in_unit(claim: Claim, value: float | None, signed: bool = False) -> str:
    """A number in the claim's printed unit, with its places."""
    if value is None or claim.number is None:
        return ""
    return f"{value / float(claim.factor):{'+' * signed}.{max(claim.number.decimals, 1)}f}"


def _unit(claim: Claim, text: str) -> str:
    shown = {"%": " %", "M": " M", "G": " G", "points": " points"}.get(claim.unit, "")
    return text if claim.number is None or text.endswith("%") else text + shown


def our_mean(claim: Claim, judgement: Judgement) -> str:
    """Our mean and of how many seeds, empty where nothing was run."""
    if judgement.mean is None:
        return ""
    return f"{in_unit(claim, judgement.mean)} ({judgement.seeds} seed{'' if judgement.seeds == 1 else 's'})"


def facts(row: Row) -> dict[str, Any]:
    """A row for programs: the claim's own fields, then the judgement's, in the unit of records, then findings."""
    ours = {"values": list(row.ours.values), "cells": list(row.ours.cells)} if row.ours else {"values": [], "cells": []}
    return {
        **row.claim.model_dump(mode="json"),
        "arithmetic": summary(row.findings),
        "planned": row.planned,
        **{RENAMED.get(name, name): value for name, value in asdict(row.judgement).items()},
        **ours,
        "findings": [asdict(finding) for finding in row.findings],
        "known_issues": [asdict(issue) for issue in row.issues],
    }


def _csv(rows: Sequence[Row]) -> str:
    flat = [{name: _flat(value) for name, value in facts(row).items()} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().rstrip("\n")


def _flat(value: Any) -> Any:
    """Lists as text: findings and issues as sentences, numbers separated by spaces."""
    if not isinstance(value, list):
        return value
    return "; ".join(" | ".join(map(str, v.values())) for v in value) if _is_dicts(value) else " ".join(map(str, value))


def _is_dicts(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], dict)


def _json(rows: Sequence[Row]) -> str:
    return json.dumps([facts(row) for row in rows], indent=2, ensure_ascii=False)


FORMATS: dict[str, Callable[[Sequence[Row]], str]] = {"table": _table, "md": _markdown, "csv": _csv, "json": _json}


def detail(row: Row) -> str:
    """One claim in full: where it stands, what arithmetic says, the verdict with its numbers, and what is known."""
    claim = row.claim
    stated = {name: value for name, value in claim.model_dump(mode="json").items() if value not in ("", None, [])}
    lines = [claim.id, *(f"  {name:<16} {_shown(value)}" for name, value in stated.items() if name != "id")]
    lines += ["arithmetic"] + [f"  {f.rule}: {f.status}. {f.text}.\n    Assumes {f.assumption}." for f in row.findings]
    lines += ["  no rule applies"] * (not row.findings)
    lines += [f"verdict: {row.judgement.verdict}", f"  {row.judgement.reason}", *_numbers(row)]
    if claim.cell:
        lines += [f"  to run: `{command('run', '--claims', claim.id)}` (a paper of your own: with --claims-folder)"]
    if row.issues:
        lines += ["known issues", *(f"  - {issue.issue} ({issue.source})" for issue in row.issues)]
    return "\n".join(lines)


def _numbers(row: Row) -> list[str]:
    claim, judgement = row.claim, row.judgement
    shown = {
        "ours": our_mean(claim, judgement),
        "difference": in_unit(claim, judgement.difference, signed=True),
        "chance explains": in_unit(claim, judgement.width),
        "tolerance": in_unit(claim, judgement.delta) + (", fixed beforehand" if row.planned else ""),
        "p": "" if judgement.p is None else f"{judgement.p:.4g}",
    }
    return [f"  {name:<16} {text}" for name, text in shown.items() if text]


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
