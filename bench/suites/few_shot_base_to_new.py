"""Base to new on ImageNet 500/500, CLIP ViT-B/32: trained on two rows of each base class, tested on both halves.

Each half is judged among its own classes. Zero-shot: base 65.9, new 63.6. Tip-Adapter, TaskRes and the probes have
weights of their own for each class, so that on new classes they stay at zero-shot; the others carry over. To show:
``bench table protocol=base_to_new --metrics base,new,harmonic``.
"""

dataset = "clip_features"
subset = "imagenet"
protocol = "base_to_new"
backbone = "cached"
recipe = dict(name="few_shot", epochs=20, lr=1e-3, lr_grid=[[]])
methods = [
    "majority",
    "knn",
    "zero_shot",
    "tip_adapter",
    "clip_adapter",
    "taskres",
    "clap",
    dict(name="lathadapter", weight=[0.5, 0.0], geometry=["hyperbolic", "euclidean"]),
]
seeds = [0, 1, 2]
