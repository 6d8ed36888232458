"""Hippocampus slices on EfficientNet-Lite0: of `leaderboard_segmentation`, the methods that a convolutional net carries.

AdaptFormer, Mona and VFM-Adapter sit in Transformer blocks, which it does not have. ``bench table hippocampus_slices``
shows both backbones.
"""

_base_ = "leaderboard_segmentation.py"

backbone = "lite0"
methods = ["majority_pixel", "linear_probe", "bitfit", "lora", "full_finetune"]
