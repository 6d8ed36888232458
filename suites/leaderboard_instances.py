"""DSB2018, nuclei as instances: Mask R-CNN on DeiT-Tiny, VFM-Adapter and what it is compared with; 3 of 5 folds.

100 images here, of which 60 train, 20 validate and 20 test in each fold; 128 px. Needs the extra ``dense``.
"""

_base_ = "leaderboard_detection.py"

dataset = [dict(name="dsb2018", protocol=["fold0", "fold1", "fold2"])]
seeds = [0]
