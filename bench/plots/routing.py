"""Pictures drawn from records; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.core.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.records import Record


def routing_heatmap(record: Record, stage: str | None = None, class_names: Sequence[str] = ()) -> Figure:
    """Draw how each class is routed to CLAdapter's centres: mean weight beta, classes x centres.

    Args:
        record: Of a CLAdapter cell; its `diagnostics` hold the numbers.
        stage: "stage1" or "stage2"; None: the last one that has them.
        class_names: Names in label order, for the rows; else the numbers are shown.

    Returns:
        A figure; ``figure.savefig("routing.png")`` writes it.

    Raises:
        UsageError: The record, or that stage of it, has no routing diagnostics.
    """
    from matplotlib.figure import Figure

    found = {name: block["routing"] for name, block in record.diagnostics.items() if "routing" in block}
    if not found or (stage is not None and stage not in found):
        has = f"has them for {', '.join(found)}" if found else "has none; only cladapter's records do"
        raise UsageError(f"No routing diagnostics of {stage or 'any stage'}: {record.cell} {has}.")
    name = stage or list(found)[-1]
    routing = found[name]
    labels = [class_names[c] if c < len(class_names) else str(c) for c in routing["classes"]]
    entropies = [f"{label}  (H = {entropy:.2f})" for label, entropy in zip(labels, routing["entropy"], strict=True)]
    figure = Figure(figsize=(max(5, 0.15 * len(routing["beta"][0]) + 3), 0.3 * len(labels) + 2), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(routing["beta"], aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(labels)), entropies)
    axes.set_xlabel(f"centre ({routing['centres_in_use']} of {len(routing['beta'][0])} win for some image)")
    axes.set_title(f"{record.cell}\n{name}: mean routing weight, {routing['images']} images", fontsize="small")
    figure.colorbar(image, ax=axes)
    return figure
