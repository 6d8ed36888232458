"""CLAdapter's two stages for several pre-trainings on BreakHis (its Table 9).

Four malignant classes at 200X, 278 test images at image level (patients are mixed, as published). Published F1 in
percent, ``2PR/(P+R)`` of the macro averages (metric ``paper_f1``), stage 1 (frozen backbone) and stage 2 (everything):

    pre-training     ViT-B stage 1    stage 2    ConvNeXt-B stage 1    stage 2
    ImageNet-21K     84.34            90.19      80.89                 88.60
    LAION-400M       80.63            91.35      71.72                 90.55
    LAION-2B         80.67            93.71      75.17                 91.66

What the paper calls LAION-400M for ViT-B is OpenAI's CLIP in its README. The ConvNeXt-B of LAION-400M exists in
open_clip only, not in timm, and is left out here. One test image is 0.36 points of accuracy; the folds cannot be
recovered image by image, since the order of files is not published.

To compare: ``bench table breakhis --stages --metrics accuracy,paper_f1``.
"""

dataset = "breakhis"
protocol = "paper"
backbones = [
    "vit_base_patch16_224.augreg_in21k",
    "vit_base_patch16_clip_224.openai",
    "vit_base_patch16_clip_224.laion2b",
    "convnext_base.fb_in22k",
    "convnext_base.clip_laion2b_augreg",
]
image_size = 224
recipe = "paper"
methods = ["majority", "knn", "linear_probe", "cladapter"]
seeds = [0]
