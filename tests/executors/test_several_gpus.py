"""The documented line for several GPUs of one machine, with two processes on the CPU in their place."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from clusters import ROOT, environment
from compared import assert_same_results

from bench.records.evaluation_log import read

pytestmark = pytest.mark.slow

METHODS = ["linear_probe", "full_finetune", "majority", "knn"]


def test_one_line_starts_a_process_a_gpu(run_cells, weights: Path, tmp_path: Path) -> None:
    (line,) = re.findall(r"^for i in .*$", (ROOT / "docs" / "cluster.md").read_text(), re.MULTILINE)
    cells = [f"digits[shots=5]/tiny_vit/{m}/quick[epochs=3]/seed=0,data_seed=0" for m in METHODS]
    options = ["--weights", str(weights), "--results", str(tmp_path / "there"), "--device", "cpu"]
    line = line.replace("0 1 2 3", "0 1").replace("quick", shlex.join([*cells, *options]))
    program = shlex.join([sys.executable, "-c", "from bench.cli.app import main; main()"])
    script = f'bench() {{ {program} "$@" || touch {tmp_path}/failed; }}\n{line}\n'
    done = subprocess.run(["sh", "-c", script], env=environment(), capture_output=True, text=True)
    assert not (tmp_path / "failed").exists(), done.stderr
    run_cells(tmp_path / "here", METHODS, "quick[epochs=3]")
    assert assert_same_results(tmp_path / "there", tmp_path / "here") == len(METHODS)
    looked = Counter(evaluation.cell for evaluation in read(tmp_path / "there"))
    assert set(looked.values()) == {1}, "a cell was carried out twice"
