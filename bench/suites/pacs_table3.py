"""CLAdapter's comparison of adaptation methods on PACS (its Table 3).

Art Painting is the test domain (2,048 images); published top-1 accuracy in percent, one run each:

    method                      ViT-B, ImageNet-21K
    Linear (linear_probe)       71.88
    Full (full_finetune)        87.79
    SFT (staged_finetune)       88.91
    L2-SP (l2_sp)               87.74
    VPT (vpt)                   76.76
    LoRA (lora)                 88.53
    DoRA (dora)                 88.43
    MoRA (mora)                 89.09
    CLAdapter (cladapter)       91.41

89.09 is not k/2048 for any whole number of images k, 88.91 only when truncated. The paper states no parameters of the
methods compared with (ranks, prompts, strengths); ours are the usual ones. VPT needs a Vision Transformer; for another
backbone name the methods, ``-o methods=[linear_probe,cladapter]``.
"""

dataset = "pacs"
protocol = "paper"
backbone = "vit_base_patch16_224.augreg_in21k"
recipe = "paper"
methods = [
    "majority",
    "knn",
    "linear_probe",
    "full_finetune",
    "staged_finetune",
    "l2_sp",
    "vpt",
    "lora",
    "dora",
    "mora",
    "cladapter",
]
seeds = [0]
