"""BCCD on EfficientNet-Lite0: what a convolutional net carries of `leaderboard_detection`.

AdaptFormer, Mona and VFM-Adapter sit in Transformer blocks, which it does not have. ``bench table bccd`` shows both
backbones.
"""

_base_ = "leaderboard_detection.py"

backbone = "lite0"
methods = ["typical_objects", "linear_probe", "bitfit", "lora", "full_finetune"]
