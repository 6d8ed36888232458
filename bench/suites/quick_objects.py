"""Boxes and masks of digits on a canvas, by R-CNN heads on the embedded backbone `pico`; needs the extra `dense`."""

datasets = ["digits_boxes", "digits_instances"]
backbone = "pico"
recipe = "quick"
epochs = 4
batch_size = 8
methods = ["typical_objects", "linear_probe", "full_finetune"]
seeds = [0]
