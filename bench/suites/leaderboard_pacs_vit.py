"""What `leaderboard_pacs` leaves out: the two methods of CLAdapter's Table 3 that Lite0 cannot carry, on DeiT-Tiny."""

_base_ = "leaderboard_pacs.py"

backbones = ["deit_tiny"]
methods = ["majority", "knn", "vpt", "dora"]
