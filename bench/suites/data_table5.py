"""The image sets of CLAdapter with the sizes of its Table 5: a run of their trivial baseline checks every count.

Published training / validation / test images:

    tiny_imagenet           200 classes   100,000 / 10,000 / 10,000   the test labels are not public
    pacs                    4 x 7           1,588 /  6,355 /  2,048
    breakhis                4                 834 /    278 /    278
    hcrf                    2                  70 /     70 /    140
    plant_pathology_2020    4               1,366 /      - /    455
    whu_rs19                19                402 /    100 /    503
    kth_tips2b              11              3,564 /      - /  1,188   each of four splits
    insplad_fault           5 problems      5,108 /      - /  6,417   = 59 + 251 + 64 + 281 + 5,762

``bench run data_table5 --data DIR`` fails for a set whose counts differ or that is not here, and names it; the others
go on. UCF101 (101 classes, 9,537 / - / 3,783) and HMDB51 (51, 3,570 / - / 1,530) are suite
`data_table5_video`. Of Tiny-ImageNet the validation images are the test split here, and nothing validates.
"""

_base_ = "domains_table2.py"

backbones = ["pico"]
recipe = "quick"
methods = ["majority"]
