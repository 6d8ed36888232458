"""BreastMNIST whole (546/78/156) and PneumoniaMNIST at about 800 + 200 training images, tuned alike; 3 seeds.

Both are unbalanced (73 % and 63 % of the test images are of one class): look at all three metrics,
``bench table medmnist --stages --metrics accuracy,balanced_accuracy,auc``. Images are 28 px, enlarged to 64 px.
"""

datasets = [
    "medmnist[subset=breastmnist]",
    "medmnist[subset=pneumoniamnist,fraction=0.17,val_fraction=0.38]",
]
backbone = "deit_tiny"
image_size = 64
recipe = "tuned_small"
methods = [
    "majority",
    "knn",
    "ridge",
    "linear_probe",
    "full_finetune",
    "staged_finetune",
    "lora",
    dict(name="cladapter", tuning=["frozen", "staged"]),
]
seeds = [0, 1, 2]
