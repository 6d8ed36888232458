"""Claims are read from CSVs, a user's among them; what is wrong in one is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.claims import chosen, load
from bench.core.errors import UsageError

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
    assert len(chosen(papers, None)) == 763
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
