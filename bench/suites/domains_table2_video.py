"""CLAdapter on the video sets of its Table 2(g), with a Video Swin-B of Kinetics.

Published top-1 accuracy of CLAdapter in percent: ucf101 97.6 (stage 1 only, says the text), hmdb51 75.8. Which of the
three official splits, and which Kinetics weights, is not stated; the test sizes of Table 5 (3,783 and 1,530) are those
of split 1. Clips need the extra ``video``.
"""

dataset = [dict(name="ucf101", protocol="split1"), dict(name="hmdb51", protocol="split1")]
backbone = "swin3d_b.in22k"
recipe = "paper"
methods = ["majority", "knn", "linear_probe", dict(name="cladapter", tuning=["frozen", "staged"])]
seeds = [0]
