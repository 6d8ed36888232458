"""PACS with all official training images of three domains, tested on Art Painting: which adaptation carries over?

160 px, as large as these images are; three epochs; three seeds. Rates are those that validation chose in
`leaderboard_pacs_full_rates`, by one seed on a fifth of the images, four trials for every method. A CNN that trains
keeps ImageNet's batch statistics: with those of the training domains full fine-tuning falls below its own frozen
features.
"""

dataset = "pacs[protocol=official_art_painting]"
backbone = "lite0"
image_size = 160
recipe = dict(
    name="tuned_small", epochs=3, lr=1e-2, lr_grid=[[]], coarse_lr_grid=[[]], backbone_lr_grid=[[]], halve_at=[[]],
    batch_norm="frozen",
)  # fmt: skip
methods = [
    "majority",
    "knn",
    "ridge",
    "logistic",
    "linear_probe",
    "cladapter[tuning=frozen,lr=0.0001]",
    "lora[lr=0.001]",
    "full_finetune[lr=0.003,backbone_lr=0.0003]",
    "wise_ft[lr=0.003,backbone_lr=0.0003]",
]
seeds = [0, 1, 2]
