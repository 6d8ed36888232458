"""Claims are read from CSVs, a user's among them; what is wrong in one is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cells.cell import Cell
from bench.claims import chosen, load
from bench.core.errors import UsageError
from bench.grid.resolve import resolve
from bench.grid.suite import load_suite

HEAD = "id,metric,value\n"


def write(folder: Path, text: str, name: str = "mine") -> Path:
    (folder / f"{name}.csv").write_text(text)
    return folder


def test_a_paper_is_one_csv(tmp_path: Path) -> None:
    papers = load(
        write(
            tmp_path,
            HEAD + "mine:table1:a,Accuracy,93.20\nmine:table1:b,F1,not given\n".replace("F1,not given", "F1,91"),
        )
    )
    first, second = papers["mine"].claims
    assert (first.paper, first.decimals, first.number is not None and first.number.decimals) == ("mine", None, 2)
    assert second.value == "91"
    assert "cladapter" in papers


def test_known_issues_lie_beside(tmp_path: Path) -> None:
    write(tmp_path, HEAD + "mine:table1:a,Accuracy,93.20\nmine:table2:a,Accuracy,93.20\n")
    (tmp_path / "mine.known_issues.csv").write_text("applies_to,issue,source\nmine:table1:*,one fold,text\n")
    paper = load(tmp_path)["mine"]
    assert [len(paper.issues_of(claim)) for claim in paper.claims] == [1, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,metric,valeu\nmine:t:a,Accuracy,1\n", "Did you mean 'value'"),
        (HEAD + "mine:t:a,Accuracy\n", "line 2: not as many fields"),
        (HEAD + "mine:t:a,Accuracy,1\nmine:t:a,Accuracy,2\n", "line 3: the id mine:t:a is there already"),
        (HEAD + "other:t:a,Accuracy,1\n", "line 2"),
        (HEAD + "mine:t:a,Accuracy,about 90\n", "'no number' is for other texts"),
        ("id,metric,value,n_test,class_counts\nmine:t:a,Accuracy,1,10,4/5\n", "add up to 9"),
        ("id,metric,value,cell\nmine:t:a,Accuracy,1,pacs/b/c/d\n", "needs a definition"),
        ("id,metric,value,definition,cell\nmine:t:a,Accuracy,1,accuracy,pacs/b\n", "cell"),
        ("id,metric,value,aggregation,made_of\nmine:t:a,Accuracy,1,mean,mine:t:b\n", "which is no claim"),
        ("id,metric,value,planned_seeds\nmine:t:a,Accuracy,1,2\n", "planned_seeds"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match="mine") as caught:
        load(write(tmp_path, text))
    assert said in str(caught.value)


def test_selectors(tmp_path: Path) -> None:
    papers = load()
    assert len(chosen(papers, None)) == 1331
    assert len(chosen(papers, "cladapter:table4")) == 18
    assert [c.value for c in chosen(papers, "cladapter:table4:k5-f1")] == ["90.4"]
    assert len(chosen(papers, "cladapter:table3ft")) == 5
    with pytest.raises(UsageError, match="cladapter:table4"):
        chosen(papers, "cladapter:tabel4")
    with pytest.raises(UsageError, match="Did you mean 'cladapter'"):
        chosen(papers, "cladaptor")
    with pytest.raises(UsageError, match="no folder of claims"):
        load(tmp_path / "none")


def test_class_counts_may_be_short(tmp_path: Path) -> None:
    text = "id,metric,value,n_test,class_counts\nmine:t:a,Accuracy,92.47,1188,11x108\n"
    assert load(write(tmp_path, text))["mine"].claims[0].class_counts == (108,) * 11


def test_published_networks_of_volumes_have_cells_where_their_preprocessing_is_here() -> None:
    """Four of six sets, six of eight rows, two metrics; the sets of shapes were transformed in a way of their own."""
    claims = load()["medmnist_v2"].claims
    assert len(claims) == 96
    bound = [claim for claim in claims if claim.cell]
    assert len(bound) == 4 * 6 * 2
    assert not [claim.id for claim in bound if claim.dataset in ("AdrenalMNIST3D", "VesselMNIST3D")]
    for claim in bound:
        resolved = resolve(Cell.parse(f"{claim.cell}/seed=0"))
        assert resolved.dataset.expects()["test"] == claim.n_test
        assert claim.method.lower().replace("-", "").replace(" ", "_").replace(".", "_") == resolved.cell.backbone.name
        assert (resolved.recipe.selection, resolved.recipe.schedule) == ("last", "steps")
        assert str(resolved.cell.recipe) == str(Cell.parse(f"{claim.cell}/seed=0").recipe)


def test_the_suite_of_volumes_shows_the_published_numbers() -> None:
    text = load_suite("medmnist3d").doc
    claims = {(c.method, c.dataset, c.definition): c.value.lstrip("0") for c in load()["medmnist_v2"].claims}
    order = [f"{name}MNIST3D" for name in ("Organ", "Nodule", "Fracture", "Adrenal", "Vessel", "Synapse")]
    for method in {method for method, _, _ in claims}:
        (line,) = (line for line in text.splitlines() if line.strip().startswith(method))
        expected = [f"{claims[method, name, 'auc']}/{claims[method, name, 'accuracy']}" for name in order]
        assert line.removeprefix(line[: line.index(method) + len(method)]).split() == expected
