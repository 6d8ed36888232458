"""Your own images with a mask for each object: which way of adapting a small CNN finds objects best.

    bench run own_instances -o "dataset=mask_folder[path=nuclei,task=instances]" --data data

A trivial baseline and four trained methods on `lite0`, which comes with the package, at 128 px, one seed, with Mask
R-CNN as the head; needs the extra ``dense``.
"""

dataset = "mask_folder[task=instances]"
backbone = "lite0"
image_size = 128
recipe = "quick"
epochs = 6
batch_size = 8
backbone_lr = 0.0001
methods = ["typical_objects", "linear_probe", "bitfit", "lora", "full_finetune"]
seeds = [0]
