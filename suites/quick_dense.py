"""What the embedded default shows of dense tasks: segmentation of digits on a canvas, 120 scenes to learn from.

No network and no download: scenes made from scikit-learn's digits on the embedded backbone `pico`. The floor gives every
pixel the background. `bench run quick_objects` finds boxes and masks on the same scenes.
"""

dataset = "digits_scene"
backbone = "pico"
recipe = "quick"
epochs = 10
batch_size = 8
methods = [
    "majority_pixel",
    "linear_probe",
    "bitfit",
    "full_finetune",
    dict(name="cladapter", tuning="frozen", k=5),
]
seeds = [0, 1]
