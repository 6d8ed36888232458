"""CLAdapter's forward and backward pass against the paper's equations written out with a (B, K, 256, 256) tensor.

    python -m perf.cladapter_forward [--repeats 5] [--parts attention head] [--k 20 100 300]

B = 32 images of N = 196 tokens of D = 768 channels, for K in 20, 100, 300: the cluster attention alone, and the whole
head. Times are medians of alternated runs; peak memory is measured in a process of its own for each case.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from bench.baselines.cladapter import Block, CLAdapterHead, ClusterAttention
from bench.core.environment import choose_device
from perf.common import alternated, machine, table

BATCH, TOKENS, DIM, WIDTH = 32, 196, 768, 256
K_VALUES = (20, 100, 300)
PARTS = ("attention", "head")
WAYS = ("ours", "expanded")


class Expanded(ClusterAttention):
    """The same numbers with every image's K weighted matrices built one by one before they are summed."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        weighted = self.weights(tokens)[:, :, None, None] * self.matrices[None]  # (B, K, R, R)
        return self.up(self.down(tokens) @ weighted.sum(1))


def build(part: str, way: str, k: int) -> nn.Module:
    """One part with random weights, equal for both ways."""
    torch.manual_seed(0)
    head = CLAdapterHead(DIM, 7, k, WIDTH, 4 * DIM)
    block = cast(Block, head.blocks[0])
    if way == "expanded":
        expanded = Expanded(DIM, k, WIDTH, "channel")
        expanded.load_state_dict(block.attention.state_dict())
        block.attention = expanded
    return (block.attention if part == "attention" else TokensOnly(head)).to(choose_device(None))


class TokensOnly(nn.Module):
    """A head on tokens alone."""

    def __init__(self, head: CLAdapterHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head.classifier(self.head.adapt(tokens).mean(1))
        return logits


def step(module: nn.Module, tokens: Tensor) -> Tensor:
    """Forward and backward; returns the output."""
    module.zero_grad(set_to_none=True)
    output: Tensor = module(tokens)
    output.square().mean().backward()
    return output.detach()


def tokens() -> Tensor:
    """(BATCH, TOKENS, DIM), standard normal."""
    return torch.randn(BATCH, TOKENS, DIM, generator=torch.Generator().manual_seed(1)).to(choose_device(None))


def reset_peak() -> None:
    """Forget the peak of what came before (imports, building the model)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Peak bytes since `reset_peak`, allocated on the device or resident in the process (Linux)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def memory(part: str, way: str, k: int) -> float:
    """MiB that one step needs beyond weights and input, measured in a process of its own."""
    command = [sys.executable, "-m", "perf.cladapter_forward", "--measure", part, way, str(k)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(part: str, way: str, k: int) -> None:
    """Print the MiB of one step."""
    module, x = build(part, way, k), tokens()
    reset_peak()
    before = peak()
    step(module, x)
    print((peak() - before) / 2**20)


def seconds(part: str, k: int, repeats: int) -> dict[str, float]:
    """Median seconds of a step both ways, after the outputs have been compared."""
    x = tokens()
    modules = {way: build(part, way, k) for way in WAYS}
    torch.testing.assert_close(step(modules["ours"], x), step(modules["expanded"], x), rtol=1e-3, atol=1e-3)
    ways: dict[str, Callable[[], Tensor]] = {way: partial(step, module, x) for way, module in modules.items()}
    return alternated(ways, repeats)


def row(part: str, k: int, repeats: int) -> tuple[str, ...]:
    """One line of the table."""
    times = seconds(part, k, repeats)
    peaks = {way: memory(part, way, k) for way in WAYS}
    return (
        part, str(k),
        *(f"{times[way]:.2f} s" for way in WAYS), f"{times['expanded'] / times['ours']:.2f}",
        *(f"{peaks[way]:.0f} MiB" for way in WAYS), f"{peaks['expanded'] / peaks['ours']:.1f}",
    )  # fmt: skip


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--k", nargs="+", type=int, default=K_VALUES)
    parser.add_argument("--measure", nargs=3, metavar=("PART", "WAY", "K"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        part, way, k = options.measure
        measure(part, way, int(k))
        return
    print(machine(), "\n")
    heading = ("part", "K", "time, ours", "expanded", "ratio", "peak memory, ours", "expanded", "ratio")
    print(table([heading]))
    for part in options.parts:
        for k in options.k:
            print("| " + " | ".join(row(part, k, options.repeats)) + " |", flush=True)


if __name__ == "__main__":
    main()
