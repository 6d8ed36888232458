"""Slurm on 127.0.0.1, and submitit's processes in its place: kills, requeues, a driver that goes and comes back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import bench, slurm, slurm_here, until
from compared import assert_same_results

from bench.core.errors import UsageError
from bench.engine.settings import Settings
from bench.executors.base import executor_of
from bench.executors.slurm import Slurm

pytestmark = [pytest.mark.slow, pytest.mark.cluster]
pytest.importorskip("submitit", reason="the extra slurm is not installed")

CELLS = [f"digits[shots=5]/tiny_vit/{m}/quick[epochs=3]/seed=0,data_seed=0" for m in ("linear_probe", "full_finetune")]
METHODS = ["linear_probe", "full_finetune"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real Slurm of two cores."""
    if why := slurm_here():
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="s") as place, slurm(Path(place), 2) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield


def queue() -> list[str]:
    """What waits or runs: job and state."""
    return subprocess.run(["squeue", "-h", "-r", "-o", "%i %T"], capture_output=True, text=True).stdout.splitlines()


def test_options_become_what_sbatch_reads(tmp_path: Path) -> None:
    file = tmp_path / "options.sh"
    file.write_text("#!/bin/bash\n#SBATCH --reservation=mine\n#SBATCH --exclusive\n\nmodule load cuda\n")
    executor = executor_of(f'slurm[partition=gpu,time=2d,array=8,memory_gb=16,options="{file}"]')
    assert isinstance(executor, Slurm)
    assert executor.parameters(Settings(threads=4)) == {
        "name": "bench",
        "timeout_min": 2880,
        "cpus_per_task": 4,
        "mem_gb": 16,
        "gpus_per_node": 1,
        "slurm_array_parallelism": 8,
        "slurm_partition": "gpu",
        "slurm_additional_parameters": {"reservation": "mine", "exclusive": True},
        "slurm_setup": ["module load cuda"],
    }
    assert "gpus_per_node" not in executor.parameters(Settings(threads=4, device="cpu"))


def test_wrong_options() -> None:
    with pytest.raises(UsageError, match="slurm"):
        executor_of("slurm[time=forever]")
    with pytest.raises(UsageError, match=r"no file nowhere\.sh"):
        executor_of("slurm[options=nowhere.sh]").check(Settings())


def test_processes_in_the_place_of_jobs_and_one_kill(
    run_cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job dies once, after two epochs of three."""
    run_cells(tmp_path / "here", ["full_finetune"], "quick[epochs=3]")
    monkeypatch.setenv("BENCH_FAULT", "kill:progress-placed:2")
    done = run_cells(
        tmp_path / "there", ["full_finetune"], "quick[epochs=3]", executor="slurm[cluster=local,poll=0.3,retries=1]"
    )
    assert (done.ran, done.failed) == (1, {})
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == 1
    assert not list((tmp_path / "there").rglob("*.job"))


def test_a_driver_dies_the_next_one_attaches_and_a_killed_job_goes_on(
    cluster: None, run_cells, weights: Path, tmp_path: Path
) -> None:
    """One array of two jobs: one is killed by kill -9, one is requeued by Slurm, and the driver is killed too."""
    run_cells(tmp_path / "here", METHODS, "quick[epochs=3]")
    there, command = tmp_path / "there", ["run", *CELLS, "--weights", "weights", "--results", "there", "-q"]
    (tmp_path / "weights").symlink_to(weights)
    command += ["--device", "cpu", "--executor", "slurm[time=30m,poll=0.5,retries=1,threads=1]"]
    command += ["--checkpoint-every", "0"]
    hold = {"BENCH_FAULT": "kill:progress-placed:2"}  # each job's first process ends itself after two epochs
    first = bench(*command, cwd=tmp_path, **hold)
    until(lambda: len(list(there.glob(".checkpoints/*.job"))) == 2 and len(queue()) == 2)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    until(lambda: "RUNNING" in " ".join(queue()))
    requeued = queue()[0].split()[0]
    subprocess.run(["scontrol", "requeue", requeued], check=True)
    until(lambda: f"{requeued} PENDING" in queue())
    subprocess.run(["scontrol", "update", f"jobid={requeued}", "starttime=now"], check=True)  # else in two minutes
    second = bench(*command, cwd=tmp_path)
    output, errors = second.communicate()
    assert second.returncode == 0, output + errors
    assert assert_same_results(there, tmp_path / "here") == 2
    scripts = [file.read_text() for file in (there / ".slurm").glob("*submission.sh")]
    arrays = [re.search(r"--array=0-(\d+)", script) for script in scripts]
    tasks = sum(int(found.group(1)) + 1 if found else 1 for found in arrays)
    assert tasks == 4, scripts  # two by the first driver; of the second, one for each that died, and no other


def test_a_request_that_slurm_refuses(cluster: None, run_cells, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sbatch refused: .*(gres|GRES|configuration)"):
        run_cells(tmp_path, METHODS, executor="slurm[gpus=1]", device="cpu")
    with pytest.raises(UsageError, match=r"Slurm will never start job \d+.*PartitionTimeLimit"):
        run_cells(tmp_path, ["linear_probe"], executor="slurm[time=2d,poll=0.5,threads=1]", device="cpu")
    until(lambda: not queue())


def test_ctrl_c_cancels_what_was_submitted(cluster: None, weights: Path, tmp_path: Path) -> None:
    command = ["run", *CELLS, "--weights", weights, "--results", tmp_path, "--device", "cpu"]
    running = bench(*command, "--executor", "slurm[time=30m,poll=0.5,threads=1]", BENCH_FAULT="")
    until(lambda: len(queue()) == 2)
    os.kill(running.pid, signal.SIGINT)
    _, errors = running.communicate()
    assert (running.returncode, "stopped" in errors) == (130, True)
    until(lambda: not queue())
    assert not list(tmp_path.rglob("*.job"))
