"""`leaderboard_few_shot`, the methods that train nothing: five seeds, and so five draws of the shots."""

_base_ = "leaderboard_few_shot.py"

methods = ["majority", "knn", "zero_shot", "tip_adapter"]
seeds = [0, 1, 2, 3, 4]
