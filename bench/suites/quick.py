"""What the embedded default shows: trivial baselines and trained methods on 20 handwritten digits a class.

No network and no download: scikit-learn's digits on the embedded backbone `pico`, three seeds. Heads on the frozen
backbone train for 40 epochs on kept features, stages that train the backbone for 5. Test accuracy in percent with its
95 % interval, on other machines to within about a point:

    majority                     9.9
    knn                         90.7  [89.1, 92.1]
    logistic                    95.4  [94.1, 96.3]
    linear_probe                93.0  [91.5, 94.2]
    full_finetune               95.8  [94.6, 96.8]
    staged_finetune             93.7  [91.7, 95.3]
    cladapter[tuning=frozen]    92.8  [91.3, 94.1]
    cladapter, staged           94.2  [92.8, 95.3]

full_finetune, logistic, cladapter and staged_finetune are not significantly different.
"""

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
