"""The documents say what is so: their commands are those that are run, their code keeps the contract."""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import re
import shlex
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from made_images import picture
from photographs import photographs
from typer.testing import CliRunner

from bench.api.table import make
from bench.claims import published
from bench.cli.app import app
from bench.engine.run import Done
from bench.grid.suite import load_suite
from bench.plugins.folders import use_folders
from bench.records import Store
from bench.tables.by_group import by_group

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(path: str, language: str) -> list[str]:
    text = (ROOT / path).read_text(encoding="utf-8")
    return [body for found, body in BLOCK.findall(text) if found == language]


def test_two_commands_set_everything_up() -> None:
    setup = [line for body in blocks("README.md", "sh") for line in body.splitlines()]
    assert len(setup) == 2
    run, test = setup
    assert run.endswith("bench run quick")
    assert test.endswith("tox -p -o")
    assert test in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("number", range(3))
def test_baselines_in_the_docs_keep_the_contract(plugin_folder: Path, number: int) -> None:
    code = blocks("docs/add_a_baseline.md", "python")[number]
    file = plugin_folder / f"documented_{number}.py"
    file.write_text(code)
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 0, result.output


def test_a_method_without_hooks_and_one_with_two_take_sixty_lines() -> None:
    plain, hooked = blocks("docs/add_a_baseline.md", "python")[:2]
    names = {node.name for node in ast.walk(ast.parse(hooked)) if isinstance(node, ast.FunctionDef)}
    assert names == {"optimize", "after_step"}
    assert len((plain + hooked).splitlines()) <= 60


def test_the_documented_hooks_do_what_the_built_in_ones_do(plugin_folder: Path, run_cells: Callable[..., Done]) -> None:
    """SAM's loss curve, on a linear probe; and other scores than its weights have, by the average."""
    (plugin_folder / "sharp_probe.py").write_text(blocks("docs/add_a_baseline.md", "python")[1])
    use_folders([plugin_folder])
    done = run_cells(plugin_folder.parent / "runs", ["sharp_probe", "sam[trains=head]"])
    use_folders([])
    documented, built_in = (Store(plugin_folder.parent / "runs").get(cell) for cell in done.cells)
    assert documented is not None
    assert built_in is not None
    curves = documented.stages[0].curves, built_in.stages[0].curves
    assert curves[0]["train_loss"] == pytest.approx(curves[1]["train_loss"], rel=1e-5)
    assert curves[0]["val_loss"] != pytest.approx(curves[1]["val_loss"], rel=1e-3)


def test_own_images_need_the_two_documented_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (body,) = (body for body in blocks("docs/datasets.md", "") if "image_folder[path=pets]" in body)
    audit, run = (shlex.split(line)[1:] for line in body.splitlines())
    for kind, number in itertools.product(("cat", "dog", "fox", "owl"), range(50)):
        seed = zlib.crc32(f"{kind}{number}".encode())
        picture(tmp_path / "data" / "pets" / kind / f"{number}.jpg", seed, 32, 32)
    monkeypatch.chdir(tmp_path)
    audited = CliRunner().invoke(app, audit)
    assert audited.exit_code == 0, audited.output
    assert "200 samples" in audited.stdout
    short = ["-o", "head_epochs=1", "-o", "seeds=0", "-o", "methods=[majority,linear_probe]", "--json"]
    short += ["-o", "backbone=lite0", "-o", "image_size=32"]
    ran = CliRunner().invoke(app, [*run, *short])
    assert ran.exit_code == 0, ran.output
    rows = json.loads(ran.stdout)["table"]
    assert {(row["dataset"], row["method"]) for row in rows} == {
        ("image_folder[path=pets]", "majority"),
        ("image_folder[path=pets]", "linear_probe"),
    }


