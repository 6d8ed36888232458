"""Few-shot adapters on ImageNet-1000, CLIP ViT-B/32: the given 1- and 2-shot supports, the 4-shot rows as test.

The test rows are means of augmented views of training images, and there is no validation data: one learning rate for
every method and the last epoch. Seeds change the initialisation and the order only. Zero-shot is 61.1 % (n = 4,000).
"""

dataset = "clip_features"
subset = "imagenet"
protocol = ["listed_1", "listed_2"]
backbone = "cached"
recipe = dict(name="few_shot", epochs=20, lr=1e-3, lr_grid=[[]])
methods = [
    "majority",
    "knn",
    "zero_shot",
    "tip_adapter",
    "tip_adapter_f",
    "clip_adapter",
    "taskres",
    "text_probe",
    "clap",
    "lathadapter",
]
seeds = [0, 1, 2]
