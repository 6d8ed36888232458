"""Tiny-ImageNet's 200 classes, 4 training images each, on the frozen backbone, beside full fine-tuning; 3 seeds.

Of each class 4 images train and 1 validates, both cut from the training folder, and all images of the published
validation folder test. DeiT-Tiny was pre-trained on the very classes: this asks what a head can read from them.
"""

dataset = "tiny_imagenet[protocol=holdout,shots=4,val_shots=1]"
backbone = "deit_tiny"
image_size = 96
recipe = "tuned_small"
methods = [
    "majority",
    "knn",
    "ridge",
    "linear_probe",
    "cladapter[tuning=frozen]",
    "full_finetune",
]
seeds = [0, 1, 2]
