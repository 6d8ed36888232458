"""VTAB-1k: nineteen sets of 1,000 training images, with cheap heads on a small frozen backbone.

Settings are chosen on 200 of the 1,000 images (``protocol=select``). ``-o protocol=full`` trains on all 1,000 and
reports the last epoch. Papers report the mean of the three groups' means.
"""

dataset = [
    dict(
        name="vtab",
        subset=[
            "caltech101", "cifar", "dtd", "oxford_flowers102", "oxford_iiit_pet", "sun397", "svhn",
            "patch_camelyon", "eurosat", "resisc45", "diabetic_retinopathy",
            "clevr_count", "clevr_dist", "dmlab", "kitti", "dsprites_loc", "dsprites_ori", "smallnorb_azi",
            "smallnorb_ele",
        ],
    )
]  # fmt: skip
backbones = ["lite0"]
recipe = "quick"
methods = ["majority", "knn", "ridge"]
seeds = [0]
