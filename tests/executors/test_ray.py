"""Ray on 127.0.0.1: workers and nodes that die, requests that nobody can satisfy, folders and threads of the driver."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from clusters import children, listening, until
from compared import assert_same_results

from bench.core.errors import UsageError
from bench.engine.run import executor_of
from bench.engine.settings import Settings
from bench.executors.ray import ENVIRONMENT, connected
from bench.plugins.folders import use_folders
from bench.records import Store

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings
pytest.importorskip("ray", reason="the extra ray is not installed")

METHOD = '''
"""A linear probe under another name."""
from bench.baselines.linear_probe import LinearProbe


class Probe(LinearProbe):
    """A linear probe of one's own."""
'''


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_killed_workers_go_on_and_give_the_records_of_one_process(
    two_threads: None, run_cells, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative folders, a plug-in of the user's, two threads, and each group's first worker killed after two epochs."""
    monkeypatch.chdir(tmp_path)
    Path("weights").symlink_to(weights)
    Path("plugins").mkdir()
    Path("plugins/probe.py").write_text(METHOD.lstrip())
    use_folders([Path("plugins")])
    methods, settings = (
        ["probe", "majority", "full_finetune"],
        {"recipe": "quick[epochs=3]", "weights": Path("weights")},
    )
    run_cells(Path("here"), methods, **settings)
    monkeypatch.setenv("BENCH_FAULT", "kill:progress-placed:2")
    done = run_cells(
        Path("there"), methods, **settings, executor="ray[workers=2,retries=1]", plugins=(Path("plugins"),)
    )
    use_folders([])
    assert (done.ran, done.failed) == (3, {})
    assert assert_same_results(Path("there"), Path("here")) == 3
    assert {record.hardware.threads for record in Store(Path("there")).all()} == {2}
    assert not (tmp_path / "there" / "weights").exists()


def test_too_many_gpus_for_this_machine() -> None:
    with pytest.raises(UsageError, match=r"GPUs, and ray\[gpus=64\] asks for more"):
        executor_of("ray[gpus=64]").check(Settings())


def test_indexed_devices_and_workers_of_a_cluster_are_refused() -> None:
    with pytest.raises(UsageError, match="use --device cuda"):
        executor_of("ray").check(Settings(device="cuda:1"))
    with pytest.raises(UsageError, match=r"ray\[workers\] is for Ray on this machine"):
        executor_of("ray[address=auto,workers=2]").check(Settings())


def test_a_node_dies_and_the_other_does_its_work(run_cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two nodes of one worker each. Before, the same cluster is asked for a GPU that it does not have."""
    for name, value in {**ENVIRONMENT, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "7" * 64}.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    methods, recipe = ["linear_probe", "full_finetune"], "quick[epochs=30]"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        with pytest.raises(UsageError, match=r"No node of the 3 in Ray has 1 CPU, 1 GPU"):
            run_cells(tmp_path / "there", methods, recipe, executor=f'ray[address="{cluster.address}",gpus=1]')
        assert not list((tmp_path / "there" / ".checkpoints").glob("*/"))

        def kill() -> None:
            until(lambda: len(list((tmp_path / "there").glob(".checkpoints/*/*/progress.json"))) == 2)
            os.kill(nodes[0].all_processes["raylet"][0].process.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        done = run_cells(tmp_path / "there", methods, recipe, executor=f'ray[address="{cluster.address}"]')
        killer.join()
    finally:
        cluster.shutdown()
    assert (done.ran, done.failed) == (2, {})
    run_cells(tmp_path / "here", methods, recipe)
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == 2


def test_nothing_listens_beyond_this_machine_and_nothing_stays() -> None:
    with connected("local", 1, debug=False) as ray:
        processes = list(children(os.getpid()))
        assert len(processes) > 2
        assert listening(processes) == {"127.0.0.1"}
        assert ray.is_initialized()
    assert not ray.is_initialized()
    until(lambda: not [pid for pid in processes if Path(f"/proc/{pid}/cmdline").exists()])
