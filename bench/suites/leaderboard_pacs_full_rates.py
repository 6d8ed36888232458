"""Which learning rates do the methods of `leaderboard_pacs_full` take? Four trials each, on a fifth of its images.

One seed; validation chooses. `leaderboard_pacs_full` trains on all images at what was chosen here. Where a CNN trains,
its batch statistics are those of the three training domains or, frozen, those of ImageNet: the test domain tells.
"""

dataset = "pacs[protocol=official_art_painting,fraction=0.2]"
backbones = ["lite0", "deit_tiny"]
image_size = 160
recipe = "tuned_small[epochs=3,halve_at=[]]"  # after one of three epochs the slowest rates look best
methods = [
    "majority",
    "linear_probe",
    "cladapter[tuning=frozen]",
    "lora",
    dict(name="full_finetune", batch_norm=["train", "frozen"]),
    "cladapter[tuning=staged,batch_norm=frozen]",
]
seeds = [0]
