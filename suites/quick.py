"""What the embedded default shows: floors, linear probe, full fine-tuning and CLAdapter on 20 digits a class.

No network and no download: scikit-learn's digits on the embedded backbone `pico`, two seeds.
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
