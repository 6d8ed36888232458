"""Ray on 127.0.0.1: workers and nodes that die, requests that nobody can satisfy, folders and threads of the driver."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from clusters import ROOT, bench, environment, parent, until
from compared import assert_same_results

from bench.core.errors import UsageError
from bench.engine.settings import Settings
from bench.executors.base import executor_of
from bench.executors.ray_session import ENVIRONMENT, ONE_MACHINE
from bench.plugins.folders import use_folders
from bench.records import Store

pytestmark = [pytest.mark.slow, pytest.mark.cluster]
if not importlib.util.find_spec("ray"):
    pytest.skip("the extra ray is not installed", allow_module_level=True)

METHOD = '''
"""A linear probe under another name."""
from bench.baselines.linear_probe import LinearProbe


class Probe(LinearProbe):
    """A linear probe of one's own."""
'''
NODES = """
import json, sys
from ray.cluster_utils import Cluster

small = {"object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **small})
nodes = [cluster.add_node(num_cpus=1, **small) for _ in range(2)]
print(json.dumps([cluster.address, [node.all_processes["raylet"][0].process.pid for node in nodes]]), flush=True)
sys.stdin.read()
cluster.shutdown()
"""
LISTENING = """
import json, os
from clusters import children, listening
from bench.executors.ray_session import connected

with connected("local", 1, debug=False):
    processes = list(children(os.getpid()))
    print(json.dumps([processes, sorted(listening(processes))]))
"""


def names(methods: list[str], epochs: int) -> list[str]:
    """The cells that the fixture `run_cells` runs."""
    return [f"digits[shots=5]/tiny_vit/{m}/quick[epochs={epochs}]/seed=0,data_seed=0" for m in methods]


@contextmanager
def nodes() -> Iterator[tuple[str, list[int], dict[str, str]]]:
    """A Ray cluster on 127.0.0.1 of a head and two nodes of one worker each.

    Yields:
        Its address, the processes of the two nodes' raylets, and the environment that reaches it.
    """
    env = environment(**ENVIRONMENT, **ONE_MACHINE, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="7" * 64)
    command = [sys.executable, "-c", NODES]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        address, raylets = json.loads((cluster.stdout or io.StringIO()).readline())
        yield address, raylets, env
        cluster.communicate()


def test_killed_workers_go_on_and_give_the_records_of_one_process(run_cells, weights: Path, tmp_path: Path) -> None:
    """Relative folders, a plug-in of the user's, two threads, and each group's first worker killed after two epochs."""
    methods = ["probe", "majority", "full_finetune"]
    (tmp_path / "weights").symlink_to(weights)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "probe.py").write_text(METHOD.lstrip())
    command = ["run", *names(methods, 3), "-q", "--weights", "weights", "--results", "there", "--plugins", "own"]
    command += ["--device", "cpu", "--executor", "ray[workers=2,retries=1]"]
    driver = bench(*command, cwd=tmp_path, OMP_NUM_THREADS="2", BENCH_FAULT="kill:progress-placed:2")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        use_folders([tmp_path / "own"])
        run_cells(tmp_path / "here", methods, "quick[epochs=3]")
    finally:
        torch.set_num_threads(before)
        use_folders([])
    _, errors = driver.communicate()
    assert driver.returncode == 0, errors
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == 3
    assert {record.hardware.threads for record in Store(tmp_path / "there").all()} == {2}


def test_requests_that_this_machine_cannot_satisfy() -> None:
    with pytest.raises(UsageError, match=r"GPUs, and ray\[gpus=64\] asks for more"):
        executor_of("ray[gpus=64]").check(Settings())
    with pytest.raises(UsageError, match="use --device cuda"):
        executor_of("ray").check(Settings(device="cuda:1"))
    with pytest.raises(UsageError, match=r"ray\[workers\] is for Ray on this machine"):
        executor_of("ray[address=auto,workers=2]").check(Settings())


def test_a_node_dies_and_the_other_does_its_work(run_cells, weights: Path, tmp_path: Path) -> None:
    """The node whose worker has trained an epoch. Before, the cluster is asked for a GPU that none of its nodes has."""
    there, command = tmp_path / "there", ["run", *names(["full_finetune"], 40), "-q", "--device", "cpu"]
    command += ["--weights", str(weights), "--results", str(tmp_path / "there"), "--executor"]
    with nodes() as (address, raylets, env):
        asking = bench(*command, f'ray[address="{address}",gpus=1]', **env)
        _, told = asking.communicate()
        assert asking.returncode == 2
        assert "No node of the 3 in Ray has 1 CPU, 1 GPU" in told
        driver = bench(*command, f'ray[address="{address}"]', **env)
        until(lambda: list(there.glob(".checkpoints/*/*/progress.json")) or driver.poll() is not None)
        (at_it,) = there.glob(".checkpoints/*/group.json")
        victim = parent(json.loads(at_it.read_text())["process"])
        assert victim in raylets
        os.kill(victim, signal.SIGKILL)
        _, errors = driver.communicate()
    assert driver.returncode == 0, errors
    run_cells(tmp_path / "here", ["full_finetune"], "quick[epochs=40]")
    assert assert_same_results(there, tmp_path / "here") == 1


def test_nothing_listens_beyond_this_machine_and_nothing_stays() -> None:
    env = environment()
    env["PYTHONPATH"] += os.pathsep + str(ROOT / "tests" / "helpers")
    done = subprocess.run([sys.executable, "-c", LISTENING], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    processes, addresses = json.loads(done.stdout)
    assert len(processes) > 2
    assert addresses == ["127.0.0.1"]
    until(lambda: not [pid for pid in processes if Path(f"/proc/{pid}").exists()])
