"""Groups seen through with workers elsewhere: deaths, other processes, records that come late."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import pytest
from compared import assert_same_results
from filelock import FileLock

from bench.core.errors import UsageError
from bench.engine.groups import Group
from bench.executors.base import Standing
from bench.executors.fleet import Fleet
from bench.executors.remote import Report
from bench.plugins.folders import use_folders
from bench.records import Store

pytestmark = pytest.mark.slow

METHODS = ["linear_probe", "full_finetune"]
# Workers in this process that die as often as told, after so many epochs, as a process would.
SHAKY = '''
"""Workers that die."""
import os

from pydantic import Field

from bench.executors.base import Executor
from bench.executors.fleet import Fleet, longest_first
from bench.executors.remote import at_work, portable, refuse_indexed


class Shaky(Executor):
    """Groups by workers of which the first ones die."""

    deaths: int = Field(0, description="of each group's workers")
    after: int = Field(0, description="epochs that each has trained before")
    retries: int = Field(1, description="as for other executors")

    def check(self, settings):
        refuse_indexed(settings)

    def execute(self, groups, settings, work):
        engine = _Engine(self, portable(settings, None))
        Fleet(engine, work, self.retries, patience=0).see_through(longest_first(groups))


class _Died(BaseException):
    pass


class _Engine:
    def __init__(self, chosen, settings):
        self.chosen, self.settings, self.jobs, self.dead = chosen, settings, {}, {}

    def submit(self, tasks):
        self.jobs = {group.key: list(names) for group, names in tasks}
        return list(self.jobs)

    def attach(self, group):
        return None

    def ended(self):
        jobs, self.jobs = self.jobs, {}
        return {key: self._work(key, names) for key, names in jobs.items()}

    def cancel(self):
        (self.settings.results / "cancelled").touch()

    def _work(self, key, names):
        from bench.training import checkpoint

        self.dead[key] = self.dead.get(key, 0) + 1
        if self.dead[key] > self.chosen.deaths:
            return at_work(names, self.settings)
        save, left = checkpoint.save, [self.chosen.after]

        def last(folder, learner):
            if not left[0]:
                raise _Died
            left[0] -= 1
            save(folder, learner)

        checkpoint.save = last
        try:
            return at_work(names, self.settings)
        except _Died:
            return "It died."
        finally:
            checkpoint.save = save
'''


@pytest.fixture
def shaky(plugin_folder: Path) -> Iterator[Path]:
    (plugin_folder / "shaky.py").write_text(dedent(SHAKY).lstrip())
    use_folders([plugin_folder])
    yield plugin_folder
    use_folders([])


def test_a_dead_workers_group_goes_on_from_its_checkpoint(shaky: Path, run_cells, tmp_path: Path) -> None:
    """Three deaths with an epoch each in between are no deaths in a row."""
    done = run_cells(tmp_path / "there", METHODS, "quick[epochs=4]", executor="shaky[deaths=3,after=1]")
    assert (done.ran, done.failed) == (2, {})
    run_cells(tmp_path / "here", METHODS, "quick[epochs=4]")
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == 2


def test_given_up_it_is_worker_lost_and_trained_by_nobody(shaky: Path, run_cells, tmp_path: Path) -> None:
    done = run_cells(tmp_path, METHODS, executor="shaky[deaths=2,retries=1]")
    assert set(done.failed.values()) == {"worker_lost: It died."}
    assert {record.status for record in Store(tmp_path).all()} == {"failed"}
    assert not list(tmp_path.rglob("*.npz"))
    again = run_cells(tmp_path, METHODS, executor="shaky")
    assert (again.ran, again.failed) == (2, {})


def test_what_stops_a_worker_stops_the_run(shaky: Path, run_cells, tmp_path: Path) -> None:
    """A failure of one method is a record; a device that a worker lacks concerns all."""
    with pytest.raises(UsageError, match=r": No device 'mps' here"):
        run_cells(tmp_path, METHODS, executor="shaky", device="mps")
    assert (tmp_path / "cancelled").exists()
    with pytest.raises(UsageError, match=r"Device cuda:1 has a number.*use --device cuda"):
        run_cells(tmp_path, METHODS, executor="shaky", device="cuda:1")
    assert not list(Store(tmp_path).all())


class Scripted:
    """An engine and the work that it does, by a script.

    Args:
        reports: What each job in turn ends with.
        attached: Groups' keys that have a job already.
        locked: How often each group's lock is found held.
    """

    def __init__(self, reports: list[Report | str], attached: Sequence[str] = (), **locked: int) -> None:
        self.reports, self.attached, self.locked = reports, attached, locked
        self.submitted: list[str] = []
        self.running: list[str] = []
        self.open: dict[str, tuple[str, ...]] = {}
        self.cancelled = False

    def submit(self, tasks: Sequence[tuple[Group, Sequence[str]]]) -> list[str]:
        self.submitted += [group.key for group, _ in tasks]
        self.running += [group.key for group, _ in tasks]
        return [group.key for group, _ in tasks]

    def attach(self, group: Group) -> str | None:
        if group.key in self.attached:
            self.running.append(group.key)
            return group.key
        return None

    def ended(self) -> Mapping[str, Report | str]:
        if not self.running:
            return {}
        job, report = self.running.pop(0), self.reports.pop(0)
        if isinstance(report, Report) and not report.busy and report.host != "elsewhere":
            self.open[job] = ()
        return {job: report}

    def cancel(self) -> None:
        self.cancelled = True

    def look(self, group: Group, failed: Sequence[str] = ()) -> Standing:
        return Standing(self.open.setdefault(group.key, ("cell",)), 0)

    def begun(self, groups: Sequence[Group]) -> list[Group]:
        return list(groups)

    def busy(self, group: Group) -> bool:
        self.locked[group.key] = self.locked.get(group.key, 0) - 1
        return self.locked[group.key] >= 0

    def say(self, what: str) -> None:
        pass


def see_through(script: Scripted, *keys: str) -> None:
    Fleet(script, script, retries=1, patience=0).see_through([Group(key, ()) for key in keys])  # type: ignore[arg-type]


def test_no_more_jobs_than_allowed_wait_or_run() -> None:
    keys = [f"group{number}" for number in range(5)]
    script = Scripted([Report("a") for _ in keys])
    most: list[int] = []

    class Counted(Fleet):
        def _running(self, job: str, group: Group, standing: Standing) -> None:
            super()._running(job, group, standing)
            most.append(len(self.jobs))

    groups = [Group(key, ()) for key in keys]
    Counted(script, script, retries=1, patience=0, queued=2).see_through(groups)  # type: ignore[arg-type]
    assert script.submitted == keys
    assert max(most) == 2


def test_a_job_left_behind_is_not_started_twice() -> None:
    script = Scripted([Report("a"), Report("b")], attached=["left"])
    see_through(script, "left", "new")
    assert script.submitted == ["new"]


def test_a_locked_group_is_started_when_it_is_free_and_still_open() -> None:
    script = Scripted([Report("a"), Report("b")], busy=3)
    see_through(script, "busy", "free")
    assert script.submitted == ["free", "busy"]


def test_a_worker_that_finds_a_group_busy_leaves_it_without_a_death() -> None:
    script = Scripted([Report("a", busy=True), "died", Report("a", busy=True), "died", Report("a")])
    with pytest.raises(AttributeError, match="lost"):  # two deaths in a row: given up
        see_through(script, "one")
    script = Scripted([Report("a", busy=True), Report("a", busy=True), "died", Report("a")])
    see_through(script, "one")
    assert script.submitted == ["one"] * 4


def test_a_record_that_is_not_here_names_the_host_and_the_fix() -> None:
    script = Scripted([Report("elsewhere")])
    with pytest.raises(UsageError, match=r"elsewhere has finished cell, but its record is not here.*same files"):
        see_through(script, "one")
    assert script.cancelled


def test_the_bar_shows_what_is_done_elsewhere(run_cells, tmp_path: Path, weights: Path) -> None:
    """Epochs as checkpoints come, cells as records come, and the failures' words."""
    from bench.cells.cell import Cell
    from bench.core.progress import Reporter
    from bench.engine.group_tracker import GroupWork
    from bench.engine.groups import group_cells
    from bench.engine.plan import Planner
    from bench.engine.settings import Settings
    from bench.grid.resolve import resolve_all
    from bench.training import checkpoint

    settings, store = Settings(results=tmp_path, weights=weights, device="cpu"), Store(tmp_path)
    name = "digits[shots=5]/tiny_vit/linear_probe/quick[epochs=3]/seed=0,data_seed=0"
    planner = Planner(settings)
    (group,) = group_cells(planner.plan(resolve_all([Cell.parse(name)], weights), store), fuse=True)
    with Reporter(1, 3, quiet=True) as reporter:
        work, seen, save = GroupWork(settings, planner, store, reporter), [], checkpoint.save

        def noted(folder: Path, learner: checkpoint.Learner) -> None:
            save(folder, learner)
            seen.append((work.begun([group]) == [group], work.busy(group), work.look(group).done))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoint, "save", noted)
            run_cells(tmp_path, ["linear_probe"], "quick[epochs=3]")
        assert seen == [(True, True, 1), (True, True, 2)]  # after the last epoch only the selected state is written
        assert work.look(group) == Standing((), 4)
        assert not work.busy(group)
        (bar,) = reporter.progress.tasks
        assert (bar.completed, bar.fields["cells"]) == (3, "1/1 cells")


def test_a_group_of_another_process_is_seen_as_busy(tmp_path: Path) -> None:
    from bench.core.locks import held

    group = Group("a group", ())
    lock = group.folder(tmp_path).with_suffix(".lock")
    assert lock.name == hashlib.sha256(b"a group").hexdigest()[:24] + ".lock"
    with held(lock, wait=True), held(lock, wait=False) as free:
        assert not free
    with FileLock(lock), held(lock, wait=False) as free:
        assert not free
