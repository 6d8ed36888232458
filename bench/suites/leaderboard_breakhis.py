"""BreakHis at 100X, benign or malignant: folds drawn by image, as published, against folds drawn by patient.

The same images, methods and budget; what separates the two protocols is that patients of the training split are in the
test split. Five data seeds draw five sets of folds, since 27 slides make one draw a matter of luck. Images are 96 px.

``bench table breakhis --stages --metrics accuracy,balanced_accuracy,auc`` shows the two blocks.
"""

dataset = dict(name="breakhis", protocol=["image_resampled", "patient_resampled"], magnification=100, n_classes=2)
backbone = "deit_tiny"
image_size = 96
recipe = "tuned_small"
methods = [
    "majority",
    "knn",
    "ridge",
    "linear_probe",
    "full_finetune",
    dict(name="cladapter", tuning=["frozen", "staged"]),
]
seeds = [0, 1, 2, 3, 4]
