"""Tolerances fixed before the first run: a file with a hash that later verdicts are held to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.claims.schema import Claim
from bench.claims.verdicts import ALPHA, planning_mde
from bench.core.atomic import write_text
from bench.core.errors import UsageError

FILE = "claims_plan.json"


@dataclass(frozen=True)
class Fixed:
    """What was fixed for one claim.

    Attributes:
        delta: The tolerance, in the unit of records (a fraction, a count).
        fixed: When, as UTC in ISO format.
    """

    cell: str
    stage: str
    definition: str
    value: str
    delta: float
    seeds: int
    fixed: str


Plan = dict[str, Fixed]


@dataclass(frozen=True)
class Written:
    """What `write` did: ids that were added, kept, and left out because they ran already or have no tolerance."""

    digest: str
    added: tuple[str, ...]
    kept: tuple[str, ...]
    ran: tuple[str, ...]
    without: tuple[str, ...]


def write(file: Path, claims: Sequence[Claim], ran: Collection[str], now: datetime | None = None) -> Written:
    """Fix the tolerances of claims that have a cell, add them to the plan, and say what was done.

    Args:
        ran: Ids of claims whose cells have run: their tolerance can no longer be fixed beforehand.

    Raises:
        UsageError: A claim was planned otherwise, or the file is no untouched plan.
    """
    plan = read(file) if file.exists() else {}
    check(plan, claims)
    time = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    wanted = [claim for claim in claims if claim.cell and claim.id not in plan]
    tolerances = {claim.id: planning_mde(claim) for claim in wanted}
    added = {c.id: _fixed(c, d, time) for c in wanted if c.id not in ran and (d := tolerances[c.id]) is not None}
    merged = {**plan, **added}
    digest = _digest(merged)
    if added:
        write_text(file, json.dumps({"sha256": digest, **_content(merged)}, indent=2) + "\n", point="plan")
    return Written(
        digest=digest,
        added=tuple(added),
        kept=tuple(claim.id for claim in claims if claim.id in plan),
        ran=tuple(claim.id for claim in wanted if claim.id in ran),
        without=tuple(claim.id for claim in wanted if tolerances[claim.id] is None and claim.id not in ran),
    )


def read(file: Path) -> Plan:
    """The plan in a file.

    Raises:
        UsageError: The file cannot be read, or was changed after it was written.
    """
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        digest, alpha = held["sha256"], held["alpha"]
        plan = {name: Fixed(**fixed) for name, fixed in held["claims"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{file} is no plan of tolerances ({error}). Restore it, or delete it before any run."
        ) from error
    if alpha != ALPHA or digest != _digest(plan):
        raise UsageError(
            f"{file} was changed after it was written: its hash does not fit. Restore the plan as written."
        )
    return plan


def check(plan: Plan, claims: Sequence[Claim]) -> None:
    """Hold claims to what was fixed for them.

    Raises:
        UsageError: A claim's value, cell, metric, seeds or tolerance is another than planned.
    """
    for claim in claims:
        if claim.id not in plan:
            continue
        then = asdict(plan[claim.id])
        now = asdict(_fixed(claim, planning_mde(claim), plan[claim.id].fixed))
        for what, value in now.items():
            if then[what] != value:
                raise UsageError(
                    f"{claim.id}: {what} is {value!r}, but {then[what]!r} was fixed on {then['fixed']}. "
                    "Undo the change of the claim; a plan is not changed after the fact."
                )


def check_order(plan: Plan, name: str, opened: float | None) -> None:
    """Hold a claim's runs to having come after its plan.

    Raises:
        UsageError: The test split was opened before the tolerance was fixed.
    """
    if name in plan and opened is not None and opened < datetime.fromisoformat(plan[name].fixed).timestamp():
        raise UsageError(
            f"{name}: its test split was opened before its tolerance was fixed on {plan[name].fixed}. "
            "Delete the plan and verify without one, or run again in a new results folder."
        )


def _fixed(claim: Claim, delta: float | None, time: str) -> Fixed:
    seeds = claim.planned_seeds
    return Fixed(claim.cell, claim.stage, claim.definition, claim.value, delta or 0.0, seeds, time)


def _content(plan: Plan) -> dict[str, Any]:
    return {"alpha": ALPHA, "claims": {name: asdict(fixed) for name, fixed in plan.items()}}


def _digest(plan: Plan) -> str:
    """Hash of everything in a plan but the hash itself."""
    return hashlib.sha256(json.dumps(_content(plan), sort_keys=True).encode()).hexdigest()
