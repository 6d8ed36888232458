"""What a reader must know before believing a row. Every format shows the words, and says what they mean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from bench.records import Flags, Record
from bench.records.schema import COMPARED_FACTS
from bench.tables.metrics import metrics_of
from bench.tables.rows import Key, Row

Stale = Callable[[Record], str]
"""Why a record is out of date, or an empty string."""
IMPORT_MARK = "predictions made elsewhere: nothing is known of their training, so nothing here is compared with them"
TrivialBaselines = dict[str, tuple[int, float]]


def with_warnings(row: Row, records: Sequence[Record], stale: Stale, trivial_baselines: TrivialBaselines) -> Row:
    """The row with its warnings.

    Args:
        records: The row's records, failures too.
        trivial_baselines: Trivial baseline -> its place among the trivial baselines and its mean headline metric, in
            the row's setting.
    """
    done = [record for record in records if record.status == "done"]
    found = {
        **_failed(row),
        **_stale(done, row.failures, stale),
        **_mixed(done),
        **_flagged(done),
        **({"imported": IMPORT_MARK} if row.key.imported else {}),
        **_below(row, trivial_baselines),
    }
    return replace(row, warnings=found)


def trivial_baseline_means(rows: Iterable[Row]) -> Callable[[Key], TrivialBaselines]:
    """Look-up from a row's key to the trivial baselines of its data set, protocol and backbone.

    A trivial baseline run with the row's own recipe comes first, since preprocessing changes features; else the best of
    the trivial baseline's runs counts.
    """
    exact: dict[tuple[str, ...], tuple[int, float]] = {}
    loose: dict[tuple[str, ...], TrivialBaselines] = defaultdict(dict)
    for row in rows:
        name, setting = row.key.method_name, _setting(row.key)
        if row.key.trivial_baseline and not row.key.test_selected and (mean := headline_mean(row)) is not None:
            place = (*setting, row.key.recipe, name)
            exact[place] = (row.key.trivial_baseline, _best(row, mean, exact.get(place)))
            loose[setting][name] = (row.key.trivial_baseline, _best(row, mean, loose[setting].get(name)))

    def look_up(key: Key) -> TrivialBaselines:
        setting = _setting(key)
        return {name: exact.get((*setting, key.recipe, name), found) for name, found in loose[setting].items()}

    return look_up


def headline_mean(row: Row) -> float | None:
    """The mean of the task's first metric, where it is defined."""
    value = row.values.get(metrics_of(row.key.task)[0].name)
    return None if value is None else value.mean


def _best(row: Row, mean: float, other: tuple[int, float] | None) -> float:
    if other is None:
        return mean
    return max(mean, other[1]) if metrics_of(row.key.task)[0].higher_is_better else min(mean, other[1])


def _setting(key: Key) -> tuple[str, ...]:
    return key.task, key.dataset, key.protocol, key.backbone


def _below(row: Row, trivial_baselines: TrivialBaselines) -> dict[str, str]:
    """Trivial baselines are not compared with themselves or with a later one."""
    mean, metric = headline_mean(row), metrics_of(row.key.task)[0]
    if mean is None:
        return {}
    return {
        f"below {name}": f"mean {metric.name} is worse than that of the trivial baseline {name}"
        for name, (place, trivial_baseline) in sorted(trivial_baselines.items(), key=lambda item: item[1][0])
        if (not row.key.trivial_baseline or place < row.key.trivial_baseline)
        and (mean < trivial_baseline if metric.higher_is_better else mean > trivial_baseline)
    }


def _failed(row: Row) -> dict[str, str]:
    if not row.failures:
        return {}
    why = "; ".join(f"{r.cell}: {r.error.kind}: {r.error.message}" for r in row.failures if r.error)
    return {f"failed {len(row.failures)}/{len({*row.cells, *(r.cell for r in row.failures)})}": why}


