"""300 photographs of seven classes, as a person has them: which way of adapting an ImageNet model works best?

Photographs of PACS, split anew for each of five seeds: 180 train, 60 select, 60 test. Methods, trials and sizes are
those of `own`, which does this with a folder of your own; beside them L2-SP and the interpolation of WiSE-FT.
"""

_base_ = "own.py"

dataset = "pacs[protocol=photos]"
methods = [
    "majority",
    "knn",
    "ridge",
    "logistic",
    "linear_probe",
    "cladapter[tuning=frozen,k=5,bottleneck=64,mlp_ratio=0.25]",
    "lora",
    "full_finetune",
    "l2_sp",
    "wise_ft",
]
seeds = [0, 1, 2, 3, 4]
