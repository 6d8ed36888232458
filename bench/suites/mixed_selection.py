"""How much does the reported epoch matter? The last epoch against the best one on validation.

The literature reports the best epoch on test (Convpass, FacT, RepAdapter, Bi-Adapter, SCT, NOAH, ARC), the last one
(Adapter+, DTL), or the best on validation. What choosing on test adds is in `leaderboard_test_selected`.
"""

datasets = ["pacs[protocol=paper,fraction=0.5,val_fraction=0.03]", "medmnist[subset=breastmnist]"]
backbone = "deit_tiny"
image_size = 96
recipe = "tuned_small"
selection = ["val_best", "last"]
methods = ["majority", "knn", "linear_probe", "full_finetune", "ssf", "lora", "adapter", "convpass", "repadapter"]
seeds = [0, 1, 2]
