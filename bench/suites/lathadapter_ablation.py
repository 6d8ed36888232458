"""LatHAdapter without its regulariser, in flat space, and whole; beside zero-shot and the plain adapter.

A reimplementation from the abstract (docs/lathadapter.md), so these rows say what the idea does here, not what the
paper's numbers are.
"""

dataset = dict(name="clip_features", subset=["oxford_pets", "caltech101"], shots=[4, 16], val_shots=4)
backbone = "cached"
recipe = "few_shot"
methods = [
    "majority",
    "knn",
    "zero_shot",
    "clip_adapter",
    dict(name="lathadapter", weight=[0.5, 0.0], geometry=["hyperbolic", "euclidean"]),
]
seeds = [0, 1, 2]
