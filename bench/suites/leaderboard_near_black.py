"""What the released augmentation's near-black images cost: BreakHis at 100X by image, recipe `released`; 6 seeds.

As `augmentation_defect`, at the size of two cores: 8 tumour types, Lite0 at 96 px, 8 epochs of each stage. About half
of all training images come out near-black where ``near_black=true``; everything else is the same.
"""

dataset = "breakhis[protocol=paper,magnification=100,n_classes=8]"
backbone = "lite0"
image_size = 96
recipe = "released"
epochs = 8
warmup_epochs = 1
lr = 5e-4
near_black = [False, True]
methods = ["majority", "knn", "linear_probe", "full_finetune", "cladapter"]
seeds = [0, 1, 2, 3, 4, 5]
