"""DSB2018, nuclei as instances: Mask R-CNN on DeiT-Tiny, VFM-Adapter and what it is compared with; one fold of five.

100 images here, of which 60 train, 20 validate and 20 test. At 128 px nuclei are smaller than the smallest
anchor and nothing is learned; at 256 px a run costs four times as much, so that one rate stands for the grid: 1e-3 of
what is added, which validation chose on BCCD, and a tenth of it for pre-trained weights. Needs the extra ``dense``.
"""

_base_ = "leaderboard_detection.py"

dataset = "dsb2018[protocol=fold0]"
image_size = 256
epochs = 12
batch_size = 4
recipe = dict(
    _delete_=True,  # the base has a plain name
    name="tuned_small",
    lr=1e-3,
    backbone_lr=1e-4,
    lr_grid=[[]],
    coarse_lr_grid=[[]],
    backbone_lr_grid=[[]],
    halve_at=[[]],
)
seeds = [0]
