"""Tolerances are fixed before the first run, and nothing is changed after."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.claims import Claim
from bench.claims.tolerances import check, check_order, read, write
from bench.core.errors import UsageError

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def claim(name: str = "a", **fields: object) -> Claim:
    stated = {"id": f"p:t:{name}", "paper": "p", "metric": "Accuracy", "definition": "accuracy", "value": "90.24"}
    return Claim.model_validate({**stated, "cell": "pacs/vit/cladapter/paper", "n_test": 2048, **fields})


def test_written_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "plan.json"
    written = write(file, [claim(), claim("b", delta="1.5"), claim("c", cell="")], set(), NOW)
    plan = read(file)
    assert written.added == ("p:t:a", "p:t:b")
    assert plan["p:t:a"].delta == pytest.approx(0.0196, abs=1e-4)
    assert plan["p:t:b"].delta == pytest.approx(0.015)
    assert plan["p:t:a"].fixed == "2026-11-01T00:00:00+00:00"
    assert json.loads(file.read_text())["sha256"] == written.digest


def test_what_ran_already_is_left_out(tmp_path: Path) -> None:
    written = write(tmp_path / "plan.json", [claim(), claim("b")], {"p:t:b"}, NOW)
    assert (written.added, written.ran) == (("p:t:a",), ("p:t:b",))
    assert set(read(tmp_path / "plan.json")) == {"p:t:a"}


def test_without_a_tolerance_it_is_left_out(tmp_path: Path) -> None:
    assert write(tmp_path / "plan.json", [claim(n_test="")], set(), NOW).without == ("p:t:a",)
    assert not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize(
    "change",
    [{"delta": "9.0"}, {"value": "91.00"}, {"planned_seeds": 10}, {"cell": "pacs/vit/lora/paper"}, {"stage": "s"}],
)
def test_a_later_change_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    file = tmp_path / "plan.json"
    write(file, [claim()], set(), NOW)
    with pytest.raises(UsageError, match="was fixed on 2026-11-01"):
        check(read(file), [claim(**change)])
    with pytest.raises(UsageError, match="was fixed on 2026-11-01"):
        write(file, [claim(**change)], set())
    check(read(file), [claim()])


def test_a_plan_grows_but_keeps_what_it_had(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    write(file, [claim()], set(), NOW)
    again = write(file, [claim(), claim("b")], set())
    assert (again.kept, again.added) == (("p:t:a",), ("p:t:b",))
    assert read(file)["p:t:a"].fixed.startswith("2026-11-01")


def test_an_edited_plan_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    write(file, [claim()], set(), NOW)
    file.write_text(file.read_text().replace('"delta": 0.019', '"delta": 0.119'))
    with pytest.raises(UsageError, match="changed after it was written"):
        read(file)
    file.write_text("{}")
    with pytest.raises(UsageError, match="no plan of tolerances"):
        read(file)


def test_runs_come_after_the_plan(tmp_path: Path) -> None:
    write(tmp_path / "plan.json", [claim()], set(), NOW)
    plan = read(tmp_path / "plan.json")
    check_order(plan, "p:t:a", NOW.timestamp() + 1)
    check_order(plan, "p:t:other", 0.0)
    check_order(plan, "p:t:a", None)
    with pytest.raises(UsageError, match="opened before its tolerance was fixed"):
        check_order(plan, "p:t:a", NOW.timestamp() - 1)
