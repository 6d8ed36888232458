"""Few-shot adapters on CLIP ViT-B/32 features: which differs significantly from zero-shot at all.

Oxford Pets (25 of 37 classes) and Caltech101 (58 of 100), those whose names have text features, so nothing here
compares with published numbers on all classes. Supports are drawn from the 16-shot pool by each seed, nested over
shots; validation has as many labels a class as training, at most 4. Zero-shot is 92.07 % (n = 2,483) and 94.97 %
(n = 1,709).

``bench table clip_features`` for the numbers, ``bench plot curves clip_features[subset=oxford_pets]`` for the figure.
`few_shot_imagenet`, `few_shot_base_to_new` and `lathadapter_ablation` are the other parts, `few_shot_flowers` the image
side of a set without text. Released choices that select on test are ``-o protocol=test_selected_16``: their rows are
marked and stand apart.
"""

dataset = [
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], shots=1, val_shots=1),
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], shots=2, val_shots=2),
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], shots=4, val_shots=4),
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], shots=8, val_shots=4),
    dict(name="clip_features", subset=["oxford_pets", "caltech101"], shots=16, val_shots=4),
]
backbone = "cached"
recipe = "few_shot"
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
    dict(name="graph_adapter", image_nodes="unit_scaled"),
    "lathadapter",
]
seeds = [0, 1, 2]
