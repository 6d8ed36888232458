"""What the embedded default shows: floors and trained methods on 20 handwritten digits a class."""

dataset = "digits"
backbone = "pico"
recipe = "quick"
epochs = 5
head_epochs = 40
lr = 5e-3
backbone_lr = 1e-3
methods = [
    "majority",
    "knn",
    "logistic",
    "linear_probe",
    "full_finetune",
    "staged_finetune",
    dict(name="cladapter", tuning=["frozen", "staged"]),
]
seeds = [0, 1, 2]
