"""The video sets of CLAdapter with the sizes of its Table 5: a run of their trivial baseline checks every count.

Published training / validation / test clips: ucf101 (101 classes) 9,537 / - / 3,783; hmdb51 (51 classes)
3,570 / - / 1,530. Both are those of the official split 1. Clips need the extra ``video``.
"""

_base_ = "domains_table2_video.py"

backbone = "pico[lift=slices]"
recipe = "quick"
methods = ["majority"]