@pytest.mark.slow
def test_the_readmes_commands_run_after_the_quick_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pasted one after the other, but for a smaller training and what needs PACS; methods and backbones of the
    quick suite lie in the same folder."""
    (body,) = (body for body in blocks("README.md", "") if "bench list" in body)
    commands = [shlex.split(line, comments=True)[1:] for line in body.splitlines()]
    commands = [words for words in commands if "pacs_table3" not in words]
    assert len(commands) == 10
    photographs(tmp_path / "data" / "pets", 10, 0)
    photographs(tmp_path / "new", 1, 1, in_classes=False)
    monkeypatch.chdir(tmp_path)
    quick = [f"digits/pico/{method}/quick[head_epochs=1]/seed=0" for method in ("cladapter", "linear_probe")]
    small = ["-o", "methods=[majority,linear_probe,cladapter[tuning=frozen,k=5]]", "-o", "head_epochs=1"]
    small += ["-o", "image_size=32", "-o", "seeds=[0]"]
    for words in [["run", *quick], *commands]:
        ran = CliRunner().invoke(app, [*words, *(small if "own" in words else [])])
        assert ran.exit_code == 0, (words, ran.output)


def test_the_documented_ablation_runs(tmp_path: Path) -> None:
    (code,) = blocks("docs/ablations.md", "python")
    suite = tmp_path / "my_ablation.py"
    suite.write_text(code)
    short = ["-o", "seeds=0", "-o", "head_epochs=1", "-o", "k=[2,5]", "-o", "image_size=32", "--json"]
    ran = CliRunner().invoke(app, ["run", str(suite), "--results", str(tmp_path / "runs"), *short])
    assert ran.exit_code == 0, ran.output
    methods = {row["method"] for row in json.loads(ran.stdout)["table"]}
    assert {"cladapter[k=2,tuning=frozen]", "cladapter[k=5,tuning=frozen]", "knn"} <= methods


@pytest.mark.filterwarnings("error::UserWarning:bench")
def test_the_documented_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From top to bottom, as in a notebook."""
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "new_images" / "0.png", 1, 32, 32)
    names: dict[str, Any] = {}
    for code in blocks("docs/python.md", "python"):
        exec(compile(code, "docs/python.md", "exec"), names)
    assert set(names["frame"]["method"]) == {"majority", "knn", "linear_probe"}
    assert (tmp_path / "pareto.svg").is_file()
    assert (tmp_path / "comparison.svg").is_file()
    assert names["pages"].index == Path("pages/index.html")
    assert names["pages"].index.is_file()
    assert names["waiting"]
    assert {row.seeds for row in names["table"].rows} == {2}
    assert names["wrong"].key.method == "linear_probe"
    assert names["claims"].rows
    assert names["again"].verdict == "equal"
    assert list(names["guesses"].frame()["file"]) == ["0.png"]
    assert names["probabilities"].sum() == pytest.approx(1)
    for shown in ("done", "chart", "pair", "table", "wrong", "claims", "pages", "again", "guesses"):
        assert hasattr(names[shown], "_repr_html_") or hasattr(names[shown], "_repr_mimebundle_"), shown


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_readmes_table_is_that_of_the_results() -> None:
    """Its lines are those of the command that stands above it."""
    [shown] = [body for body in blocks("README.md", "") if body.startswith("PACS")]
    made = by_group(make(Store(ROOT / "results"), "pacs[protocol=photos]")).splitlines()
    assert shown.splitlines() == made[: len(shown.splitlines())]
    assert len(shown.splitlines()) > 10


def test_the_findings_count_verdicts_as_the_table_has_them() -> None:
    """Of all published claims; those that the table leaves out were not run."""
    table = (ROOT / "results/tables/verdicts.md").read_text(encoding="utf-8")
    verdicts = Counter(cells_of(line)[6] for line in table.splitlines() if line.startswith("| "))
    del verdicts["verdict"]
    papers = published.load()
    claims = sum(len(paper.claims) for paper in papers.values())
    told = " ".join((ROOT / "docs/findings.md").read_text(encoding="utf-8").split())
    assert verdicts.keys() == {"not comparable"}, "the findings must say so"
    assert f"None of the {claims} published numbers of twelve papers" in told
    assert len(papers) == 12
    assert f"{verdicts['not comparable']} are not comparable" in told
    assert f"{claims - verdicts.total()} were not run" in told


def documented() -> list[str]:
    """Every command of `bench` in a block of the documents, without remarks and with its continued lines."""
    pages = [ROOT / "README.md", ROOT / "results" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = []
    for page in pages:
        bodies = [body for _, body in BLOCK.findall(page.read_text(encoding="utf-8"))]
        lines = "\n".join(bodies).replace("\\\n", " ").splitlines()
        found += [f"{page.name}: {line.removeprefix('$ ')}" for line in lines if re.match(r"(\$ )?bench ", line)]
    return sorted(set(found))


@pytest.mark.parametrize("line", documented())
def test_documented_commands_are_taken(line: str) -> None:
    """Their options exist and have values of the right kind, and suites that they run are there."""
    words = shlex.split(line.partition(": ")[2].partition(" && ")[0].partition(" > ")[0], comments=True)[1:]
    command: click.Command = typer.main.get_command(app)
    while isinstance(command, click.Group):
        child = command.get_command(click.Context(command), words[0])
        assert child is not None, words
        command, words = child, words[1:]
    with contextlib.suppress(click.exceptions.Exit):  # --help
        context = command.make_context(command.name, words)
        for target in context.params.get("targets") or [] if command.name == "run" else []:
            if re.fullmatch(r"[a-z]\w*", target):
                load_suite(target)
