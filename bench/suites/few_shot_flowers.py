"""The image side alone: probes on CLIP ViT-B/32 features of Oxford Flowers, whose class names have no text features."""

dataset = [
    dict(name="clip_features", subset="oxford_flowers", named=False, shots=1, val_shots=1),
    dict(name="clip_features", subset="oxford_flowers", named=False, shots=[4, 16], val_shots=4),
]
backbone = "cached"
recipe = "few_shot"
methods = ["majority", "knn", "linear_probe", "ridge", "logistic"]
seeds = [0, 1, 2]
