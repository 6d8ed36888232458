"""DoRA: LoRA on the direction of the weights, with a trained magnitude."""

from __future__ import annotations

from bench.baselines.lora import LoRA


class DoRA(LoRA):
    """DoRA (Liu et al., ICML 2024): LoRA on the weights' direction, with trained norms; needs the `peft` library."""

    weight_decomposed = True
