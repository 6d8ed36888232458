"""Parameters and multiply-accumulates of every method (CLAdapter's Table 7): nothing is trained, no weights are read.

Published, for 224 px: parameters in millions, "FLOPs" in G (they are multiply-accumulates), trainable share:

    backbone     alone            with CLAdapter     stage 1 trains
    ViT-B        85.77   16.86    92.22   17.86      7.0 %
    ConvNeXt-B   88.85   15.42    99.11   15.86      10.4 %

What CLAdapter adds is 6,448,896 and 10,258,688 parameters (column "beyond a probe") and 1.016 G and 0.441 G; the
published 1.01 leaves out the mixing of the K matrices. Our count of the backbone itself includes the attention's own
products (ViT-B: 17.56 G), which the published one leaves out (16.86 G); ConvNeXt-B without classifier has 87.57 M
parameters, which makes its share 10.5 %.
"""

train = False
dataset = "breakhis"
backbones = ["vit_base_patch16_224.augreg_in21k", "convnext_base.fb_in22k"]
recipe = "paper"
methods = [
    "linear_probe",
    "full_finetune",
    "staged_finetune",
    "l2_sp",
    "bitfit",
    dict(name="vpt", variant=["shallow", "deep"]),
    "adaptformer",
    "ssf",
    "lora",
    "dora",
    "mora",
    dict(name="cladapter", tuning=["frozen", "staged"]),
]
