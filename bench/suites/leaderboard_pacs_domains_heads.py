"""`leaderboard_pacs_domains`, the methods that leave the backbone as it is: five seeds, for they cost little."""

_base_ = "leaderboard_pacs_domains.py"

methods = ["majority", "knn", "ridge", "linear_probe", "cladapter[tuning=frozen]"]
seeds = [0, 1, 2, 3, 4]
