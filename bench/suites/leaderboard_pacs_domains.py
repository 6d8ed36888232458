"""PACS, each domain left out in turn, on two small backbones: methods on the frozen one, and full fine-tuning; 3 seeds.

About 800 training and 200 validation images of the three other domains. ``bench table "pacs[fraction=0.12]"`` shows
each domain and the average over the four.
"""

_base_ = "leaderboard_pacs.py"

dataset = [
    dict(
        name="pacs",
        protocol=["leave_art_painting", "leave_cartoon", "leave_photo", "leave_sketch"],
        fraction=0.12,
        val_fraction=0.15,
    )
]
backbones = ["deit_tiny", "lite0"]
methods = [
    "majority",
    "knn",
    "ridge",
    "linear_probe",
    "cladapter[tuning=frozen]",
    "full_finetune",
]