def _stale(done: Sequence[Record], failures: Sequence[Record], stale: Stale) -> dict[str, str]:
    """Records whose inputs changed since, and older successes whose repetition failed."""
    again = {record.cell for record in failures}
    reasons = {"its repetition failed" if record.cell in again else stale(record) for record in done} - {""}
    return {"stale": "; ".join(sorted(reasons))} if reasons else {}


def _mixed(done: Sequence[Record]) -> dict[str, str]:
    """Seeds that were run with different code, recipe, weights or numerics do not belong in one mean; other machines
    and libraries only round differently, which training may amplify."""
    kinds = {kind for record in done for kind in record.fingerprints} - {"data"}  # data may vary with the seed
    differing = [kind for kind in sorted(kinds) if len({record.fingerprints.get(kind) for record in done}) > 1]
    machines = [kind for kind in COMPARED_FACTS if len({str(record.environment.get(kind)) for record in done}) > 1]
    machines += ["device"] if len({record.hardware.device for record in done}) > 1 else []
    return {
        **({"mixed": f"seeds differ in {', '.join(differing)}; run the suite again"} if differing else {}),
        **({"mixed machines": f"seeds were run with different {', '.join(machines)}"} if machines else {}),
    }


def _flagged(done: Sequence[Record]) -> dict[str, str]:
    flags = [record.flags for record in done]
    leaks = sorted({leak for flag in flags for leak in flag.leaks})
    found = {
        "partial": "; ".join(sorted({_differences(flag) for flag in flags if flag.partial})),
        "leaks": f"the protocol shares {', '.join(leaks)} between its splits" if leaks else "",
        **_overlaps({flag.overlap for flag in flags} - {""}),
        "test-selected": "the epoch was chosen on the test split" if any(f.test_selected for f in flags) else "",
        "frozen batch norm": "the weights demand it" if any(f.batch_norm_frozen for f in flags) else "",
        "imbalanced": _imbalance(max((flag.imbalance for flag in flags), default=0.0)),
        "edge of grid": _edges(flags),
        "untrained classes": "; ".join(sorted({_untrained(flag) for flag in flags} - {""})),
        "absent classes": "; ".join(sorted({_absent(flag) for flag in flags} - {""})),
        "note": "; ".join(sorted({note for flag in flags for note in flag.notes})),
    }
    return {word: text for word, text in found.items() if text}


IMBALANCED = 5.0  # from here on accuracy may hide that small classes are not recognised at all


def _imbalance(ratio: float) -> str:
    if ratio < IMBALANCED:
        return ""
    return (
        f"the largest class has {ratio:.0f} times the test samples of the smallest: see balanced_accuracy and macro_f1"
    )


def _edges(flags: Sequence[Flags]) -> str:
    edges = sorted({edge for flag in flags for edge in flag.grid_edges})
    return f"a better rate may lie beyond what was tried: {'; '.join(edges)}" if edges else ""


def _differences(flags: Flags) -> str:
    found = ", ".join(f"{name}: {value}" for name, value in flags.differences.items())
    return (
        f"the data differ from the published counts ({found})" if found else "the data differ from the published counts"
    )


def _overlaps(reasons: set[str]) -> dict[str, str]:
    """Weights that nobody says the data of are not taken for weights that have not seen these."""
    unknown = sorted(reason for reason in reasons if reason.startswith("unknown"))
    seen = sorted(reasons - set(unknown))
    return {
        "overlap": f"pre-training saw these data: {'; '.join(seen)}" if seen else "",
        "overlap unknown": f"what the weights were trained on is {'; '.join(unknown)}" if unknown else "",
    }


def _absent(flags: Flags) -> str:
    return ", ".join(
        f"{split}: {len(classes)} classes without a sample"
        for split, classes in flags.absent_classes.items()
        if split != "train"
    )


def _untrained(flags: Flags) -> str:
    number = len(flags.absent_classes.get("train", ()))
    return f"{number} classes have no training sample, so they cannot be learned" if number else ""
