"""One scale for all tasks, or the best scale of each task? Convpass, FacT and RepAdapter at the scales of their papers.

They report the scale that was best for each task, chosen on test or by a search that was not released. Rows of one
scale say what a single choice gives; a method's largest row in each data set what a choice for each task adds.
"""

datasets = ["pacs[protocol=paper,fraction=0.5,val_fraction=0.03]", "medmnist[subset=breastmnist]"]
backbone = "deit_tiny"
image_size = 96
recipe = "tuned_small"
methods = [
    "majority",
    "knn",
    "linear_probe",
    dict(name="convpass", scale=[0.1, 1.0, 10.0]),
    dict(name="fact", scale=[0.1, 1.0, 10.0]),
    dict(name="repadapter", scale=[0.1, 1.0, 10.0]),
]
seeds = [0, 1, 2]
