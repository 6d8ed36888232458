"""Tables for people: what varies is named and in order, what does not stands in the caption, and no text acts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from made_records import done

from bench.core.visible import visible
from bench.records import Flags, Part, Record
from bench.tables import Table, aggregate, render

HOSTILE = (
    "one\n\n# heading <script>alert(1)</script> | \x1b[31mred\x9b2J `x` [l](javascript:x) \u202e **b** $x$ \\end{table}"
)


def swept(method: str, field: str, *values: Any, default: Any) -> list[Record]:
    """Records of one method at several values of a field; the default is left out of the name, as cells do."""
    found = []
    for right, value in enumerate(values, start=50):
        stated = "" if value == default else f"[{field}={value}]"
        record = done(f"digits/pico/{method}{stated}/quick/seed=0", right=(right,))[0]
        found.append(record.model_copy(update={"method": Part(name=method, params={field: value, "other": 1})}))
    return found


def methods(table: Table) -> list[str]:
    lines = [line for line in render(table, "md").splitlines() if line.startswith("|")][2:]
    return [line.split("|")[1].strip().strip("*") for line in lines]


def test_a_swept_field_is_always_named_and_sorted_by_value() -> None:
    table = aggregate(swept("cladapter", "k", 300, 20, 5, 100, default=20))
    assert methods(table) == [f"cladapter[k={k}]" for k in (5, 20, 100, 300)]
    rates = aggregate(swept("lora", "rate", 0.0005, 1e-05, 0.001, 0.1, default=0.001))
    assert methods(rates) == [f"lora[rate={rate}]" for rate in ("1e-05", "0.0005", "0.001", "0.1")]


def test_nothing_is_named_that_does_not_vary() -> None:
    table = aggregate([*swept("cladapter", "k", 20, default=20), done("digits/pico/knn/quick/seed=0")[0]])
    assert methods(table) == ["knn", "cladapter"]


def test_fields_of_backbones_and_recipes_are_named_too() -> None:
    records = []
    for size, name in ((64, "pico"), (32, "pico[size=32]")):
        record = done(f"digits/{name}/knn/quick/seed=0")[0]
        records.append(record.model_copy(update={"backbone": Part(name="pico", params={"size": size, "lift": None})}))
    rows = aggregate(records).rows
    assert [row.name("backbone") for row in rows] == ["pico[size=32]", "pico[size=64]"]
    assert [row.key.backbone for row in rows] == ["pico[size=32]", "pico"]  # what filters and addresses say


@pytest.mark.parametrize("format", ["text", "md", "html", "latex"])
def test_constant_columns_stand_in_the_caption(format: str) -> None:
    table = aggregate(done(f"digits/pico/{method}/quick/seed=0")[0] for method in ("knn", "lora"))
    caption, body = re.split(r"lora", render(table, format, True), maxsplit=1)[0], render(table, format, True)
    assert "dataset: digits, protocol: paper, backbone: pico, recipe: quick" in caption
    assert "| recipe" not in body
    assert "<th>recipe" not in body


def test_latex_is_a_papers_table() -> None:
    records = swept("cladapter", "k", 5, 20, default=20)
    records.append(done("digits/pico/majority/quick/seed=0", right=(95,))[0])
    records.append(done("digits/pico/knn/quick/seed=0", right=(96,), flags=Flags(notes=["50 % & more_here"]))[0])
    text = render(aggregate(records), "latex")
    order = [r"\begin{table}", r"\caption{", r"\label{tab:digits-paper-pico-quick}", r"\begin{tabular}", r"\toprule",
             "cladapter (k=5)$^{", "cladapter (k=20)$^{", r"\bottomrule", r"\end{tabular}", "$^{", "below majority:",
             r"\end{table}"]  # fmt: skip
    places = [text.index(word) for word in order[:9]] + [text.rindex(word) for word in order[10:]]
    assert places == sorted(places)
    assert r"50 \% \& more\_here" in text
    body = text.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])  # type: ignore[index]
    lines = [line for line in body.splitlines() if line]
    assert all(len(re.findall(r"(?<!\\)&", line)) == columns - 1 for line in lines)
    assert "below" not in body
    assert text.count("{") == text.count("}")


def test_latex_has_no_command_beyond_its_packages() -> None:
    """Compiled by hand with the class article, booktabs and graphicx; this command once needed an encoding, too."""
    records = [done("digits/pico/knn/quick/seed=0", flags=Flags(notes=['a "quoted" note']))[0]]
    text = render(aggregate(records), "latex")
    assert "a ''quoted'' note" in text
    assert "textquotedbl" not in text
    assert text.index(r"\resizebox{\ifdim\width>\linewidth") < text.index(r"\begin{tabular}")


@pytest.mark.parametrize("format", ["text", "md", "html", "latex", "csv", "json"])
def test_no_text_of_a_record_acts(format: str) -> None:
    records = [done(f"digits/pico/{m}/quick/seed=0", flags=Flags(notes=[HOSTILE]))[0] for m in ("knn", "lora")]
    text = render(aggregate(records), format)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    note = next(line for line in text.splitlines() if "alert(1)" in line)
    if format in ("md", "html"):
        assert "<script>" not in text
    if format == "md":
        assert note.startswith("- note")
        assert "](javascript" not in note
        assert not re.search(r"(?<!\\)[|`*]", note)
    if format == "latex":
        assert text.count(r"\end{table}") == 1
        assert r"\$x\$" in note
    if format not in ("csv", "json"):
        assert not any(line.startswith("#") for line in text.splitlines())


def test_visible_text_is_one_line() -> None:
    assert visible("a\tb\r\nc") == "a b c"
    assert visible("\x1b]0;x\x07\x9b") == r"\u001b]0;x\u0007\u009b"
    assert visible("ä 日 €") == "ä 日 €"
