"""DSB2018 on EfficientNet-Lite0: what a convolutional net carries of `leaderboard_instances`.

AdaptFormer, Mona and VFM-Adapter sit in Transformer blocks, which it does not have. ``bench table dsb2018`` shows both
backbones.
"""

_base_ = "leaderboard_instances.py"

backbone = "lite0"
methods = ["typical_objects", "linear_probe", "bitfit", "lora", "full_finetune"]
