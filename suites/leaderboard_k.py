"""CLAdapter's number of centres K, on three data sets with 5 seeds: can any K be told from another?

The nine values of the paper (Table 4: one run of each, on BreakHis) on the frozen backbone DeiT-Tiny at 96 px, where
all of them train in one pass over kept features, beside the linear probe and ridge regression.

``bench table --stages`` says what the statistics say; ``bench plot k --out k.png`` draws it with the published points.
"""

datasets = [
    "pacs[protocol=paper,fraction=0.5,val_fraction=0.03]",
    "breakhis[protocol=patient_resampled,magnification=100,n_classes=2]",
    "medmnist[subset=breastmnist]",
]
backbone = "deit_tiny"
image_size = 96
recipe = "tuned_small"
methods = [
    "majority",
    "knn",
    "ridge",
    "linear_probe",
    dict(name="cladapter", k=[5, 10, 15, 20, 25, 30, 100, 200, 300], tuning="frozen"),
]
seeds = [0, 1, 2, 3, 4]
