"""BCCD, blood cells in boxes: Faster R-CNN on DeiT-Tiny, VFM-Adapter and what it is compared with; 3 seeds.

Half of the 205 training images and of the 87 validation images, all 72 test images, 128 px. The data set has no slide
ids, so that splits may share slides. Needs the extra ``dense``. ``bench table bccd`` for the numbers.
"""

_base_ = "leaderboard_segmentation.py"

dataset = "bccd[fraction=0.5,val_fraction=0.5]"
epochs = 4
batch_size = 8
methods = ["typical_objects", "linear_probe", "bitfit", "lora", "adaptformer", "mona", "vfm_adapter", "full_finetune"]
seeds = [0, 1, 2]
