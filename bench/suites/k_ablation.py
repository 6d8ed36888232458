"""The number of cluster centres K in CLAdapter (its Table 4), on BreakHis with ViT-B of LAION-2B.

Published accuracy and F1 (``2PR/(P+R)`` of the macro averages, metric ``paper_f1``) in percent, one run each:

    K            5      10     15     20     25     30     100    200    300
    accuracy     92.81  92.81  92.45  95.32  94.24  93.88  93.52  91.73  92.81
    F1           90.40  90.73  90.41  93.71  92.59  92.14  91.77  89.03  90.42

All accuracies are k/278: the whole sweep spans 10 test images, and the binomial standard error near 95 % is 1.3 points.
Staged as published; ``-o tuning=frozen`` trains only the adapters, all in one pass of the backbone.

To compare: ``bench table breakhis --metrics accuracy,paper_f1``.
"""

dataset = "breakhis"
protocol = "paper"
backbone = "vit_base_patch16_clip_224.laion2b"
recipe = "paper"
methods = [
    "majority",
    "knn",
    "linear_probe",
    dict(name="cladapter", k=[5, 10, 15, 20, 25, 30, 100, 200, 300]),
]
seeds = [0]
