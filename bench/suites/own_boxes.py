"""Your own images with boxes: which way of adapting a small CNN finds objects best.

    bench run own_boxes -o "dataset=box_folder[path=cells]" --data data

A trivial baseline and four trained methods on `lite0`, which comes with the package, at 128 px, one seed, with Faster
R-CNN as the head; needs the extra ``dense``. ``-o image_size=224`` finds smaller objects and takes three times as long,
``-o seeds=[0,1,2]`` lets methods be compared.
"""

dataset = "box_folder"
backbone = "lite0"
image_size = 128
recipe = "quick"
epochs = 6
batch_size = 8
methods = ["typical_objects", "linear_probe", "bitfit", "lora", "full_finetune"]
backbone_lr = 0.0001
seeds = [0]
