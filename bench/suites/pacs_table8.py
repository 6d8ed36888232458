"""CLAdapter's comparison of adaptation methods on PACS with weights of LAION-2B (its Table 8).

As suite `pacs_table3`, with five of its methods and another backbone. Art Painting is the test domain (2,048 images);
published top-1 accuracy in percent, one run each:

    Linear (linear_probe)       95.61
    Full (full_finetune)        47.17
    L2-SP (l2_sp)               45.56
    VPT (vpt)                   97.46
    CLAdapter (cladapter)       97.62

97.62 is not k/2048 for any whole number of images k.
"""

_base_ = "pacs_table3.py"

backbone = "vit_base_patch16_clip_224.laion2b"
methods = ["majority", "knn", "linear_probe", "full_finetune", "l2_sp", "vpt", "cladapter"]
