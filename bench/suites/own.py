"""Your own images: which way of adapting two ImageNet backbones works best on them.

    bench run own -o "dataset=image_folder[path=pets]" --data data

Trivial baselines, closed-form classifiers and four trained methods, on a CNN (`lite0`) and a Vision Transformer
(`deit_tiny`) that come with the package, at 112 px, three seeds. Every trained method gets four trials, whose learning
rates are compared on the validation split (`bench show own`); CLAdapter is a small one. ``-o seeds=[0]`` takes a third
of the time, and ``-o methods=[knn,ridge,linear_probe,full_finetune]`` leaves methods out.
"""

dataset = "image_folder"
backbones = ["lite0", "deit_tiny"]
image_size = 112
recipe = "own"
methods = [
    "majority",
    "knn",
    "ridge",
    "logistic",
    "linear_probe",
    "cladapter[tuning=frozen,k=5,bottleneck=64,mlp_ratio=0.25]",
    "lora",
    "full_finetune",
]
seeds = [0, 1, 2]
