"""`bench verify`: published claims against arithmetic and records, in a format."""

from __future__ import annotations

from typing import Any

from bench.api.verify import fix_tolerances, verify
from bench.records import Store


def judge(results: Store, format: str, **chosen: Any) -> tuple[str, bool]:
    """The claims as text, and whether one is contradicted; what is chosen, and errors, are those of `bench.verify`."""
    found = verify(results=results, **chosen)
    return found.text(format), found.contradicted > 0


def text(results: Store, format: str, plan: bool, strict: bool, verdict: list[str] | None, **chosen: Any) -> str:
    """What ``bench verify`` prints."""
    return fix(results, **chosen) if plan else judge(results, format, strict=strict, verdict=verdict, **chosen)[0]


def fix(results: Store, **chosen: Any) -> str:
    """Fix the tolerances of the chosen claims, and say which; errors are those of `fix_tolerances`."""
    file, written = fix_tolerances(results=results, **chosen)
    lines = [f"{len(written.added)} tolerances fixed in {file}, {len(written.kept)} kept (sha256 {written.digest})."]
    if written.ran:
        lines += [f"Left out, since they ran already: {', '.join(written.ran)}"]
    if written.without:
        lines += [f"Left out, since n_test is not known and no delta given: {', '.join(written.without)}"]
    return "\n".join(lines)
