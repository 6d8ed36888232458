"""What the embedded default shows: floors, linear probe, full fine-tuning and CLAdapter on 20 digits a class.

No network and no download: scikit-learn's digits on the embedded backbone `pico`, two seeds. Test accuracy in percent,
mean of the seeds, to within a few points on other machines:

    majority                          10
    knn                               91
    linear_probe                      66
    full_finetune                     94
    cladapter[tuning=frozen]          77    (k=5: 84)
    cladapter, staged                 89    (k=5: 91)

Three epochs are few: what trains only a head stays below kNN here, and every table marks it. `-o epochs=20` shows more.
"""

dataset = "digits"
backbone = "pico"
recipe = "quick"
methods = [
    "majority",
    "knn",
    "linear_probe",
    "full_finetune",
    dict(name="cladapter", k=[5, 20], tuning=["frozen", "staged"]),
]
seeds = [0, 1]
