"""Learning curves on PACS: 1 to 64 images a class, on the frozen backbone DeiT-Tiny; 5 seeds, which draw the images.

Validation has as many images a class as training, at most 16. ``bench plot curves pacs`` draws them, with the numbers
of images at which one method overtakes another.
"""

dataset = [
    dict(name="pacs", protocol="leave_art_painting", shots=1, val_shots=1),
    dict(name="pacs", protocol="leave_art_painting", shots=4, val_shots=4),
    dict(name="pacs", protocol="leave_art_painting", shots=[16, 64], val_shots=16),
]
backbone = "deit_tiny"
image_size = 96
recipe = "tuned_small"
methods = ["majority", "knn", "ridge", "logistic", "linear_probe", "cladapter[tuning=frozen]"]
seeds = [0, 1, 2, 3, 4]
