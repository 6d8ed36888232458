"""PACS with Art Painting as the test domain: every method of CLAdapter's Table 3, tuned alike, on two small backbones.

The split is the paper's (one fold in five of Photo, Cartoon and Sketch), cut to about 800 training and 200 validation
images, as VTAB-1k does; all 2,048 test images count. Images are 96 px, backbones EfficientNet-Lite0 and DeiT-Tiny, so
nothing here compares with the published numbers of ViT-B: the order of the methods does. VPT needs a Vision Transformer
and is in `leaderboard_pacs_vit`, as DoRA, which cannot split the zero filters that Lite0 has.
`leaderboard_pacs_heads` adds two seeds of what leaves the backbone as it is.

``bench table pacs --stages`` for the numbers, ``bench compare cladapter staged_finetune`` for the adapter's worth.
"""

dataset = "pacs[protocol=paper,fraction=0.5,val_fraction=0.03]"
backbones = ["lite0", "deit_tiny"]
image_size = 96
recipe = "tuned_small"
methods = [
    "majority",
    "knn",
    "ridge",
    "linear_probe",
    "full_finetune",
    "staged_finetune",
    "l2_sp",
    "bitfit",
    "lora",
    "mora",
    dict(name="cladapter", tuning=["frozen", "staged"]),
]
seeds = [0, 1, 2]
