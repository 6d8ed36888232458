"""Write docs/claims.md: every published CLAdapter number with what arithmetic says of it.

``python tools/make_claims_docs.py`` writes the file; with ``--check`` it only says whether the file is up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import get_args

from bench.claims import Claim, Finding, Paper, examine, load
from bench.claims.findings import Status, summary
from bench.claims.render import markdown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "claims.md"
PAPER = "cladapter"
HEAD = ("claim", "data set", "backbone, pre-training", "method", "metric", "published", "n", "arithmetic")
INTRODUCTION = """\
# Published claims

This page is made from the claims that ship with the package by `python tools/make_claims_docs.py`.

`bench verify` puts published numbers beside two things: *arithmetic*, which needs no run, and *our records*.

```
bench verify cladapter                       all numbers of a paper; cladapter:table4: of one table
bench verify cladapter:table8:laion_2b-vpt   one claim in full: findings with their assumptions, verdict, known issues
bench verify cladapter:table4 --plan         fix the tolerances, before anything runs
bench run --claims cladapter:table4          run what the claims need, five seeds each; -o replaces variables
bench verify cladapter --strict --format md  exit code 1 when a claim is contradicted; also table, csv, json
bench verify --verdict contradicted          only claims of this verdict; may be repeated
```

## Verdicts

d is our mean less the published number, s the standard deviation over our S seeds, h half a printed unit, delta the
tolerance.

- **not comparable**: an identity field differs, and is named: data set, protocol, backbone, method, recipe, any field
  of theirs, the number of test samples.
- **not run**: fewer than three seeds.
- **reproduced**: |d| + t.95 s / sqrt(S) <= delta, which is two one-sided tests.
- **contradicted**: |d| > t.975 sqrt(V) + h and |d| > delta, where V = s² (1 + 1/S), plus 2p(1-p)/n unless the test
  samples are the same.
- **within noise**: anything else; with the number of seeds that would decide.

The width is a prediction interval: could the published number have been one more run of ours? In simulation at most
{five} of true claims are outside it with five seeds ({three} with three) when the tolerance plays no part:
`python -m perf.claims_simulation`. Metrics other than accuracy take their item variance from a jackknife over the
predictions. `--strict` corrects by Holm over all claims of the paper.

The tolerance is the claim's own `delta`, else what the test set can resolve at all, 2.80 sqrt(0.10 / n): 5.3 points for
278 images, 2.0 for 2,048. `--plan` writes it with a hash to `claims_plan.json` among the results; claims that ran
before are left out, and a later change of the claim, the tolerance or the file is refused. Parameters and operations
are counts: they agree within 1 %.

## Your own paper

One CSV in a folder, `bench verify --folder DIR` and `bench run --claims PAPER --claims-folder DIR`: columns `id`
(`paper:table:name`), `metric`, `value` (as printed), and any of these: {columns}. What is not stated stays empty.
A paper's `NAME.known_issues.csv` beside it has the columns `applies_to` (a pattern on ids), `issue` and `source`.

- `cell`: what would produce the number, `dataset/backbone/method/recipe`; also a filter for `bench table`.
- `definition`: the metric's name in records, such as `accuracy`, `macro_recall` or `paper_f1` (2PR/(P+R)).
- `class_counts`: test samples of each class, `179/33/39/27` or `11x108`; opens the rules on errors and trivial
baselines.
- `runs`: how many runs or splits of equal size are averaged. `aggregation` and `made_of`: a `mean`, `harmonic mean` or
  `difference` of other claims.

## What arithmetic says

- **k/n**: is the accuracy k/n for a whole k, rounded or truncated? Assumes one run, or 1..`runs` of them, on n samples.
- **P/R/F1**: is F1 2PR/(P+R)? Below it, it may be a mean of class F1; above it, it is impossible. Assumes macro
  averages.
- **errors**: do whole numbers of errors of each class give accuracy, recall, precision and F1 together? Assumes one run
  and the class counts.
- **parts**, **difference**: is an average that of its printed parts; is a gain in points, or relative?
- **weighing**: is a mean over groups of unequal size that of all parts alike, or that of the groups' means? Groups are
  the parts' protocols.
- **copied**: does a row of five or more numbers stand digit for digit in another paper's table?
- **pairs**: could any pair of a table differ significantly after Holm? Assumes one run each, the exact McNemar test and
  the joint distribution that helps most.
- **pre-training**: do rows of one table come from different pre-trainings? Assumes that equal numbers are one result.
- **trivial baseline**: is the accuracy below that of always answering the most frequent class? Assumes the class
counts.

*Impossible* always means: under the assumption that `bench verify CLAIM` states. *Untestable*: so many samples that
every printable value is possible.
"""
STATUSES = get_args(Status)
STATED = ("id", "paper", "metric", "value")
# As measured by perf/claims_simulation.py; perf/README.md has the table.
SIMULATED = {"five": "6.0 %", "three": "8.8 %"}


def page() -> str:
    """The whole page."""
    paper = load()[PAPER]
    findings = examine(paper.claims)
    columns = ", ".join(f"`{name}`" for name in Claim.model_fields if name not in STATED)
    parts = [INTRODUCTION.format(columns=columns, **SIMULATED), "## CLAdapter (arXiv 2512.22664)", ""]
    parts += [*_overview(paper, findings), ""]
    for table, claims in groupby(paper.claims, key=lambda claim: claim.table):
        parts += _section(paper, table, list(claims), findings)
    return "\n".join(parts).rstrip() + "\n"


def _overview(paper: Paper, findings: dict[str, list[Finding]]) -> Iterator[str]:
    counts = Counter((found.rule, found.status) for all_found in findings.values() for found in all_found)
    rules = list(dict.fromkeys(rule for rule, _ in counts))
    yield f"{len(paper.claims)} numbers. Findings:\n"
    yield markdown(("rule", *STATUSES), [[rule, *(str(counts[rule, s] or "") for s in STATUSES)] for rule in rules])


def _section(paper: Paper, table: str, claims: Sequence[Claim], findings: dict[str, list[Finding]]) -> list[str]:
    places = list(dict.fromkeys(claim.locator for claim in claims))
    issues = dict.fromkeys(f"- {i.issue} ({i.source})" for claim in claims for i in paper.issues_of(claim))
    lines = [f"### {table}", "", f"{'; '.join(places)}.", ""]
    lines += [*issues, *([""] if issues else [])]
    return [*lines, markdown(HEAD, [_line(claim, findings.get(claim.id, [])) for claim in claims]), ""]


def _line(claim: Claim, findings: list[Finding]) -> list[str]:
    trained = ", ".join(text for text in (claim.backbone, claim.pretraining) if text)
    name = claim.id.split(":")[2]
    n = str(claim.n_test or "")
    where = f"{claim.dataset}, {claim.protocol}" if claim.protocol and claim.table == "table2f" else claim.dataset
    return [f"`{name}`", where, trained, claim.method, claim.metric, claim.value, n, summary(findings)]


def main() -> int:
    """Write or check the page; 1 when the check fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when out of date")
    if parser.parse_args().check:
        current = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()
        print(
            f"{PAGE.name} is up to date." if current else f"{PAGE.name} is out of date: run tools/make_claims_docs.py."
        )
        return 0 if current else 1
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
