"""Ray and Slurm on 127.0.0.1, for tests, and runs of the program as a person would start them."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=2
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
"""


def environment(**changes: str) -> dict[str, str]:
    """What a new process of this program needs: the tests' caches, one thread, the checkout on its path."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **changes}


def bench(*arguments: object, cwd: Path | None = None, **changes: str) -> subprocess.Popen[str]:
    """``bench ARGUMENTS`` in a process of its own."""
    command = [sys.executable, "-c", "from bench.cli.app import main; main()", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(**changes), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(what: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is so; fail when it never is."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def children(pid: int) -> Iterator[int]:
    """Processes below one, the deepest last."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    for child in map(int, listed.read_text().split() if listed.exists() else []):
        yield child
        yield from children(child)


def listening(pids: Collection[int]) -> set[str]:
    """Addresses at which processes listen for TCP, IPv6's way to write those of IPv4 undone."""
    opened = [file for pid in pids for file in Path(f"/proc/{pid}/fd").glob("*") if file.is_symlink()]
    sockets = {os.readlink(file).partition(":")[2].strip("[]") for file in opened}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()]
    found = [row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets]
    return {socket.inet_ntoa(bytes.fromhex(address[-8:])[::-1]) for address in found}


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens at."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def daemons(*commands: list[str], log: Path, env: dict[str, str]) -> Iterator[None]:
    """Processes in the foreground of their own, ended afterwards."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("ab") as file:
            for command in commands:
                started.append(subprocess.Popen(command, env=env, stdout=file, stderr=file))
        yield
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)


def slurm_here() -> str:
    """Why there can be no Slurm here, or nothing."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "squeue") if not _program(name)]
    return f"no {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client munge" if missing else ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def slurm(place: Path, cpus: int) -> Iterator[dict[str, str]]:
    """A Slurm of one node without accounting, on 127.0.0.1 alone.

    Args:
        place: A folder with a short path, for sockets.
        cpus: Of the node.

    Yields:
        The environment in which its commands work.
    """
    for name in ("state", "spool"):
        (place / name).mkdir()
    key, host = place / "munge.key", socket.gethostname().partition(".")[0]
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    conf = SLURM_CONF.format(host=host, place=place, user=getpass.getuser(), ports=free_ports(2), cpus=cpus)
    (place / "slurm.conf").write_text(conf)
    names = {"key-file": key, "socket": place / "munge.socket", "pid-file": place / "munge.pid"}
    names |= {"log-file": place / "munge.log", "seed-file": place / "munge.seed"}
    munged = [str(_program("munged")), "-F", "--force", *(f"--{name}={file}" for name, file in names.items())]
    env = {**os.environ, "SLURM_CONF": str(place / "slurm.conf")}
    controller, node = [str(_program("slurmctld")), "-D", "-i"], [str(_program("slurmd")), "-D"]
    with daemons(munged, log=place / "log", env=env):
        until((place / "munge.socket").exists)
        with daemons(controller, node, log=place / "log", env=env):
            until(lambda: b"idle" in subprocess.run(["sinfo", "-h"], env=env, capture_output=True).stdout)
            try:
                yield {"SLURM_CONF": env["SLURM_CONF"]}
            finally:  # what still runs would outlive the daemons
                subprocess.run(["scancel", "--me"], env=env, check=True)
                until(lambda: not subprocess.run(["squeue", "-h"], env=env, capture_output=True).stdout)
