"""Every format, from the same table; warnings and their meaning are in each."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_records import done, failed

import bench
from bench.api.table import make
from bench.core.errors import UsageError
from bench.records import Flags, Parameters, Store
from bench.tables import FORMATS, Table, aggregate, render, to_json
from bench.tables.stale import stale_reason
from bench.tables.terminal import SPARED, in_terminal

SETTING = "pacs/pico/"


@pytest.fixture
def table() -> Table:
    made = [
        done(f"{SETTING}majority/quick/seed=0", right=(25,))[0],
        done(f"{SETTING}knn/quick/seed=0", right=(70,))[0],
        done(f"{SETTING}linear_probe/quick/seed=0", right=(60,), parameters=Parameters(trainable=1))[0],
        done(f'{SETTING}odd[note="a|b<c>_&%"]/quick/seed=0', right=(90,), flags=Flags(leaks=["patient"]))[0],
        done(f"{SETTING}vpt/quick/seed=0", right=(95,), flags=Flags(test_selected=True))[0],
        failed(f"{SETTING}lora/quick/seed=0"),
    ]
    return aggregate(made)


@pytest.mark.parametrize("format", FORMATS)
def test_marks_and_their_meaning_are_in_every_format(table: Table, format: str) -> None:
    text = render(table, format).replace("\\_", "_")
    for phrase in ("below knn", "leaks", "test-selected", "failed 1/1", "non_finite_loss: loss is nan in epoch 2"):
        assert phrase in text
    assert "worse than that of the trivial baseline knn" in text
    assert "patient" in text


def test_json_is_a_list_of_rows(table: Table) -> None:
    rows = json.loads(render(table, "json"))
    assert rows == to_json(table)
    assert {"dataset", "protocol", "backbone", "method", "recipe", "seeds", "accuracy"} <= rows[0].keys()
    assert {"mean", "low", "high", "covers"} <= rows[0]["accuracy"].keys()


def test_csv_reads_back_in_full_precision(table: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    for read, row in zip(rows, to_json(table), strict=True):
        assert read["method"] == row["method"]
        accuracy = row["accuracy"] or {"mean": None}
        assert (float(read["accuracy_mean"]) if read["accuracy_mean"] else None) == accuracy["mean"]
    assert next(r for r in rows if r["method"] == "vpt")["accuracy_test_selected_mean"] == "0.95"


def test_markdown_cells(table: Table) -> None:
    lines = render(table, "md").splitlines()
    assert "60.00 [50.03, " in next(line for line in lines if "linear_probe" in line)
    odd = next(line for line in lines if "odd[" in line)
    assert r"a\|b&lt;c&gt;" in odd
    unescaped = [line.replace(r"\|", "").count("|") for line in lines if line.startswith("|")]
    assert len(set(unescaped)) == 1


def test_test_selected_numbers_stand_in_columns_of_their_own(table: Table) -> None:
    head, _, *body = [line for line in render(table, "md").splitlines() if line.startswith("|")]
    names = [cell.strip() for cell in head.split("|")]
    vpt = [cell.strip() for cell in next(line for line in body if "vpt" in line).split("|")]
    assert vpt[names.index("accuracy %")] == ""
    assert vpt[names.index("accuracy % (test-selected)")].startswith("95.00")


def test_html_is_well_formed(table: Table) -> None:
    opened: list[str] = []
    texts: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Parser().feed(render(table, "html"))
    assert opened == []
    assert 'odd[note="a|b<c>_&%"]' in texts


def test_latex_escapes(table: Table) -> None:
    text = render(table, "latex")
    assert r"linear\_probe" in text
    assert r"accuracy \%" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert r"non\_finite\_loss" in text


@pytest.mark.parametrize("columns", ["", "300"])
def test_details_lift_what_is_the_same_in_all_rows(table: Table, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)  # a width alone makes no terminal
    text = render(table, details=True)
    assert text.splitlines()[0].rstrip() == "dataset: pacs, protocol: paper, backbone: pico, recipe: quick"
    assert "\x1b" not in text  # no colour codes in a pipe
    assert text.count("pico") == 1 + sum("pico" in line for line in text.splitlines()[1:])


def test_an_unknown_format_is_an_error(table: Table) -> None:
    with pytest.raises(UsageError, match="Did you mean 'latex'"):
        render(table, "latx")


def test_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No records in"):
        bench.table(results=tmp_path)
    Store(tmp_path).put(*done(f"{SETTING}linear_probe/quick/seed=0", right=(60, 80)))
    Store(tmp_path).put(*done(f"{SETTING}knn/quick/seed=0"))
    assert len(json.loads(bench.table(results=tmp_path).text("json"))) == 2
    rows = json.loads(bench.table("linear_probe", results=tmp_path, metrics="nll, trainable", stages=True).text("json"))
    assert [row["stage"] for row in rows] == ["stage1", "stage2"]
    assert rows[0]["nll"]["mean"] > 0
    assert "accuracy" not in rows[0]
    assert len(json.loads(make(Store(tmp_path), {f"{SETTING}knn/quick/seed=0"}).text("json"))) == 1


def test_staleness_follows_versions_recipe_and_engine() -> None:
    from bench.cells import recipes
    from bench.cells.notation import Spec
    from bench.core.numerics import ENGINE_VERSION
    from bench.plugins import recipe_files, registry
    from bench.plugins.fingerprint import code_identity

    current = {
        "method": code_identity(registry.find("baselines", "knn").path),
        "task": code_identity(registry.find("tasks", "classification").path),
        "recipe": recipes.fingerprint(recipe_files.resolve(Spec("quick", {"epochs": 4})), "recipe"),
        "engine": str(ENGINE_VERSION),
        "data": "not judged here",
    }
    name = f"{SETTING}knn/quick[epochs=4]/seed=0"
    assert stale_reason(done(name, fingerprints=current)[0]) == ""
    for kind in ("method", "recipe", "engine"):
        older = done(name, fingerprints={**current, kind: "older"})[0]
        assert stale_reason(older) == f"{kind} changed since; run it again"
    unknown = done(f"{SETTING}somebody_elses/quick[epochs=4]/seed=0", fingerprints=current)[0]
    assert stale_reason(unknown) == ""


def test_tables_import_neither_torch_nor_timm() -> None:
    import subprocess
    import sys

    code = "import sys, bench; bench.table; print({'torch', 'timm', 'pandas'} & set(sys.modules) or 'none')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "none"


@pytest.mark.parametrize("width", [80, 100, 140, 400])
def test_a_table_fits_a_terminal_with_its_numbers_whole(width: int) -> None:
    """Names fold and facts are left out, which is said; an interval is never broken."""
    methods = ["majority", "linear_probe", "cladapter[k=5,tuning=frozen,bottleneck=64,mlp_ratio=0.25]"]
    names = [f"pacs/{backbone}/{method}/quick/seed=0" for backbone in ("pico", "lite0[size=112]") for method in methods]
    table = aggregate([done(name, right=(60 + number,))[0] for number, name in enumerate(names)])
    text = re.sub(r"\x1b\[[\d;]*m", "", in_terminal(table, width))
    grid = [line for line in text.splitlines() if line[:1] in "┏┃┡│└"]
    assert max(map(len, grid)) <= width
    assert len(re.findall(r"\[\d+\.\d\d, \d+\.\d\d\]", "\n".join(grid))) >= len(names)
    left_out = re.search(rf"left out of {width} columns: (.*); --format md has all", text)
    gone, head = left_out[1].split(", ") if left_out else [], [name.strip() for name in grid[1].split("┃")]
    for name in SPARED:
        assert (name in head) != (name in gone)
    assert bool(gone) == (width < 140)
    assert "left out" not in in_terminal(table)
