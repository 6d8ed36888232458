"""Does the input normalisation decide which adaptation method leads? The same weights, three normalisations.

The VTAB-1k literature mixes three: ImageNet's mean and deviation (NOAH, Convpass, FacT, RepAdapter), none (VPT, SSF,
Bi-Adapter), 0.5 and 0.5 (DTL, Adapter+). DeiT-Tiny's own is ImageNet's. ``bench compare`` within a normalisation, and
``bench table mixed_normalisation`` for what changes between them.
"""

datasets = ["pacs[protocol=paper,fraction=0.5,val_fraction=0.03]", "medmnist[subset=breastmnist]"]
backbone = "deit_tiny"
image_size = 96
recipe = "tuned_small"
normalisation = ["own", "half", "none"]
methods = ["majority", "knn", "linear_probe", "full_finetune", "ssf", "lora", "adapter", "convpass", "repadapter"]
seeds = [0, 1, 2]
