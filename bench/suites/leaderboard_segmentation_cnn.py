"""Hippocampus slices on EfficientNet-Lite0: what a convolutional net carries of `leaderboard_segmentation`.

AdaptFormer, Mona and VFM-Adapter sit in Transformer blocks, which it does not have. ``bench table hippocampus_slices``
shows both backbones.
"""

_base_ = "leaderboard_segmentation.py"

backbone = "lite0"
methods = ["majority_pixel", "linear_probe", "bitfit", "lora", "full_finetune"]
