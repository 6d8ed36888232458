"""Your own images with several labels each: which way of adapting a small CNN recognises them best.

    bench run own_labels -o "dataset=csv_images[path=tags.csv,task=multilabel,label_columns=[rust,crack]]" --data data

Trivial baselines, ridge regression and four trained methods on `lite0`, which comes with the package, at 112 px, three
seeds; learning rates are compared on the validation split (recipe `own`).
"""

_base_ = "own.py"

dataset = "csv_images[task=multilabel]"
backbones = ["lite0"]
methods = [
    "majority",
    "knn",
    "ridge",
    "linear_probe",
    "cladapter[tuning=frozen,k=5,bottleneck=64,mlp_ratio=0.25]",
    "lora",
    "full_finetune",
]
