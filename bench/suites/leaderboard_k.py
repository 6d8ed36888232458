"""CLAdapter's number of centres K, on three data sets with 5 seeds: does any K differ significantly from another?

The nine values of the paper (Table 4: one run of each, on BreakHis) on the frozen backbone DeiT-Tiny at 96 px, where
all of them train in one pass over kept features, at the one learning rate that validation chose for K=20 on PACS.
Beside them k nearest neighbours and ridge regression.

``bench table FILTER`` says what differs significantly; ``bench plot sweep FILTER`` draws it, beside the published
points.
"""

datasets = [
    "pacs[protocol=paper,fraction=0.5,val_fraction=0.03]",
    "breakhis[protocol=patient_resampled,magnification=100,n_classes=2]",
    "medmnist[subset=breastmnist]",
]
backbone = "deit_tiny"
image_size = 96
recipe = dict(name="tuned_small", lr=1e-3, lr_grid=[[]], coarse_lr_grid=[[]], backbone_lr_grid=[[]], halve_at=[[]])
methods = [
    "majority",
    "knn",
    "ridge",
    dict(name="cladapter", k=[5, 10, 15, 20, 25, 30, 100, 200, 300], tuning="frozen"),
]
seeds = [0, 1, 2, 3, 4]
