"""`few_shot_selection` where nothing is chosen: no validation rows, one rate, the last epoch, default strengths.

It is CLAP's question (Silva-Rodriguez et al., CVPR 2024): what is a method worth to someone who has its shots and no
label more?
"""

_base_ = "few_shot_selection.py"

dataset = [dict(name="clip_features", subset=["oxford_pets", "caltech101"], protocol=["unselected_4", "unselected_16"])]
recipe = "few_shot[lr=1e-3,lr_grid=[]]"
