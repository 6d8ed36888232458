"""Your own images with a class for each pixel: which way of adapting a small CNN draws them best.

    bench run own_masks -o "dataset=mask_folder[path=leaves,values=[0,255]]" --data data

A trivial baseline and four trained methods on `lite0`, which comes with the package, at 128 px, one seed, with a linear
layer on its maps as the head. ``-o recipe=quick[head=segformer]`` takes a larger head (extra ``dense``),
``-o image_size=224`` shows smaller things, ``-o seeds=[0,1,2]`` lets methods be compared.
"""

dataset = "mask_folder"
backbone = "lite0"
image_size = 128
recipe = "quick"
epochs = 10
batch_size = 8
backbone_lr = 0.0001
methods = ["majority_pixel", "linear_probe", "bitfit", "lora", "full_finetune"]
seeds = [0]
